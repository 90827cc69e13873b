//! Which credentials stand, answered from memory: rows read lately, tokens verified lately, and what has been revoked.

mod news;
mod rows;

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use domain::{SessionId, Span, UnixMillis};
use quick_cache::sync::Cache;
use store::{Position, Store};
use token::{Claims, Expectation, KeySet};
use verifier::Checker;
use verifier::feed::{Feed, Freshness};

use crate::clock::Clock;
use crate::config::{Config, PublicUrl};
use crate::keyring::Keyring;
pub use rows::Known;

/// The memory of one node. It is never ahead of the database, and behind it at most as the revocation log is.
pub struct Memory {
    rows: Cache<SessionId, Arc<Known>>,
    checker: Checker,
    touched: Mutex<Vec<(SessionId, UnixMillis)>>,
    /// Up to which moment everything was ended, as far as is known.
    everybody_ended_at: AtomicI64,
    /// Up to where the log was read. One reads at a time.
    position: tokio::sync::Mutex<Position>,
    freshness: Arc<Freshness>,
    feed: Arc<Feed>,
    lifetime: Span,
    /// How old the knowledge may be by which anybody is admitted.
    bound: Span,
}

/// Why a token does not admit.
pub enum Denied {
    /// It does not stand.
    Refused(verifier::Refused),
    /// It stands as far as is known, but too little is: the database has not been heard of for too long.
    Stale,
}

impl Memory {
    /// A memory that already knows every revocation that still matters.
    pub async fn recall(
        config: &Config,
        public_url: &PublicUrl,
        keys: &Keyring,
        store: &Store,
        clock: &Clock,
    ) -> Result<Self, store::Error> {
        let audience = config.tokens.audience.as_deref().unwrap_or(public_url.as_str());
        let expect = Expectation::new(keys.profile, public_url.as_str(), audience);
        let freshness = Arc::new(Freshness::default());
        let (known, ticking) = (Arc::clone(&freshness), clock.clone());
        let feed = Feed::new(move || known.at(ticking.now().0));
        let memory = Self {
            rows: Cache::new(ROWS),
            checker: Checker::new(expect, keys.known().verifying.clone(), TOKENS),
            touched: Mutex::new(Vec::new()),
            everybody_ended_at: AtomicI64::new(i64::MIN),
            position: tokio::sync::Mutex::default(),
            freshness,
            feed: Arc::new(feed),
            lifetime: config.tokens.access_lifetime,
            bound: config.session.bound,
        };
        memory.catch_up(store, clock.now()).await?;
        Ok(memory)
    }

    /// Trusts these keys from now on, and no others.
    pub fn trust(&self, keys: KeySet) {
        self.checker.replace_keys(keys);
    }

    /// Whether anything at all is known yet.
    pub fn is_ready(&self, now: UnixMillis) -> bool {
        self.freshness.at(now.0).is_some()
    }

    /// How many milliseconds old the knowledge of the revocations is, if there is any.
    pub fn age(&self, now: UnixMillis) -> Option<i64> {
        self.freshness.at(now.0).map(|view| view.age_ms)
    }

    /// What others are told of the revocations.
    pub fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// Lends the claims of an access token that is genuine, in time, and not revoked as far as is known lately.
    pub fn by_token<R>(&self, token: &str, now: UnixMillis, read: impl FnOnce(&Claims) -> R) -> Result<R, Denied> {
        // Before the set is asked, so that it knows at least as much.
        let view = self.freshness.at(now.0);
        let checked = self.checker.check(token, now.0, |claims| {
            let is_enough = view.is_some_and(|view| view.age_of(claims.rat) <= self.bound.0);
            is_enough.then(|| read(claims))
        });
        checked.map_err(Denied::Refused)?.ok_or(Denied::Stale)
    }

    /// Whether enough is known to judge what was read at this moment, for whoever asks the set from now on.
    fn knows_enough(&self, read_at: UnixMillis, now: UnixMillis) -> bool {
        self.freshness.at(now.0).is_some_and(|view| view.age_of(read_at.0) <= self.bound.0)
    }

    /// The session of an access token that was genuine when it was issued, whether or not it has expired or been revoked
    /// since. It admits nobody; it is enough to end the session.
    pub fn session_of(&self, token: &str, keys: &KeySet) -> Option<SessionId> {
        let issued_at = token::inspect(token).ok()?.claims["iat"].as_i64()?.checked_mul(1000)?;
        let claims = token::verify(token, keys, self.checker.expectation(), issued_at).ok()?;
        Some(SessionId(claims.sid))
    }

    /// Drops what no longer matters.
    pub fn expire(&self, now: UnixMillis) {
        self.checker.revoked().expire(now.0);
        self.feed.log().expire(now.0);
    }
}

/// Most session rows in memory, about 600 bytes each.
const ROWS: usize = 100_000;

/// Most verified tokens in memory, about 1.5 kB each.
const TOKENS: usize = 50_000;
