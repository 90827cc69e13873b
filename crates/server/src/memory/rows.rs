//! Sessions by their cookies: rows that were read lately, each used for as long as an access token would be.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::revocation::keep_until;
use domain::session::{SEEN_INTERVAL, Standing};
use domain::{Account, CookieHash, Session, SessionId, UnixMillis};
use store::{Live, Store};
use verifier::Marks;

use super::Memory;
use crate::failure::Failure;

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
}

impl Known {
    /// As [`Session::standing`], with the use that this node has seen but not yet written.
    fn standing(&self, now: UnixMillis) -> Standing {
        let unwritten = UnixMillis(self.seen_at.load(Ordering::Relaxed)).since(self.session.seen_at);
        let idle_expires_at = (self.session.idle_expires_at + unwritten).min(self.session.expires_at);
        self.session.standing_until(&self.account, idle_expires_at, now)
    }
}
