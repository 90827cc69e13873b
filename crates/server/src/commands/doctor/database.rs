//! What was found in the database.

use domain::{Span, UnixMillis};
use store::{Facts, Inspection, Kept, OpenError, PostgresFacts, Schema, SqliteFacts};

use super::finding::Finding;

/// Judges a database that could be looked at; `now` is the time here.
pub fn judge(found: &Inspection, now: UnixMillis) -> Vec<Finding> {
    let mut findings = match &found.engine {
        Facts::Sqlite(facts) => sqlite(facts),
        Facts::Postgres(facts) => postgres(facts, now),
    };
    findings.push(schema(found.schema));
    if let Some(kept) = &found.kept {
        findings.push(log(kept, now));
    }
    findings
}

/// One that could not be.
pub fn unreachable(error: &OpenError) -> Finding {
    Finding::problem("database", error.to_string(), "mend that first: what needs the database was not checked")
}

fn schema(schema: Schema) -> Finding {
    match schema {
        Schema::Current(number) => Finding::ok("schema", format!("number {number}, this version's")),
        Schema::Missing => Finding::ok("schema", "there are no tables yet; the first start makes them"),
        Schema::Behind { found, known } => Finding::warning(
            "schema",
            format!("number {found}; this version works with {known}"),
            "make a backup and start the server of this version: it brings the schema up to date",
        ),
    }
}

fn sqlite(facts: &SqliteFacts) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("database", format!("SQLite {}", facts.version))];
    findings.push(match &facts.damage {
        None => Finding::ok("integrity", "every page that quick_check looks at is right"),
        Some(damage) => Finding::problem(
            "integrity",
            format!("damaged: {damage}"),
            "stop the server, keep the file, and restore a backup: watchword restore FILE; then look at disk and memory",
        ),
    });
    findings.push(if facts.journal_mode != "wal" {
        Finding::warning(
            "journal",
            format!("journal mode {}: reading and writing wait for each other", facts.journal_mode),
            "start the server once; it turns the log on. If it was on, find out who turned it off",
        )
    } else if facts.is_synchronous {
        Finding::ok("journal", "wal, and a commit waits until it is on disk (synchronous = full)")
    } else {
        Finding::problem("journal", "a commit does not wait for the disk", "use an unchanged build of Watchword")
    });
    findings
}

fn postgres(facts: &PostgresFacts, now: UnixMillis) -> Vec<Finding> {
    vec![
        Finding::ok("database", format!("PostgreSQL {}, {}", facts.version, facts.encoding)),
        role(facts),
        durability(facts),
        commits(facts),
        isolation(facts),
        clock(facts, now),
        connections(facts),
        transactions(facts),
    ]
}

fn role(facts: &PostgresFacts) -> Finding {
    if facts.is_standby {
        return Finding::problem(
            "primary",
            "this server is a standby: it can be read only",
            "name the primary in the URL, or every host of the cluster, separated by commas",
        );
    }
    if facts.is_read_only {
        return Finding::problem(
            "primary",
            "transactions are read-only (default_transaction_read_only = on)",
            "take that setting away for this user and database",
        );
    }
    Finding::ok("primary", "this server can be written")
}

fn durability(facts: &PostgresFacts) -> Finding {
    let advice = "set it to on in postgresql.conf and restart the server";
    if !facts.fsync {
        let is = "fsync = off: a power failure may lose what was acknowledged, or the whole database";
        return Finding::problem("durability", is, advice);
    }
    if !facts.full_page_writes {
        let is = "full_page_writes = off: a power failure may tear a page, unless the file system cannot";
        return Finding::problem("durability", is, advice);
    }
    Finding::ok("durability", "fsync and full_page_writes are on")
}

fn commits(facts: &PostgresFacts) -> Finding {
    match facts.synchronous_commit.as_str() {
        mode @ ("on" | "remote_apply") => Finding::ok("synchronous_commit", mode),
        mode => Finding::warning(
            "synchronous_commit",
            format!("{mode} by default; Watchword's own connections set it to on"),
            "leave it on, so that what others write to this server is as safe",
        ),
    }
}

fn isolation(facts: &PostgresFacts) -> Finding {
    match facts.isolation.as_str() {
        mode @ "read committed" => Finding::ok("isolation", mode),
        mode => Finding::warning(
            "isolation",
            format!("{mode} by default; Watchword's own connections set it to read committed"),
            "leave default_transaction_isolation as it was, unless another program needs it",
        ),
    }
}

fn clock(facts: &PostgresFacts, now: UnixMillis) -> Finding {
    let apart = facts.clock.since(now).max(now.since(facts.clock));
    let is = format!("the database's clock and this machine's differ by {} ms", apart.0);
    let advice = "run chrony or systemd-timesyncd on both machines: nodes must agree when something expires";
    if apart > Span::minutes(1) {
        Finding::problem("database clock", is, advice)
    } else if apart > Span::seconds(5) {
        Finding::warning("database clock", is, advice)
    } else {
        Finding::ok("database clock", is)
    }
}

fn connections(facts: &PostgresFacts) -> Finding {
    let is = format!("{} more can be made; each node opens up to 10", facts.connections_left);
    let advice = "raise max_connections, or find out who holds so many: select * from pg_stat_activity";
    match facts.connections_left {
        ..2 => Finding::problem("connections", is, advice),
        2..10 => Finding::warning("connections", is, advice),
        _ => Finding::ok("connections", is),
    }
}

fn transactions(facts: &PostgresFacts) -> Finding {
    let is = format!("the oldest open transaction is {} s old", facts.oldest_transaction);
    if facts.oldest_transaction > 600 {
        let advice = "end it: what was deleted since takes space and is read again at every look into the revocation log. \
            select pid, xact_start, query from pg_stat_activity order by xact_start";
        return Finding::warning("transactions", is, advice);
    }
    Finding::ok("transactions", is)
}

