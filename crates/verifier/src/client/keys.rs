//! The issuer's keys: fetched once for everybody, renewed while in use, and not believed for ever.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use token::KeySet;
use tokio::sync::watch;
use tokio::time::timeout;

use super::fetch::Fetch;
use super::issuer::ConnectError;
use crate::clock::millis;
use crate::{Checker, Clock};

/// Keeps the keys of a [`Checker`] up to date. Nothing runs while nobody asks.
pub(super) struct Keys {
    fetch: Fetch,
    uri: Uri,
    clock: Clock,
    checker: Arc<Checker>,
    /// For how long keys are used that could not be renewed, in milliseconds.
    stale_ms: i64,
    /// When the keys in use ought to be renewed.
    due_at: AtomicI64,
    /// How often they were renewed.
    renewals: AtomicU64,
    state: Mutex<State>,
    /// How many fetches have ended, well or not.
    ended: watch::Sender<u64>,
    /// Whether somebody else lets the checker forget, by the issuer's clock.
    is_followed: AtomicBool,
    /// When it was last heard that a key was withdrawn.
    withdrawn_at: AtomicI64,
}

struct State {
    document: Bytes,
    /// When what is in use was asked for.
    asked_at: i64,
    /// What was asked for before this moment is not to be used.
    not_before: i64,
    /// Before when there is no use in trying.
    retry_at: i64,
    failures: u32,
    is_fetching: bool,
}

/// What looking for an unknown key came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    /// The keys are others now.
    Renewed,
    /// The keys are so new that it is in none of them.
    Absent,
    /// The issuer could not be asked.
    Unanswered,
}

impl Keys {
    /// Fetches for the first time, which makes the checker.
    pub(super) async fn first(
        fetch: Fetch,
        uri: Uri,
        clock: Clock,
        stale: Duration,
        checker: impl FnOnce(KeySet) -> Checker,
    ) -> Result<Arc<Self>, ConnectError> {
        let asked_at = clock.elapsed_ms();
        let answer = fetch.document(&uri).await?;
        let checker = Arc::new(checker(usable(&answer.body)?));
        let stale_ms = millis(stale);
        Ok(Arc::new(Self {
            fetch,
            uri,
            clock,
            checker,
            stale_ms,
            due_at: AtomicI64::new(asked_at.saturating_add(renewal_ms(answer.max_age, stale_ms))),
            renewals: AtomicU64::new(0),
            state: Mutex::new(State {
                document: answer.body,
                asked_at,
                not_before: i64::MIN,
                retry_at: asked_at,
                failures: 0,
                is_fetching: false,
            }),
            ended: watch::Sender::new(0),
            is_followed: AtomicBool::new(false),
            withdrawn_at: AtomicI64::new(i64::MIN),
        }))
    }

    /// From now on the issuer's revocations are followed, by its own clock.
    pub(super) fn are_followed(&self) {
        self.is_followed.store(true, Ordering::Release);
    }

    pub(super) fn checker(&self) -> &Arc<Checker> {
        &self.checker
    }

    /// How often the keys were renewed: whoever verified with others may try again.
    pub(super) fn renewals(&self) -> u64 {
        self.renewals.load(Ordering::Acquire)
    }

    /// Sees to it that there are keys to check with; false if there are none that may still be believed. Old ones serve
    /// while new ones are fetched, but not for ever, and a verifier that was idle for long waits a moment for new ones.
    pub(super) async fn ensure_usable(self: &Arc<Self>) -> bool {
        let now = self.clock.elapsed_ms();
        let due_at = self.due_at.load(Ordering::Acquire);
        if now < due_at {
            return true;
        }
        let fetching = self.begin(now);
        if !self.are_stale(now) {
            if let Some(ended) = fetching.filter(|_| now >= due_at.saturating_add(OVERDUE)) {
                let _ = timeout(MOMENT, until_ended(ended)).await;
            }
            return true;
        }
        if let Some(ended) = fetching {
            until_ended(ended).await;
        }
        !self.are_stale(self.clock.elapsed_ms())
    }

    /// Looks for a key that a token names and that was not among the keys after so many `renewals`. The issuer is asked at
    /// most once in [`UNKNOWN_KEY`], so that made-up names cost it nothing.
    pub(super) async fn look_again(self: &Arc<Self>, renewals: u64) -> Looked {
        let now = self.clock.elapsed_ms();
        if self.renewals() == renewals {
            if now < self.state().asked_at.saturating_add(UNKNOWN_KEY) {
                // Unless it became so new just now.
                return if self.renewals() == renewals { Looked::Absent } else { Looked::Renewed };
            }
            let Some(ended) = self.begin(now) else { return Looked::Unanswered };
            until_ended(ended).await;
        }
        if self.renewals() == renewals { Looked::Unanswered } else { Looked::Renewed }
    }

