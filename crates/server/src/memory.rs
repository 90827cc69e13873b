//! Which credentials stand, answered from memory: rows read lately, tokens verified lately, and what has been revoked.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::revocation::{Receipt, Revocation, Revoked, keep_until};
use domain::session::{SEEN_INTERVAL, Standing};
use domain::{Account, CookieHash, Session, SessionId, Span, UnixMillis};
use quick_cache::sync::Cache;
use store::{Live, Position, Store};
use token::{Claims, Expectation, KeySet};
use verifier::feed::{Feed, Freshness, Seen, View};
use verifier::{Checker, Marks};

use crate::clock::Clock;
use crate::config::{Config, PublicUrl};
use crate::failure::Failure;
use crate::keyring::Keyring;

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

/// A session row as it was read: an access token that never left the process, under the same rules.
pub struct Known {
    /// The session.
    pub session: Session,
    /// Its user.
    pub account: Account,
    read_at: UnixMillis,
    /// What was known to have ended with all others before the row was read.
    everybody_ended_at: i64,
    seen_at: AtomicI64,
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

    /// The live session that a cookie names, from memory or with one indexed read.
    pub async fn by_cookie(
        &self,
        session_id: SessionId,
        hash: &CookieHash,
        store: &Store,
        now: UnixMillis,
    ) -> Result<Option<Arc<Known>>, Failure> {
        let Some(known) = self.row(session_id, store, now).await? else { return Ok(None) };
        if !known.session.cookie_hash.is_some_and(|stored| stored.matches(hash)) {
            return Ok(None);
        }
        match known.standing(now) {
            Standing::Live => self.touch(&known, now),
            Standing::Ended => return Ok(None),
            Standing::Expired => return self.expired(&known, store, now).await,
        }
        Ok(Some(known))
    }

    /// Records that a session has timed out, so that no clock can bring it back; unless it was used elsewhere since it
    /// was read here.
    async fn expired(&self, known: &Known, store: &Store, now: UnixMillis) -> Result<Option<Arc<Known>>, Failure> {
        let session_id = known.session.session_id;
        if let Some(receipt) = store.expire_session(session_id, keep_until(now), now).await? {
            self.heed(&receipt);
            return Ok(None);
        }
        self.rows.remove(&session_id);
        let again = self.row(session_id, store, now).await?;
        let is_same = |row: &Arc<Known>| match (row.session.cookie_hash, known.session.cookie_hash) {
            (Some(now), Some(before)) => now.matches(&before),
            _ => false,
        };
        Ok(again.filter(|row| is_same(row) && row.standing(now) == Standing::Live))
    }

    /// The row of a session that is not revoked.
    async fn row(&self, session_id: SessionId, store: &Store, now: UnixMillis) -> Result<Option<Arc<Known>>, Failure> {
        if let Some(known) = self.kept(session_id, now) {
            if !self.is_revoked(&known, store, now).await? {
                return Ok(Some(known));
            }
            // What has ended stays so. Anything else may go on, as after a change of roles: its row says so.
            if known.standing(now) == Standing::Ended {
                return Ok(None);
            }
        }
        let Some(known) = self.read(session_id, store, now).await? else { return Ok(None) };
        if !self.is_revoked(&known, store, now).await? {
            return Ok(Some(known));
        }
        // A full set refuses more than it was told to. What was just read from the database is not dead, only unsure.
        let floor = self.checker.revoked().floor();
        let unsure = floor.is_some_and(|floor| known.read_at.0 <= floor) && known.standing(now) == Standing::Live;
        if unsure { Err(Failure::Unavailable { retry_after: 5 }) } else { Ok(None) }
    }

    /// The row as it was read lately.
    fn kept(&self, session_id: SessionId, now: UnixMillis) -> Option<Arc<Known>> {
        let ended_at = self.everybody_ended_at.load(Ordering::Acquire);
        // A row that was being read when everything ended may be from before, whatever the time of its reading says.
        self.rows
            .get(&session_id)
            .filter(|known| now < known.read_at + self.lifetime && known.everybody_ended_at == ended_at)
    }

    async fn read(&self, session_id: SessionId, store: &Store, now: UnixMillis) -> Result<Option<Arc<Known>>, Failure> {
        let everybody_ended_at = self.everybody_ended_at.load(Ordering::Acquire);
        let Some(Live { session, account }) = store.session(session_id).await? else { return Ok(None) };
        let seen_at = AtomicI64::new(session.seen_at.0);
        let known = Arc::new(Known { session, account, read_at: now, everybody_ended_at, seen_at });
        self.rows.insert(session_id, Arc::clone(&known));
        Ok(Some(known))
    }

    /// Whether a row has been withdrawn, judged by what is known lately.
    async fn is_revoked(&self, known: &Known, store: &Store, now: UnixMillis) -> Result<bool, Failure> {
        if !self.knows_enough(known.read_at, now) {
            self.keep_up(store, now).await?;
        }
        // After the read, so that a revocation committed in between is found here.
        let marks = Marks {
            sid: known.session.session_id.0,
            user: Some(known.account.user_id.0),
            uep: known.account.epoch,
            rat: known.read_at.0,
            kid: None,
            client_id: None,
        };
        Ok(self.checker.revoked().is_revoked(&marks))
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

    /// Asks the database what was revoked, rather than wait for the job that does so. Nobody waits long for it.
    pub async fn keep_up(&self, store: &Store, now: UnixMillis) -> Result<(), Failure> {
        match tokio::time::timeout(PATIENCE, self.catch_up(store, now)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Failure::Unavailable { retry_after: 1 }),
        }
    }

    /// The session of an access token that was genuine when it was issued, whether or not it has expired or been revoked
    /// since. It admits nobody; it is enough to end the session.
    pub fn session_of(&self, token: &str, keys: &KeySet) -> Option<SessionId> {
        let issued_at = token::inspect(token).ok()?.claims["iat"].as_i64()?.checked_mul(1000)?;
        let claims = token::verify(token, keys, self.checker.expectation(), issued_at).ok()?;
        Some(SessionId(claims.sid))
    }

    /// Notes that a session was used, at most once per [`SEEN_INTERVAL`].
    fn touch(&self, known: &Known, now: UnixMillis) {
        let seen_at = known.seen_at.load(Ordering::Relaxed);
        if now.since(UnixMillis(seen_at)) < SEEN_INTERVAL {
            return;
        }
        if known.seen_at.compare_exchange(seen_at, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
            touched.push((known.session.session_id, now));
        }
    }

    /// Takes the sessions that were used since the last call, to be written at once.
    pub fn take_touched(&self) -> Vec<(SessionId, UnixMillis)> {
        std::mem::take(&mut self.touched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Drops what no longer matters.
    pub fn expire(&self, now: UnixMillis) {
        self.checker.revoked().expire(now.0);
        self.feed.log().expire(now.0);
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

impl Known {
    /// As [`Session::standing`], with the use that this node has seen but not yet written.
    fn standing(&self, now: UnixMillis) -> Standing {
        let unwritten = UnixMillis(self.seen_at.load(Ordering::Relaxed)).since(self.session.seen_at);
        let idle_expires_at = (self.session.idle_expires_at + unwritten).min(self.session.expires_at);
        self.session.standing_until(&self.account, idle_expires_at, now)
    }
}

/// How long a request may wait for the database to say what was revoked.
const PATIENCE: Duration = Duration::from_millis(500);

/// Most session rows in memory, about 600 bytes each.
const ROWS: usize = 100_000;

/// Most verified tokens in memory, about 1.5 kB each.
const TOKENS: usize = 50_000;
