//! Two nodes on one PostgreSQL whose own clocks are two hours apart. Neither clock counts: the database's does.

use serde_json::Value;
use test_postgres::Schema;

use crate::support::{Http, Place, Server, soon};

const URL: [&str; 2] = ["--public-url", "http://127.0.0.1:9"];

const HOUR: i64 = 3_600_000;

/// No stall of a machine takes so long, and no clock here is off by so little.
const LONG: i64 = HOUR / 4;

struct Nodes {
    schema: Schema,
    places: [Place; 2],
    /// An hour ahead.
    early: Server,
    /// An hour behind.
    late: Server,
}

impl Nodes {
    fn start() -> Self {
        let schema = Schema::new();
        let places = [Place::new(), Place::new()];
        for place in &places {
            place.write("watchword.toml", format!("database = '{}'\n", schema.url()));
        }
        places[0].add_user("kavya");
        let early = serve(&places[0], "+1h");
        std::fs::copy(places[0].path("watchword.key"), places[1].path("watchword.key")).unwrap();
        let late = serve(&places[1], "-1h");
        Self { schema, places, early, late }
    }

    /// Each as the one that begins, and the other.
    fn turns(&self) -> [(Http, Http); 2] {
        [(self.early.http(), self.late.http()), (self.late.http(), self.early.http())]
    }

    fn number(&self, sql: &str) -> i64 {
        self.schema.psql(sql).parse().unwrap()
    }
}

fn serve(place: &Place, offset: &str) -> Server {
    let faked = faked(offset);
    let faked: Vec<(&str, &str)> = faked.iter().map(|(name, value)| (*name, value.as_str())).collect();
    place.serve_with(&URL, &[&faked[..], &[("WATCHWORD_TOKENS_REFRESH_GRACE", "60s")]].concat())
}

