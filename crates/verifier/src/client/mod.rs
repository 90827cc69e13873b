//! The verifier for applications: a [`Checker`](crate::Checker) that knows where its keys come from, and whom to ask about cookies.

mod connect;
mod fetch;
mod follow;
mod issuer;
mod keys;
mod sessions;

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use token::Claims;

pub use connect::Connect;
pub use fetch::FetchError;
pub use issuer::ConnectError;

use crate::web::{self, Presented};
use crate::{Authenticated, Checker, Clock, Policy, Refused, Rejection};
use follow::Following;
use keys::{Keys, Looked};
use sessions::Sessions;

/// Verifies the credentials of one issuer's users. Make one, at the start; clones are the same one.
///
/// It fetches the issuer's keys once for everybody, renews them while in use, and asks about a cookie at most once in five
/// seconds. All else is answered from memory.
#[derive(Clone)]
pub struct Verifier(Arc<Shared>);

struct Shared {
    keys: Arc<Keys>,
    sessions: Option<Arc<Sessions>>,
    following: Option<Arc<Following>>,
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
        let Shared { keys, clock, .. } = &*self.0;
        let unavailable = || Rejection::Unavailable { retry_after: keys.retry_after() };
        if !keys.ensure_usable().await {
            return Err(unavailable());
        }
        let renewals = keys.renewals();
        let verified = match keys.checker().verify(token, clock.now_ms()) {
            Err(Refused::Invalid(token::Refused::UnknownKey)) => match keys.look_again(renewals).await {
                Looked::Renewed => keys.checker().verify(token, clock.now_ms()),
                Looked::Absent => Err(Refused::Invalid(token::Refused::UnknownKey)),
                Looked::Unanswered => return Err(unavailable()),
            },
            verified => verified,
        };
        Ok(verified?)
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
        match web::presented(&request.headers, self.0.sessions.as_deref().map(Sessions::cookie))? {
            Presented::Token(token, header) => Ok(Authenticated::by_token(self.verify(token).await?, header.clone())),
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
