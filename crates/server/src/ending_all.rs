//! Ending what stands at a moment: everything, or what one client holds.

use std::time::Duration;

use domain::{Span, UnixMillis};
use store::{EndedUpTo, Store};

use crate::clock::Clock;

/// An ending that failed, or of which the proof failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed, and nothing is known to have ended.
    #[error(transparent)]
    Nothing(store::Error),
    /// It has ended, but for what may have been read in the very moment of the commit.
    #[error("it has ended, but the database failed before that could be checked ({0}); do it again")]
    Unchecked(store::Error),
}

/// Ends whatever was issued to anybody before now: sessions, cookies, refresh tokens and access tokens.
pub async fn everybody(store: &Store, clock: &Clock) -> Result<EndedUpTo, Error> {
    in_time(store, clock, async |up_to, now| store.end_everybody(up_to, now).await).await
}

/// Ends whatever the client holds: refresh tokens and access tokens. Sessions and their cookies go on.
pub async fn client(store: &Store, clock: &Clock, client_id: &str) -> Result<EndedUpTo, Error> {
    in_time(store, clock, async |up_to, now| store.end_client(client_id, up_to, now).await).await
}

/// Ends up to a moment that has not passed when it is committed, so that whoever read before the commit did so before the moment.
async fn in_time(
    store: &Store,
    clock: &Clock,
    end: impl AsyncFn(UnixMillis, UnixMillis) -> Result<EndedUpTo, store::Error>,
) -> Result<EndedUpTo, Error> {
    let (mut ahead, mut count) = (AHEAD, 0);
    let mut failed: fn(store::Error) -> Error = Error::Nothing;
    loop {
        let now = clock.now();
        let ended = end(now + ahead, now).await.map_err(failed)?;
        failed = Error::Unchecked;
        count += ended.count;
        clock.look(store).await.map_err(failed)?;
        let after = clock.now();
        if after < ended.moment || ended.receipt.revocations.is_empty() {
            return Ok(EndedUpTo { count, ..ended });
        }
        // The disk or somebody's lock took longer. What has ended stays so; only the moment must be a later one.
        ahead = longer(ahead, after.since(now));
    }
}

/// How far ahead the moment should lie after a round that took so long. Each round keeps logins waiting, so the next should do.
fn longer(ahead: Span, took: Span) -> Span {
    Span(ahead.max(took).0 * 2).min(MOST_AHEAD)
}

/// Waits until one can log in again, unless that is long: then some node's clock is ahead of this one.
pub async fn passed(ended: &EndedUpTo, clock: &Clock) {
    let mut looks = tokio::time::interval(LOOK);
    for _ in 0..LOOKS {
        looks.tick().await;
        if clock.now() > ended.moment {
            break;
        }
    }
}

/// How far ahead the moment lies, which is for how long there is no login. A commit takes a fraction of it.
const AHEAD: Span = Span(100);

/// At most so far, so that nobody waits long. A commit that takes longer does not end at all.
const MOST_AHEAD: Span = Span::seconds(10);

/// How often it is looked whether the moment has passed, and how many times.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: u32 = 1_000;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use store::Options;

    use super::*;

    /// What comes of rounds whose moment has passed at their commit, for so many times; then the database fails.
    async fn failing_after(rounds: u32) -> Error {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::file(folder.path().join("watchword.db"))).unwrap();
        let clock = Clock::system(None).unwrap();
        let done = Cell::new(0);
        let end = async |_, now| {
            if done.replace(done.get() + 1) == rounds {
                return Err(store::Error::Unavailable);
            }
            store.end_everybody(now, now).await
        };
        in_time(&store, &clock, end).await.err().unwrap()
    }

    #[tokio::test]
    async fn a_failure_after_the_commit_is_told_apart_from_one_before_it() {
        assert!(matches!(failing_after(0).await, Error::Nothing(_)));
        for rounds in [1, 2] {
            let error = failing_after(rounds).await;
            assert!(matches!(error, Error::Unchecked(_)) && error.to_string().starts_with("it has ended"), "{error}");
        }
    }

    #[test]
    fn after_a_round_that_took_long_the_next_is_given_twice_that() {
        assert_eq!(longer(AHEAD, AHEAD), Span(200));
        assert_eq!(longer(AHEAD, Span(850)), Span(1_700));
        assert_eq!(longer(Span(1_700), Span(400)), Span(3_400), "a moment that had passed although it took less");
        assert_eq!(longer(AHEAD, Span::minutes(1)), MOST_AHEAD);
    }
}
