//! The issuer's keys: fetched once for everybody, renewed while in use, and not believed for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use token::KeySet;
use tokio::sync::{Mutex, MutexGuard};

use super::fetch::Fetch;
use super::issuer::ConnectError;
use crate::{Checker, Clock};

/// Keeps the keys of a [`Checker`] up to date. Nothing runs while nobody asks.
pub(super) struct Keys {
    fetch: Fetch,
    uri: Uri,
    clock: Clock,
    /// For how long keys are used that could not be renewed, in milliseconds.
    stale_ms: i64,
    /// Held by the one who fetches.
    turn: Mutex<Turn>,
    /// How many fetches have ended, well or not.
    ended: AtomicU64,
    /// When the keys in use were asked for, when they ought to be renewed, and before when there is no use in trying.
    asked_at: AtomicI64,
    due_at: AtomicI64,
    retry_at: AtomicI64,
}

struct Turn {
    document: Bytes,
    failures: u32,
}

impl Keys {
    /// Fetches for the first time.
    pub(super) async fn first(
        fetch: Fetch,
        uri: Uri,
        clock: Clock,
        stale: Duration,
    ) -> Result<(Self, KeySet), ConnectError> {
        let asked_at = clock.elapsed_ms();
        let answer = fetch.document(&uri).await?;
        let set = KeySet::from_jwks(&answer.body)?;
        if set.is_empty() {
            return Err(ConnectError::NoKeys);
        }
        let keys = Self {
            fetch,
            uri,
            clock,
            stale_ms: stale.as_millis() as i64,
            turn: Mutex::new(Turn { document: answer.body, failures: 0 }),
            ended: AtomicU64::new(0),
            asked_at: AtomicI64::new(asked_at),
            due_at: AtomicI64::new(asked_at + renewal_ms(answer.max_age)),
            retry_at: AtomicI64::new(asked_at),
        };
        Ok((keys, set))
    }

    /// Whether there are keys to check with now. Old ones serve while new ones are fetched, but not for ever.
    pub(super) async fn are_usable(self: &Arc<Self>, checker: &Arc<Checker>) -> bool {
        let now = self.clock.elapsed_ms();
        if now < self.due_at.load(Ordering::Acquire) {
            return true;
        }
        if !self.are_stale(now) {
            self.renew_aside(checker);
            return true;
        }
        self.renew(checker).await;
        !self.are_stale(self.clock.elapsed_ms())
    }

    /// Looks for a key that a token names and that is not known. At most once in [`UNKNOWN_KEY`], so that made-up names
    /// cost the issuer nothing. True if it may be known now.
    pub(super) async fn look_again(&self, checker: &Checker) -> bool {
        if self.clock.elapsed_ms() < self.asked_at.load(Ordering::Acquire) + UNKNOWN_KEY {
            return false;
        }
        self.renew(checker).await
    }

    fn are_stale(&self, now: i64) -> bool {
        now >= self.asked_at.load(Ordering::Acquire) + self.stale_ms
    }

    /// Renews while others go on, unless somebody is at it.
    fn renew_aside(self: &Arc<Self>, checker: &Arc<Checker>) {
        if self.clock.elapsed_ms() < self.retry_at.load(Ordering::Acquire) || self.turn.try_lock().is_err() {
            return;
        }
        let (keys, checker) = (Arc::clone(self), Arc::clone(checker));
        tokio::spawn(async move { keys.renew(&checker).await });
    }

    /// Fetches, or waits for who does. True if that went well.
    async fn renew(&self, checker: &Checker) -> bool {
        let (ended, asked_at) = (self.ended.load(Ordering::Acquire), self.asked_at.load(Ordering::Acquire));
        let mut turn = self.turn.lock().await;
        if self.ended.load(Ordering::Acquire) == ended {
            self.fetch_now(&mut turn, checker).await;
        }
        self.asked_at.load(Ordering::Acquire) > asked_at
    }

    async fn fetch_now(&self, turn: &mut MutexGuard<'_, Turn>, checker: &Checker) {
        let now = self.clock.elapsed_ms();
        if now < self.retry_at.load(Ordering::Acquire) {
            return;
        }
        let fetched = async {
            let answer = self.fetch.document(&self.uri).await?;
            // The same document again must not cost everybody their verified tokens.
            if answer.body != turn.document {
                checker.replace_keys(KeySet::from_jwks(&answer.body)?);
                turn.document = answer.body;
            }
            Ok::<_, ConnectError>(answer.max_age)
        };
        match fetched.await {
            Ok(max_age) => {
                turn.failures = 0;
                self.asked_at.store(now, Ordering::Release);
                self.due_at.store(now + renewal_ms(max_age), Ordering::Release);
            }
            Err(error) => {
                turn.failures += 1;
                let wait = (RETRY << (turn.failures - 1).min(6)).min(RETRY_MAX);
                tracing::warn!(%error, retry_in_ms = wait, "the issuer's keys could not be renewed");
                self.retry_at.store(self.clock.elapsed_ms() + wait, Ordering::Release);
            }
        }
        self.ended.fetch_add(1, Ordering::AcqRel);
    }
}

/// How long keys are used without asking again: what the issuer allows, within bounds.
fn renewal_ms(max_age: Option<u64>) -> i64 {
    let seconds = max_age.unwrap_or(RENEWAL_DEFAULT).clamp(RENEWAL_MIN, RENEWAL_MAX);
    seconds as i64 * 1000
}

/// Seconds between renewals: without the issuer's word, at least, and at most.
const RENEWAL_DEFAULT: u64 = 300;
const RENEWAL_MIN: u64 = 60;
const RENEWAL_MAX: u64 = 3_600;

/// Milliseconds within which a name that is not in the keys is known not to be.
const UNKNOWN_KEY: i64 = 5_000;

/// Milliseconds to wait after a failure, doubled by each, up to a minute.
const RETRY: i64 = 1_000;
const RETRY_MAX: i64 = 60_000;
