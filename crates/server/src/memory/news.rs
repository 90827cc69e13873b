//! Learning what has been revoked: from the log, and from what this node itself has just committed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::UnixMillis;
use domain::revocation::{Receipt, Revocation, Revoked, keep_until};
use store::Store;
use verifier::feed::{Seen, View};

use super::Memory;
use crate::failure::Failure;

impl Memory {
    /// Learns what has been revoked since the last call. `now` is when this one began.
    pub async fn catch_up(&self, store: &Store, now: UnixMillis) -> Result<(), store::Error> {
        let mut position = self.position.lock().await;
        let (mut reached, mut entries) = (position.clone(), Vec::new());
        loop {
            let news = store.revocations_since(&reached).await?;
            reached = news.position;
            for (revocation, number) in news.revocations.iter().zip(news.numbers) {
                let entry = entry(revocation, now);
                self.forget(&entry, revocation, now);
                entries.push((number, entry));
            }
            // What is read in parts is told only when it is whole.
            if let Some((below, missing)) = reached.seen().filter(|_| !news.has_more) {
                self.feed.extend(entries, &news.source, Seen::below_without(below, missing));
                break;
            }
        }
        *position = reached;
        // What was committed before the question was asked has been learnt by now.
        self.freshness.learn(now.0, View { now_ms: now.0, age_ms: 0 });
        Ok(())
    }

    /// Takes note of what this node itself has just committed.
    pub fn heed(&self, receipt: &Receipt) {
        // The position stays: another process's entry may lie between, and hearing of one twice is harmless.
        for revocation in &receipt.revocations {
            self.forget(&entry(revocation, receipt.revoked_at), revocation, receipt.revoked_at);
        }
    }

    fn forget(&self, entry: &verifier::Revocation, revocation: &Revocation, now: UnixMillis) {
        self.checker.revoked().insert(entry, now.0);
        match &revocation.revoked {
            Revoked::Session(session_id) => drop(self.rows.remove(session_id)),
            Revoked::Everybody(moment) => drop(self.everybody_ended_at.fetch_max(moment.0, Ordering::AcqRel)),
            Revoked::Epoch(..) | Revoked::Key(_) | Revoked::Client(..) => {}
        }
    }

    /// Asks the database what was revoked, rather than wait for the job that does so. Nobody waits long for it.
    pub async fn keep_up(&self, store: &Store, now: UnixMillis) -> Result<(), Failure> {
        match tokio::time::timeout(PATIENCE, self.catch_up(store, now)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Failure::Unavailable { retry_after: 1 }),
        }
    }
}

/// A revocation as verifiers have it.
fn entry(revocation: &Revocation, now: UnixMillis) -> verifier::Revocation {
    // Whoever wrote it may have had another clock; this one decides for how long it matters here.
    let keep_until = revocation.keep_until.max(keep_until(now)).0;
    match &revocation.revoked {
        Revoked::Session(session_id) => verifier::Revocation::Session { sid: session_id.0, keep_until },
        Revoked::Epoch(user_id, epoch) => verifier::Revocation::Epoch { user: user_id.0, epoch: *epoch, keep_until },
        Revoked::Key(kid) => verifier::Revocation::Key { kid: kid.clone(), keep_until },
        Revoked::Everybody(moment) => verifier::Revocation::Everybody { read_until: moment.0, keep_until },
        Revoked::Client(client_id, moment) => {
            verifier::Revocation::Client { client_id: client_id.clone(), read_until: moment.0, keep_until }
        }
    }
}

/// How long a request may wait for the database to say what was revoked.
const PATIENCE: Duration = Duration::from_millis(500);
