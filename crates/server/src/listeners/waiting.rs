//! Waiting until everybody who is connected refuses what has ended.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::UnixMillis;
use domain::revocation::Place;
use store::Store;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{Acknowledgement, Listeners};
use crate::clock::Clock;

impl Listeners {
    /// Waits until every connected listener has acknowledged the entry at this place, but not beyond `until`, for at most 25
    /// seconds, and not at all if too many wait already. Who has not by then is late.
    pub async fn wait(&self, place: &Place, until: UnixMillis, store: &Store, clock: &Clock) -> Vec<Acknowledgement> {
        let may_wait = self.waiters.try_acquire();
        let (end, settled) = (Instant::now() + LONGEST, Instant::now() + NEWCOMERS);
        let mut again = interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            again.tick().await;
            // Before looking, so that what comes in between is not missed.
            let mut news = self.news.subscribe();
            // Without the database nobody can say who follows elsewhere: then it is as if one of them were late.
            let is_read = self.read(store, clock.now()).await.is_ok();
            let now = clock.now();
            let acknowledgements = self.acknowledgements(place, now);
            let is_over = may_wait.is_err() || self.is_stopping.load(Ordering::Acquire) || Instant::now() >= end;
            // Whoever hears nobody goes by what nodes write down, who may not have come to it yet.
            let knows_all = is_read && (Instant::now() >= settled || self.hears_anybody());
            let is_acknowledged = knows_all && acknowledgements.iter().all(|one| one.at.is_some());
            if is_over || now >= until || is_acknowledged {
                return acknowledgements;
            }
            let _ = timeout(LOOK, news.changed()).await;
        }
    }
}

/// How soon to look again for what other nodes have heard, and for the time.
const LOOK: Duration = Duration::from_millis(50);

/// How often to look at most.
const AGAIN: Duration = Duration::from_millis(10);

/// How soon a node has written down who has just begun to follow it.
const NEWCOMERS: Duration = Duration::from_millis(300);

/// The longest that anybody waits, whatever a listener says of its bound.
const LONGEST: Duration = Duration::from_secs(25);