/// A server that is at work sweeps every minute and records the time when it does.
fn log(kept: &Kept, now: UnixMillis) -> Finding {
    let is_at_work = kept.clock_floor.is_some_and(|floor| now.since(floor) < Span::minutes(3));
    let is = format!("{} entries, {} of them past their time", kept.revocations, kept.overdue);
    if is_at_work && kept.overdue > 0 {
        let advice = "a server is at work, but does not get round to sweeping: look into its log for `a job failed`";
        return Finding::warning("revocation log", is, advice);
    }
    if kept.revocations > MANY_REVOCATIONS {
        let advice = "find out who ends so many sessions; each is kept for about 17 minutes and in every node's memory";
        return Finding::warning("revocation log", is, advice);
    }
    Finding::ok("revocation log", is)
}

/// More than a server should have to remember.
const MANY_REVOCATIONS: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn postgres() -> PostgresFacts {
        PostgresFacts {
            version: "15.8".into(),
            encoding: "UTF8".into(),
            fsync: true,
            full_page_writes: true,
            synchronous_commit: "on".into(),
            isolation: "read committed".into(),
            is_standby: false,
            is_read_only: false,
            clock: NOW,
            connections_left: 90,
            oldest_transaction: 0,
        }
    }

    fn sqlite() -> SqliteFacts {
        SqliteFacts { version: "3.50.0", journal_mode: "wal".into(), is_synchronous: true, damage: None }
    }

    fn judged(engine: Facts, schema: Schema, kept: Kept) -> Vec<(&'static str, Outcome)> {
        let found = judge(&Inspection { schema, engine, kept: Some(kept) }, NOW);
        assert!(found.iter().all(|finding| finding.advice.is_some() == (finding.result != Outcome::Ok)));
        let bad = found.into_iter().filter(|finding| finding.result != Outcome::Ok);
        bad.map(|finding| (finding.check, finding.result)).collect()
    }

    #[test]
    fn on_postgresql_each_bad_case_is_found_and_a_good_server_is_fine() {
        type Case = (fn(&mut PostgresFacts), &'static str, Outcome);
        let cases: [Case; 13] = [
            (|f| f.is_standby = true, "primary", Outcome::Problem),
            (|f| f.is_read_only = true, "primary", Outcome::Problem),
            (|f| f.fsync = false, "durability", Outcome::Problem),
            (|f| f.full_page_writes = false, "durability", Outcome::Problem),
            (|f| f.synchronous_commit = "off".into(), "synchronous_commit", Outcome::Warning),
            (|f| f.synchronous_commit = "local".into(), "synchronous_commit", Outcome::Warning),
            (|f| f.isolation = "serializable".into(), "isolation", Outcome::Warning),
            (|f| f.clock = NOW + Span::seconds(6), "database clock", Outcome::Warning),
            (|f| f.clock = NOW - Span::seconds(61), "database clock", Outcome::Problem),
            (|f| f.connections_left = 9, "connections", Outcome::Warning),
            (|f| f.connections_left = 1, "connections", Outcome::Problem),
            (|f| f.connections_left = -3, "connections", Outcome::Problem),
            (|f| f.oldest_transaction = 601, "transactions", Outcome::Warning),
        ];
        let judged = |facts| judged(Facts::Postgres(facts), Schema::Current(2), Kept::default());
        assert_eq!(judged(postgres()), []);
        for (spoil, check, result) in cases {
            let mut facts = postgres();
            spoil(&mut facts);
            assert_eq!(judged(facts.clone()), [(check, result)], "{facts:?}");
        }
    }

    #[test]
    fn on_sqlite_each_bad_case_is_found_and_a_good_file_is_fine() {
        type Case = (fn(&mut SqliteFacts), &'static str, Outcome);
        let cases: [Case; 3] = [
            (|f| f.damage = Some("row 3 missing from index".into()), "integrity", Outcome::Problem),
            (|f| f.journal_mode = "delete".into(), "journal", Outcome::Warning),
            (|f| f.is_synchronous = false, "journal", Outcome::Problem),
        ];
        let judged = |facts| judged(Facts::Sqlite(facts), Schema::Current(2), Kept::default());
        assert_eq!(judged(sqlite()), []);
        for (spoil, check, result) in cases {
            let mut facts = sqlite();
            spoil(&mut facts);
            assert_eq!(judged(facts.clone()), [(check, result)], "{facts:?}");
        }
    }

    #[test]
    fn on_either_engine_an_old_schema_and_a_log_that_nobody_sweeps_are_found() {
        for engine in [Facts::Sqlite(sqlite()), Facts::Postgres(postgres())] {
            let of = |schema, kept| judged(engine.clone(), schema, kept);
            assert_eq!(of(Schema::Missing, Kept::default()), []);
            assert_eq!(of(Schema::Behind { found: 1, known: 2 }, Kept::default()), [("schema", Outcome::Warning)]);
            let kept = |revocations, overdue, floor| Kept {
                revocations,
                overdue,
                clock_floor: Some(floor),
                ..Kept::default()
            };
            assert_eq!(of(Schema::Current(2), kept(9, 4, NOW)), [("revocation log", Outcome::Warning)]);
            assert_eq!(of(Schema::Current(2), kept(9, 4, NOW - Span::hours(1))), [], "no server was there to sweep");
            assert_eq!(of(Schema::Current(2), kept(1_000_001, 0, NOW)), [("revocation log", Outcome::Warning)]);
        }
    }
}
