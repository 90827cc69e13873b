//! The verifier for applications: a [`Checker`](crate::Checker) that knows where its keys come from, and whom to ask about cookies.

mod connect;
mod fetch;
mod follow;
mod issuer;
mod keys;
#[cfg(feature = "serve")]
mod relay;
mod sessions;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::request::Parts;
use token::Claims;

pub use connect::Connect;
pub use fetch::FetchError;
pub use issuer::ConnectError;
#[cfg(feature = "serve")]
pub use relay::{Relay, RelayError};

use crate::feed::View;
use crate::web::{self, Presented};
use crate::{Authenticated, Checker, Clock, Marks, Policy, Refused, Rejection, WhenStale};
use follow::{Following, Tasks};
use keys::{Keys, Looked};
use sessions::Sessions;

/// Verifies the credentials of one issuer's users. Make one, at the start; clones are the same one. With the last of them it
/// ceases to follow.
///
/// It fetches the issuer's keys once for everybody, renews them while in use, and asks about a cookie at most once in five
/// seconds. All else is answered from memory.
#[derive(Clone)]
pub struct Verifier(Arc<Shared>);

struct Shared {
    keys: Arc<Keys>,
    sessions: Option<Arc<Sessions>>,
    following: Option<Arc<Following>>,
    /// They end with the last clone.
    _tasks: Option<Tasks>,
    /// How many tokens were accepted although too little was known.
    admitted_stale: AtomicU64,
    clock: Clock,
    issuer: String,
    origins: Vec<String>,
}

impl Verifier {
    /// Begins to trust an issuer: the URL that its server has as `public_url`. Await it, with or without further words.
    ///
    /// ```no_run
    /// # async fn start() -> Result<(), verifier::ConnectError> {
    /// use verifier::Verifier;
    /// let simple = Verifier::from_issuer("https://login.example.org").await?;
    /// let for_my_api = Verifier::from_issuer("https://login.example.org").audience("https://api.example.org").await?;
    /// # Ok(()) }
    /// ```
    pub fn from_issuer(url: impl Into<String>) -> Connect {
        Connect::new(url.into())
    }

    /// Verifies an access token. No call, unless the keys have to be renewed.
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>, Rejection> {
        self.verify_for(token, WhenStale::Refresh).await
    }

    /// The same, on a route that has its own way when too little is known of what was withdrawn.
    pub async fn verify_for(&self, token: &str, when_stale: WhenStale) -> Result<Arc<Claims>, Rejection> {
        let Shared { keys, following, .. } = &*self.0;
        let unavailable = || Rejection::Unavailable { retry_after: keys.retry_after() };
        if !keys.ensure_usable().await {
            return Err(unavailable());
        }
        let renewals = keys.renewals();
        let verified = match self.verify_now(token) {
            Err(Refused::Invalid(token::Refused::UnknownKey)) => match keys.look_again(renewals).await {
                Looked::Renewed => self.verify_now(token),
                Looked::Absent => Err(Refused::Invalid(token::Refused::UnknownKey)),
                Looked::Unanswered => return Err(unavailable()),
            },
            verified => verified,
        };
        let (claims, view) = verified?;
        match following {
            Some(following) if !view.is_some_and(|view| following.is_enough(view, claims.rat)) => {
                self.admit_stale(token, when_stale).await?;
            }
            _ => {}
        }
        Ok(claims)
    }

    /// The claims, and how much was known when its withdrawal was looked for.
    fn verify_now(&self, token: &str) -> Result<(Arc<Claims>, Option<View>), Refused> {
        let view = self.0.following.as_ref().and_then(|following| following.view());
        let now_ms = view.map_or_else(|| self.0.clock.now_ms(), |view| view.now_ms);
        Ok((self.checker().verify(token, now_ms)?, view))
    }