/// What gives a process a wall clock that is off. What counts seconds from the start of the machine is left alone.
fn faked(offset: &str) -> [(&'static str, String); 3] {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    let library = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|file| file.is_file());
    let library =
        library.expect("this test needs libfaketime: install the package `libfaketime`, or run `cargo xtask test`");
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", offset.to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

#[test]
fn a_wrong_clock_is_said_and_has_no_part_in_what_is_stored_or_signed() {
    let nodes = Nodes::start();
    for (server, off) in [(&nodes.early, HOUR), (&nodes.late, -HOUR)] {
        soon(|| {
            let ready = server.http().get("/health/ready", &[]).json();
            ready["clock_off"].as_i64().is_some_and(|said| (said - off).abs() < 2000)
        });
        soon(|| server.logged().contains("this machine's clock"));
        let claims = token::inspect(&server.http().login("kavya").text("access_token")).unwrap().claims;
        let now = nodes.number(NOW);
        let about = |claim: &Value, unit: i64| (claim.as_i64().unwrap() * unit - now).abs() < LONG;
        assert!(about(&claims["iat"], 1000) && about(&claims["rat"], 1), "{claims}");
    }
    let astray = format!(
        "select count(*) from sessions where abs(created_at - ({NOW})) > {LONG} or abs(seen_at - ({NOW})) > {LONG}
        or abs(idle_expires_at - created_at - 86460000) > 20000"
    );
    assert_eq!((nodes.number("select count(*) from sessions"), nodes.number(&astray)), (2, 0));
    for (place, offset) in nodes.places.iter().zip(["+1h", "-1h"]) {
        let faked = faked(offset);
        let faked: Vec<(&str, &str)> = faked.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let said = place.run_with_env(&["session", "list", "kavya", "--json"], &faked);
        assert_eq!(serde_json::from_str::<Vec<Value>>(&said.out).unwrap().len(), 2, "{said:?}");
    }
    assert_eq!((nodes.early.stop(), nodes.late.stop()), (Some(0), Some(0)));
    let floor = "select value from meta where name = 'clock_floor'";
    assert!((nodes.schema.psql(floor).parse::<i64>().unwrap() - nodes.schema.psql(NOW).parse::<i64>().unwrap()) < 1000);
}

#[test]
fn what_one_node_hands_out_or_ends_is_so_on_another_whose_clock_is_two_hours_off() {
    let nodes = Nodes::start();
    for (here, there) in nodes.turns() {
        let login = here.login("kavya");
        let credentials = [login.bearer("access_token"), [login.cookie()]];
        for credential in &credentials {
            assert_eq!(there.get("/dashboard", credential).status, 200);
        }
        assert_eq!(here.post("/logout", &credentials[0]).status, 200);
        for credential in &credentials {
            there.refused_soon(credential);
        }
    }
}

#[test]
fn the_grace_of_a_used_refresh_token_is_as_long_on_another_node() {
    let nodes = Nodes::start();
    for (here, there) in nodes.turns() {
        let login = here.login("kavya");
        let used = login.bearer("refresh_token");
        let successor = here.post("/refresh", &used).text("refresh_token");
        assert_eq!(there.post("/refresh", &used).text("refresh_token"), successor);
        nodes.schema.psql("update grants set rotated_at = rotated_at - 61000");
        assert_eq!(there.post("/refresh", &used).status, 401, "it was used more than a minute ago");
        here.refused_soon(&login.bearer("access_token"));
    }
}

#[test]
fn a_session_times_out_at_the_same_moment_on_every_node() {
    let nodes = Nodes::start();
    for (here, there) in nodes.turns() {
        // A node's time is behind the database's by what the quickest answer took that it has had.
        for (left, status) in [(LONG, 200), (-10_000, 401)] {
            let cookie = [here.login("kavya").cookie()];
            nodes
                .schema
                .psql(&format!("update sessions set idle_expires_at = ({NOW}) + {left} where ended_at is null"));
            assert_eq!(there.get("/api/v1/session", &cookie).status, status, "{left} ms before its end");
        }
    }
}

const NOW: &str = "select (extract(epoch from clock_timestamp()) * 1000)::bigint";

#[test]
fn a_database_put_back_is_made_safe_by_its_own_clock_although_it_lacks_writes_and_the_newest_tables() {
    let schema = Schema::new();
    let place = Place::new();
    place.write("watchword.toml", format!("database = '{}'\n", schema.url()));
    place.add_user("kavya");
    let server = place.serve_with(&URL, &[]);
    let login = server.http().login("kavya");
    assert_eq!(server.stop(), Some(0));
    schema.psql(
        "drop table listeners; drop table verifiers; drop table client_endings; drop table if exists log_life;
        drop index sessions_standing_by_user; drop index sessions_ended_by_user;
        create index sessions_by_user on sessions (user_id, ended_at);
        alter table sessions rename column max_access_minute to max_access_exp;
        alter table sessions rename column sweep_minute to sweep_at;
        alter table sessions drop constraint sessions_ip_check;
        alter table sessions alter column ip type text using '192.0.2.1';
        delete from meta where name = 'revocations_source'; delete from migrations where number >= 6; insert into meta (name, value) values ('history_lost', 1)",
    );
    let faked = faked("+1h");
    let faked: Vec<(&str, &str)> = faked.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let ran = place.run_with_env(&["restore", "--by-other-means"], &faked);
    assert!(ran.code == Some(0) && ran.out.contains("Ended 1 sessions"), "{ran:?}");
    let ahead = format!(
        "select greatest(max(value), (select max(epoch) from users)) - ({NOW}) from meta where name = 'clock_floor'"
    );
    let ahead: i64 = schema.psql(&ahead).parse().unwrap();
    assert!(ahead.abs() < LONG, "{ahead}");
    let server = place.serve_with(&URL, &[]);
    assert_eq!(server.http().get("/dashboard", &[login.cookie()]).status, 401);
    assert_eq!(server.stop(), Some(0));
}
