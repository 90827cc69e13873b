//! The master key, the signing keys and what is overdue, and the clock they go by.

use domain::signing_keys::{KeyLife, Schedule, Step, agenda};
use domain::{KeyState, Span, UnixMillis};
use store::Kept;

use super::finding::Finding;
use crate::keyring::KeyError;
use crate::moments::{ago, moment, until};

/// The master key, as far as it could be looked for.
pub fn master(found: Result<(String, bool), KeyError>, is_begun: bool) -> Finding {
    match found {
        Err(error) => {
            Finding::problem("master key", error.to_string(), "the server does not start before that is mended")
        }
        Ok((name, _)) if !is_begun => Finding::ok(
            "master key",
            format!("none is needed yet; the first start takes it from {name}, or makes it there"),
        ),
        Ok((name, true)) => Finding::ok("master key", format!("{name} is the one that the database needs")),
        Ok((name, false)) => Finding::problem(
            "master key",
            format!("{name} is missing, or not the one that the database's keys are encrypted under"),
            "put back the one that belongs to this database; without it every session and key in it is lost",
        ),
    }
}

/// The machine's clock beside what the database has seen.
pub fn clock(kept: &Kept, now: UnixMillis) -> Finding {
    let Some(floor) = kept.clock_floor else { return Finding::ok("clock", moment(now)) };
    let behind = floor.since(now);
    if behind > Span::minutes(1) {
        return Finding::problem(
            "clock",
            format!("this machine's clock says {}, but the database has seen {}", moment(now), moment(floor)),
            "set the clock; if it was the database that has seen a wrong time: watchword danger-reset-clock",
        );
    }
    if behind > Span::ZERO {
        return Finding::warning(
            "clock",
            format!("this machine's clock is {} ms behind what the database has seen", behind.0),
            "run chrony or systemd-timesyncd; the server goes on from the later time",
        );
    }
    Finding::ok("clock", format!("{}; a server last recorded the time {}", moment(now), ago(floor, now)))
}

/// The signing keys and their agenda.
pub fn signing(keys: &[KeyLife], schedule: Option<&Schedule>, now: UnixMillis) -> Vec<Finding> {
    let Some(schedule) = schedule else {
        return vec![Finding::ok("signing keys", "none: tokens are signed with a shared secret")];
    };
    vec![signer(keys, schedule, now), steps(keys, schedule, now), retired(keys)]
}

fn signer(keys: &[KeyLife], schedule: &Schedule, now: UnixMillis) -> Finding {
    let Some(active) = keys.iter().find(|key| key.state == KeyState::Active) else {
        return Finding::ok("signing keys", "none signs; the server makes one when it is started");
    };
    let since = active.activated_at.unwrap_or(active.created_at);
    let is = format!("{} signs with {} since {}", active.kid, active.algorithm, ago(since, now));
    if active.algorithm != schedule.algorithm {
        let advice = "leave the server running: it publishes a key of that kind, which takes over";
        return Finding::warning("signing keys", format!("{is}, but {} is configured", schedule.algorithm), advice);
    }
    if now.since(since) > OLD {
        return Finding::warning("signing keys", is, "watchword keys rotate; or set keys.rotate_every = \"90d\"");
    }
    Finding::ok("signing keys", is)
}

/// What a server that is at work would have done by now.
fn steps(keys: &[KeyLife], schedule: &Schedule, now: UnixMillis) -> Finding {
    let agenda = agenda(keys, schedule);
    let Some(first) = agenda.iter().find(|due| due.step != Step::Begin) else {
        return Finding::ok("key rotation", "nothing is due");
    };
    let what = match &first.step {
        Step::Begin | Step::Prepare => "a successor is made",
        Step::Activate(_) => "a key takes over",
        Step::Drop(..) => "a retired key is erased",
    };
    if now.since(first.at) > LATE {
        return Finding::warning(
            "key rotation",
            format!("overdue since {}: {what}", moment(first.at)),
            "start the server; if it runs, look into its log for `a job failed`: it may lack the master key",
        );
    }
    Finding::ok("key rotation", format!("{what} {}", until(first.at, now)))
}