    /// What becomes of a token that stands as far as is known, when too little is known.
    async fn admit_stale(&self, token: &str, when_stale: WhenStale) -> Result<(), Rejection> {
        let unavailable = Rejection::Unavailable { retry_after: 1 };
        match (when_stale, &self.0.sessions) {
            (WhenStale::Refresh, _) => Err(Rejection::Stale),
            (WhenStale::Introspect, Some(sessions)) => sessions.introspect(token).await,
            (WhenStale::Deny | WhenStale::Introspect, _) => Err(unavailable),
            (WhenStale::UntilExp, _) => {
                if self.0.admitted_stale.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOG_EVERY) {
                    tracing::warn!("tokens are accepted although it is not known what was withdrawn");
                }
                Ok(())
            }
        }
    }

    /// How many tokens were accepted although too little was known, on routes with [`WhenStale::UntilExp`].
    pub fn admitted_stale(&self) -> u64 {
        self.0.admitted_stale.load(Ordering::Relaxed)
    }

    /// How long ago the latest moment is up to which it is known what was withdrawn. `None` when the issuer's revocations are
    /// not followed. For an application's health: above the bound, clients are told to refresh.
    pub fn age(&self) -> Option<Duration> {
        let view = self.0.following.as_ref()?.view()?;
        Some(Duration::from_millis(u64::try_from(view.age_ms).unwrap_or(0)))
    }

    /// Resolves when the session is withdrawn by which somebody was let in, so that what they left open, such as a
    /// WebSocket, can be closed; and when that can no longer be known, because the issuer was silent for longer than it tells of
    /// an entry, a quarter of an hour. Only while [following](Connect::follow); else it never does.
    pub async fn until_withdrawn(&self, who: &Authenticated) {
        let Some(following) = &self.0.following else { return std::future::pending().await };
        let claims = who.claims();
        let marks = Marks {
            sid: claims.sid,
            user: claims.user(),
            uep: claims.uep,
            rat: claims.rat,
            kid: None,
            client_id: None,
        };
        let mut changes = following.changes();
        while following.has_heard_all_since(claims.rat) && !self.checker().revoked().is_revoked(&marks) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Whose session the value of a session cookie is. Asks the issuer, unless it has lately.
    ///
    /// It says nothing of where a request came from: [`Self::authenticate`] does.
    pub async fn verify_cookie(&self, value: &str) -> Result<Arc<Claims>, Rejection> {
        match &self.0.sessions {
            Some(sessions) if web::is_cookie_value(value) => sessions.check(value, self.checker().revoked()).await,
            _ => Err(Rejection::Ended),
        }
    }

    /// Who sent a request. An `Authorization: Bearer` header decides alone; without one the session cookie does, and then a
    /// request that may change something must come from the application's own pages.
    pub async fn authenticate(&self, request: &Parts) -> Result<Authenticated, Rejection> {
        self.authenticate_for(request, WhenStale::Refresh).await
    }

    /// The same, on a route that has its own way when too little is known of what was withdrawn.
    pub async fn authenticate_for(&self, request: &Parts, when_stale: WhenStale) -> Result<Authenticated, Rejection> {
        match web::presented(&request.headers, self.0.sessions.as_deref().map(Sessions::cookie))? {
            Presented::Token(token, header) => {
                Ok(Authenticated::by_token(self.verify_for(token, when_stale).await?, header.clone()))
            }
            Presented::Cookie(value) => {
                web::refuse_cross_site(request, &self.0.origins, self.0.issuer.starts_with("https:"))?;
                Ok(Authenticated::by_cookie(self.verify_cookie(value).await?))
            }
        }
    }

    /// Judges who was authenticated by the demands of a route.
    pub fn permit(&self, who: &Authenticated, policy: &Policy) -> Result<(), Rejection> {
        let leeway_seconds = self.checker().expectation().leeway_seconds();
        Ok(policy.judge(who, self.0.clock.now_ms(), leeway_seconds)?)
    }

    /// Whether it is a clone of the other.
    #[cfg(feature = "tower")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The issuer that is trusted.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The part that works from memory, with the set of what has been revoked.
    pub fn checker(&self) -> &Checker {
        self.0.keys.checker()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("issuer", &self.0.issuer).finish_non_exhaustive()
    }
}

/// One in so many tokens that are accepted although too little is known is logged.
const LOG_EVERY: u64 = 1_000;