    /// The keys in use as they were published, for somebody who looks for one that he does not have; none if they may not be
    /// believed any more. The issuer is asked at most once in [`UNKNOWN_KEY`].
    #[cfg(feature = "serve")]
    pub(super) async fn document(self: &Arc<Self>) -> Option<Bytes> {
        // Whoever asks waits no longer than this process would for an answer.
        let _ = timeout(MOMENT, self.look_again(self.renewals())).await;
        let state = self.state();
        // Not to those who may hear of it no more.
        let is_withdrawn = state.asked_at <= self.withdrawn_at.load(Ordering::Acquire);
        let is_stale = self.clock.elapsed_ms() >= state.asked_at.saturating_add(self.stale_ms);
        (!is_withdrawn && !is_stale).then(|| state.document.clone())
    }

    /// It was just heard that a key was withdrawn, which may be one of these.
    pub(super) fn note_withdrawal(&self) {
        self.withdrawn_at.fetch_max(self.clock.elapsed_ms(), Ordering::AcqRel);
    }

    /// For how many milliseconds a key may be used after it was published last: here, and before that by whoever passed it on.
    pub(super) fn longest_use_ms(&self) -> i64 {
        self.stale_ms.saturating_mul(2)
    }

    /// Uses these keys no more until they have been fetched anew.
    pub(super) fn distrust(&self) {
        let mut state = self.state();
        (state.asked_at, state.not_before) = (i64::MIN, self.clock.elapsed_ms());
        self.due_at.store(i64::MIN, Ordering::Release);
    }

    /// Seconds until there is use in trying again.
    pub(super) fn retry_after(&self) -> u32 {
        let wait = self.state().retry_at.saturating_sub(self.clock.elapsed_ms());
        u32::try_from(wait / 1_000 + 1).unwrap_or(1).max(1)
    }

    fn are_stale(&self, now: i64) -> bool {
        now >= self.state().asked_at.saturating_add(self.stale_ms)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the keys fetched by a task that nobody's leaving interrupts, unless that is under way, or of no use so soon
    /// after a failure.
    fn begin(self: &Arc<Self>, now: i64) -> Option<watch::Receiver<u64>> {
        let mut state = self.state();
        if !state.is_fetching {
            if now < state.retry_at {
                return None;
            }
            state.is_fetching = true;
            let turn = Turn(Arc::clone(self));
            tokio::spawn(async move { turn.0.fetch_now(now).await });
        }
        // Within the lock, so that its end is not missed.
        Some(self.ended.subscribe())
    }

    async fn fetch_now(&self, now: i64) {
        let fetched = async {
            let answer = self.fetch.document(&self.uri).await?;
            // The same document again must not cost everybody their verified tokens.
            if answer.body != self.state().document {
                self.checker.replace_keys(usable(&answer.body)?);
            }
            Ok::<_, ConnectError>(answer)
        };
        let fetched = fetched.await;
        let mut state = self.state();
        match fetched {
            Ok(answer) => {
                state.document = answer.body;
                state.asked_at = now;
                state.failures = 0;
                if now < state.not_before {
                    state.asked_at = i64::MIN;
                    return;
                }
                self.due_at.store(now.saturating_add(renewal_ms(answer.max_age, self.stale_ms)), Ordering::Release);
                self.renewals.fetch_add(1, Ordering::AcqRel);
                if !self.is_followed.load(Ordering::Acquire) {
                    self.checker.revoked().expire(self.clock.now_ms());
                }
            }
            Err(error) => {
                let wait = (RETRY << state.failures.min(6)).min(RETRY_MAX);
                state.failures += 1;
                state.retry_at = self.clock.elapsed_ms().saturating_add(wait);
                tracing::warn!(%error, retry_in_ms = wait, "the issuer's keys could not be renewed");
            }
        }
    }
}

/// One fetch under way. However it ends, those who wait hear of it.
struct Turn(Arc<Keys>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.state().is_fetching = false;
        self.0.ended.send_modify(|ended| *ended += 1);
    }
}

async fn until_ended(mut ended: watch::Receiver<u64>) {
    // It fails when the sender is gone, which whoever waits here holds.
    let _ = ended.changed().await;
}

/// A key set with at least one key that checks tokens.
fn usable(document: &[u8]) -> Result<KeySet, ConnectError> {
    let keys = KeySet::from_jwks(document)?;
    if keys.is_empty() { Err(ConnectError::NoKeys) } else { Ok(keys) }
}

/// How long keys are used without asking again: what the issuer allows, within bounds, and long before they are stale.
fn renewal_ms(max_age: Option<u64>, stale_ms: i64) -> i64 {
    let seconds = max_age.unwrap_or(RENEWAL_DEFAULT).clamp(RENEWAL_MIN, RENEWAL_MAX);
    (seconds as i64 * 1000).min(stale_ms / 2)
}

/// Seconds between renewals: without the issuer's word, at least, and at most.
const RENEWAL_DEFAULT: u64 = 300;
const RENEWAL_MIN: u64 = 60;
const RENEWAL_MAX: u64 = 3_600;

/// Milliseconds after which keys that ought to have been renewed are worth waiting for; and for how long.
const OVERDUE: i64 = 60_000;
const MOMENT: Duration = Duration::from_millis(500);

/// Milliseconds within which a name that is not in the keys is known not to be.
const UNKNOWN_KEY: i64 = 5_000;

/// Milliseconds to wait after a failure, doubled by each, up to a minute.
const RETRY: i64 = 1_000;
const RETRY_MAX: i64 = 60_000;