fn retired(keys: &[KeyLife]) -> Finding {
    let count = keys.iter().filter(|key| key.state == KeyState::Retired).count();
    let is = format!("{count} retired, {} published", keys.iter().filter(|key| key.state != KeyState::Gone).count());
    if count > MANY {
        let advice = "let keys sign for longer, or find out who rotates them so often";
        return Finding::warning("published keys", is, advice);
    }
    Finding::ok("published keys", is)
}

/// Nobody should sign for longer with one key.
const OLD: Span = Span::days(366);

/// How late a step may be that is taken ten times a second.
const LATE: Span = Span::minutes(10);

/// More retired keys than a published set should have.
const MANY: usize = 3;

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn schedule() -> Schedule {
        Schedule { algorithm: "EdDSA".into(), rotate_every: Some(Span::days(90)), publish_ahead: Span::hours(1) }
    }

    fn key(state: KeyState, at: UnixMillis) -> KeyLife {
        let retired_at = (state == KeyState::Retired).then_some(at);
        KeyLife {
            kid: "k".into(),
            algorithm: "EdDSA".into(),
            state,
            created_at: at,
            activated_at: Some(at),
            retired_at,
        }
    }

    fn bad(keys: &[KeyLife], schedule: &Schedule) -> Vec<(&'static str, Outcome)> {
        let found = signing(keys, Some(schedule), NOW).into_iter().filter(|finding| finding.result != Outcome::Ok);
        found.map(|finding| (finding.check, finding.result)).collect()
    }

    #[test]
    fn what_is_wrong_with_signing_keys_is_found_and_good_ones_are_fine() {
        let active = |at| key(KeyState::Active, at);
        assert_eq!(bad(&[active(NOW)], &schedule()), []);
        assert_eq!(bad(&[], &schedule()), [], "the server makes one");
        let overdue = [active(NOW - Span::days(91))];
        assert_eq!(bad(&overdue, &schedule()), [("key rotation", Outcome::Warning)]);
        let never = Schedule { rotate_every: None, ..schedule() };
        assert_eq!(bad(&[active(NOW - Span::days(367))], &never), [("signing keys", Outcome::Warning)]);
        let other = Schedule { algorithm: "ES256".into(), ..schedule() };
        assert_eq!(bad(&[active(NOW)], &other), [("signing keys", Outcome::Warning)]);
        let mut many = vec![active(NOW)];
        many.extend((0..4).map(|_| key(KeyState::Retired, NOW)));
        assert_eq!(bad(&many, &schedule()), [("published keys", Outcome::Warning)]);
        assert_eq!(signing(&overdue, None, NOW).len(), 1);
    }

    #[test]
    fn a_clock_that_was_stepped_back_is_found() {
        for (floor, result) in [
            (NOW - Span::hours(1), Outcome::Ok),
            (NOW, Outcome::Ok),
            (NOW + Span::seconds(2), Outcome::Warning),
            (NOW + Span::minutes(2), Outcome::Problem),
        ] {
            let kept = Kept { clock_floor: Some(floor), ..Kept::default() };
            assert_eq!(clock(&kept, NOW).result, result);
        }
        assert_eq!(clock(&Kept::default(), NOW).result, Outcome::Ok);
    }

    #[test]
    fn a_master_key_that_is_missing_or_another_is_found() {
        let found = |is_here| Ok(("watchword.key".to_owned(), is_here));
        assert_eq!(master(found(true), true).result, Outcome::Ok);
        assert_eq!(master(found(false), true).result, Outcome::Problem);
        assert_eq!(master(found(true), false).result, Outcome::Ok);
        assert_eq!(master(Err(KeyError::Master("others may read it".into())), true).result, Outcome::Problem);
    }
}
