//! Whose session a cookie is: asked of the issuer, and remembered for as long as a session may be over unnoticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use foldhash::quality::RandomState;
use http::header::{AUTHORIZATION, COOKIE, HeaderName};
use http::{HeaderValue, StatusCode};
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use serde::Deserialize;
use token::Claims;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

use super::fetch::Fetch;
use super::follow::Following;
use super::issuer::SessionEndpoint;
use crate::clock::millis;
use crate::{Clock, Marks, Refused, Rejection, Revoked};

/// Checks cookies.
pub(super) struct Sessions {
    fetch: Fetch,
    endpoint: SessionEndpoint,
    clock: Clock,
    issuer: String,
    audience: String,
    /// For how long an answer counts, in milliseconds from when it was asked for, if nobody tells what was withdrawn since.
    fresh_ms: i64,
    following: Option<Arc<Following>>,
    kept: Cache<String, Arc<Kept>, UnitWeighter, RandomState>,
    /// How many questions may be under way at a time: about cookies that were live when last asked about, and others.
    places: Semaphore,
    places_of_strangers: Semaphore,
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
        following: Option<Arc<Following>>,
    ) -> Self {
        Self {
            fetch,
            endpoint,
            clock,
            issuer,
            audience,
            fresh_ms: millis(fresh),
            following,
            kept: Cache::with(KEPT, KEPT as u64, UnitWeighter, RandomState::default(), DefaultLifecycle::default()),
            places: Semaphore::new(QUESTIONS),
            places_of_strangers: Semaphore::new(QUESTIONS),
            quiet_until: AtomicI64::new(i64::MIN),
        }
    }

    /// The name of the cookie.
    pub(super) fn cookie(&self) -> &str {
        &self.endpoint.cookie
    }

    /// What an access token of the cookie's session would claim.
    pub(super) async fn check(self: &Arc<Self>, value: &str, revoked: &Revoked) -> Result<Arc<Claims>, Rejection> {
        let was_live = match self.kept.get(value) {
            Some(kept) if self.is_fresh(&kept) => {
                let judged = self.judge(&kept, revoked);
                if judged.is_ok() || kept.claims.is_none() {
                    return judged;
                }
                // What was withdrawn may be the answer and not the session, which goes on with other roles, say.
                self.kept.remove_if(value, |now| Arc::ptr_eq(now, &kept));
                true
            }
            old => old.is_some_and(|old| old.claims.is_some()),
        };
        let cookie = format!("{}={value}", self.endpoint.cookie);
        let kept = self.ask_once(value, &secret(COOKIE, cookie)?, was_live).await?;
        self.judge(&kept, revoked)
    }

    /// Whether an answer still counts.
    fn judge(&self, kept: &Kept, revoked: &Revoked) -> Result<Arc<Claims>, Rejection> {
        let claims = kept.claims.as_ref().ok_or(Rejection::Ended)?;
        let marks = Marks {
            sid: claims.sid,
            user: claims.user(),
            uep: claims.uep,
            rat: claims.rat,
            kid: None,
            client_id: None,
        };
        let is_revoked = revoked.is_revoked(&marks);
        // The horizon is read after the set, as in the check of a token.
        let now_ms = self.now_ms().max(revoked.horizon());
        if is_revoked || now_ms >= claims.exp.saturating_mul(1000) {
            return Err(Rejection::Ended);
        }
        Ok(Arc::clone(claims))
    }

    /// Whether a token stands, as the issuer says. Its signature is known to be genuine.
    pub(super) async fn introspect(self: &Arc<Self>, token: &str) -> Result<(), Rejection> {
        // By its signature: another token of the same session may be by a key that was withdrawn. No cookie has a dot.
        let key = token.rfind('.').map_or_else(String::new, |dot| token[dot..].to_owned());
        let kept = match self.kept.get(&*key) {
            Some(kept) if self.is_fresh(&kept) => kept,
            _ => self.ask_once(&key, &secret(AUTHORIZATION, format!("Bearer {token}"))?, true).await?,
        };
        if kept.claims.is_some() { Ok(()) } else { Err(Refused::Revoked.into()) }
    }

    fn now_ms(&self) -> i64 {
        let view = self.following.as_ref().and_then(|following| following.view());
        view.map_or_else(|| self.clock.now_ms(), |view| view.now_ms)
    }

    fn is_fresh(&self, kept: &Kept) -> bool {
        let age = self.clock.elapsed_ms().saturating_sub(kept.asked_at);
        match (&self.following, &kept.claims) {
            // The session is in use here, which the issuer has to hear from time to time.
            (Some(following), Some(claims)) => age < SEEN && following.knows(claims.rat),
            _ => age < self.fresh_ms,
        }
    }

    /// Asks with a credential, or waits for who asks about the same. `was_live` if it stood for a session when it was asked
    /// about last.
    async fn ask_once(
        self: &Arc<Self>,
        key: &str,
        credential: &(HeaderName, HeaderValue),
        was_live: bool,
    ) -> Result<Arc<Kept>, Rejection> {
        let began = self.clock.elapsed_ms();
        // Whom it waits for may have asked too long ago; whoever asks next has begun after this.
        for _ in 0..2 {
            // Only what is out of date: somebody may just have renewed it.
            self.kept.remove_if(key, |kept| kept.asked_at < began && !self.is_fresh(kept));
            let (sessions, key, credential) = (Arc::clone(self), key.to_owned(), credential.clone());
            // A task of its own, so that nobody's leaving makes the others ask again.
            let asked = tokio::spawn(async move {
                sessions.kept.get_or_insert_async(key.as_str(), sessions.ask(credential, was_live)).await
            });
            let kept = asked.await.map_err(|_| UNAVAILABLE)??;
            if kept.asked_at >= began || self.is_fresh(&kept) {
                return Ok(kept);
            }
        }
        Err(UNAVAILABLE)
    }

    async fn ask(&self, credential: (HeaderName, HeaderValue), was_live: bool) -> Result<Arc<Kept>, Rejection> {
        // Made-up cookies must not take the places of people who are logged in.
        let places = if was_live { &self.places } else { &self.places_of_strangers };
        let Ok(Ok(_place)) = timeout(QUEUE_PATIENCE, places.acquire()).await else { return Err(UNAVAILABLE) };
        let asked_at = self.clock.elapsed_ms();
        if asked_at < self.quiet_until.load(Ordering::Acquire) {
            return Err(UNAVAILABLE);
        }
        let claims = match self.fetch.get(&self.endpoint.uri, Some(credential), PATIENCE).await {
            Ok(answer) if answer.status == StatusCode::OK => Some(self.claims(&answer.body)?),
            Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => None,
            Ok(answer) => {
                tracing::warn!(status = %answer.status, "the issuer did not say whose a session is");
                // Any other status may be about this cookie alone.
                return Err(if answer.status.is_server_error() { self.be_quiet() } else { UNAVAILABLE });
            }
            Err(error) => {
                tracing::warn!(%error, "the issuer could not be asked about a session");
                return Err(self.be_quiet());
            }
        };
        Ok(Arc::new(Kept { claims, asked_at }))
    }

    /// Leaves an issuer in trouble alone for a moment.
    fn be_quiet(&self) -> Rejection {
        self.quiet_until.store(self.clock.elapsed_ms() + QUIET, Ordering::Release);
        UNAVAILABLE
    }

    fn claims(&self, body: &[u8]) -> Result<Arc<Claims>, Rejection> {
        let session: CurrentSession = serde_json::from_slice(body).map_err(|error| {
            tracing::warn!(%error, "the issuer's answer about a session is not readable");
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

fn secret(name: HeaderName, value: String) -> Result<(HeaderName, HeaderValue), Rejection> {
    let mut value = HeaderValue::try_from(value).map_err(|_| Rejection::Ended)?;
    value.set_sensitive(true);
    Ok((name, value))
}

const UNAVAILABLE: Rejection = Rejection::Unavailable { retry_after: 1 };

/// Milliseconds after which the issuer is asked again although nothing was withdrawn.
const SEEN: i64 = 60_000;

/// Most cookies remembered, about 600 bytes each; those that open nothing count too.
const KEPT: usize = 50_000;

/// Most questions under way at a time, of either kind.
const QUESTIONS: usize = 32;

/// How long a question may wait for its turn, and then for its answer.
const QUEUE_PATIENCE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(2);

/// Milliseconds after a failure in which nobody asks, so that an issuer in trouble is left alone.
const QUIET: i64 = 500;
