//! Whose session a cookie is: asked of the issuer, and remembered for as long as a session may be over unnoticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use foldhash::quality::RandomState;
use http::{HeaderValue, StatusCode};
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use serde::Deserialize;
use token::Claims;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::fetch::Fetch;
use super::issuer::SessionEndpoint;
use crate::{Clock, Marks, Rejection, Revoked};

/// Checks cookies.
pub(super) struct Sessions {
    fetch: Fetch,
    endpoint: SessionEndpoint,
    clock: Clock,
    issuer: String,
    audience: String,
    /// For how long an answer counts, in milliseconds from when it was asked for.
    fresh_ms: i64,
    kept: Cache<String, Arc<Kept>, UnitWeighter, RandomState>,
    /// How many questions may be under way at a time.
    places: Semaphore,
    /// After a failure, until when nobody asks.
    quiet_until: AtomicI64,
}

/// What the issuer said of a cookie.
struct Kept {
    /// `None` if it opens nothing.
    claims: Option<Arc<Claims>>,
    asked_at: i64,
}

/// The part of the issuer's answer that is needed.
#[derive(Deserialize)]
struct CurrentSession {
    session_id: Uuid,
    amr: Vec<String>,
    expires_at: i64,
    authenticated_at: i64,
    read_at: i64,
    user: User,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON")]
struct User {
    user_id: Uuid,
    username: String,
    roles: Vec<String>,
    epoch: u64,
}

impl Sessions {
    pub(super) fn new(
        fetch: Fetch,
        endpoint: SessionEndpoint,
        clock: Clock,
        (issuer, audience): (String, String),
        fresh: Duration,
    ) -> Self {
        Self {
            fetch,
            endpoint,
            clock,
            issuer,
            audience,
            fresh_ms: fresh.as_millis() as i64,
            kept: Cache::with(KEPT, KEPT as u64, UnitWeighter, RandomState::default(), DefaultLifecycle::default()),
            places: Semaphore::new(QUESTIONS),
            quiet_until: AtomicI64::new(i64::MIN),
        }
    }

    /// The name of the cookie.
    pub(super) fn cookie(&self) -> &str {
        &self.endpoint.cookie
    }

    /// What an access token of the cookie's session would claim.
    pub(super) async fn check(&self, value: &str, revoked: &Revoked) -> Result<Arc<Claims>, Rejection> {
        let kept = match self.kept.get(value) {
            Some(kept) if self.is_fresh(&kept) => kept,
            _ => self.ask_once(value).await?,
        };
        let claims = kept.claims.as_ref().ok_or(Rejection::Ended)?;
        let marks = Marks { sid: claims.sid, user: claims.user(), uep: claims.uep, rat: claims.rat, kid: None };
        let now_ms = self.clock.now_ms().max(revoked.horizon());
        if revoked.is_revoked(&marks) || now_ms >= claims.exp.saturating_mul(1000) {
            return Err(Rejection::Ended);
        }
        Ok(Arc::clone(claims))
    }

    fn is_fresh(&self, kept: &Kept) -> bool {
        self.clock.elapsed_ms() < kept.asked_at + self.fresh_ms
    }

    /// Asks, or waits for who asks about the same cookie.
    async fn ask_once(&self, value: &str) -> Result<Arc<Kept>, Rejection> {
        let began = self.clock.elapsed_ms();
        // Whom it waits for may have asked too long ago; whoever asks next has begun after this.
        for _ in 0..2 {
            // Only what is out of date: somebody may just have renewed it.
            self.kept.remove_if(value, |kept| kept.asked_at < began && !self.is_fresh(kept));
            let kept = self.kept.get_or_insert_async(value, self.ask(value)).await?;
            if kept.asked_at >= began || self.is_fresh(&kept) {
                return Ok(kept);
            }
        }
        Err(UNAVAILABLE)
    }

    async fn ask(&self, value: &str) -> Result<Arc<Kept>, Rejection> {
        let asked_at = self.clock.elapsed_ms();
        if asked_at < self.quiet_until.load(Ordering::Acquire) {
            return Err(UNAVAILABLE);
        }
        let mut cookie =
            HeaderValue::try_from(format!("{}={value}", self.endpoint.cookie)).map_err(|_| Rejection::Ended)?;
        cookie.set_sensitive(true);
        let answered = async {
            let _place = self.places.acquire().await.map_err(|_| UNAVAILABLE)?;
            let answer = self.fetch.get(&self.endpoint.uri, Some(cookie), PATIENCE).await.map_err(|error| {
                tracing::warn!(%error, "the issuer could not be asked about a cookie");
                UNAVAILABLE
            })?;
            match answer.status {
                StatusCode::OK => self.claims(&answer.body).map(Some),
                StatusCode::UNAUTHORIZED => Ok(None),
                status => {
                    tracing::warn!(%status, "the issuer did not say whose a cookie is");
                    Err(UNAVAILABLE)
                }
            }
        };
        // In all: who waits for a place waits no longer than who is answered slowly.
        let claims = match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(claims)) => claims,
            failed => {
                self.quiet_until.store(self.clock.elapsed_ms() + QUIET, Ordering::Release);
                return Err(failed.map_or(UNAVAILABLE, |result| result.err().unwrap_or(UNAVAILABLE)));
            }
        };
        Ok(Arc::new(Kept { claims, asked_at }))
    }

    fn claims(&self, body: &[u8]) -> Result<Arc<Claims>, Rejection> {
        let session: CurrentSession = serde_json::from_slice(body).map_err(|error| {
            tracing::warn!(%error, "the issuer's answer about a cookie is not readable");
            UNAVAILABLE
        })?;
        Ok(Arc::new(Claims {
            iss: self.issuer.clone(),
            sub: session.user.user_id.hyphenated().to_string(),
            aud: vec![self.audience.clone()],
            exp: session.expires_at / 1000,
            iat: session.read_at / 1000,
            sid: *session.session_id.as_bytes(),
            roles: session.user.roles,
            auth_time: Some(session.authenticated_at / 1000),
            amr: session.amr,
            preferred_username: Some(session.user.username),
            uep: session.user.epoch,
            rat: session.read_at,
            ..Claims::default()
        }))
    }
}

const UNAVAILABLE: Rejection = Rejection::Unavailable { retry_after: 1 };

/// Most cookies remembered, about 600 bytes each; those that open nothing count too.
const KEPT: usize = 50_000;

/// Most questions under way at a time.
const QUESTIONS: usize = 64;

/// How long a question may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Milliseconds after a failure in which nobody asks, so that an issuer in trouble is left alone.
const QUIET: i64 = 500;
