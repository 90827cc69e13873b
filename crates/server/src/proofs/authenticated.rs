//! Who is asking: proven by the session cookie or by an access token, both views of one session.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use domain::{SessionId, UserId};
use token::Claims;

use super::csrf::Csrf;
use crate::app::App;
use crate::failure::Failure;
use crate::memory::{Denied, Known};
use crate::traffic::add;

/// A request whose credential has been checked against the memory.
///
/// With a cookie, a request that changes something has also shown the session's CSRF token in `X-CSRF-Token`; forms show
/// it in their body, and their handlers ask for [`super::Posted`].
pub struct Authenticated(pub Credential);

/// The credential that was shown.
#[derive(Clone)]
pub enum Credential {
    /// A browser's cookie, and the session row it stands for.
    Cookie(Arc<Known>),
    /// An access token.
    Bearer(Bearer),
}

/// Whom an access token speaks for.
#[derive(Clone)]
pub struct Bearer {
    session_id: SessionId,
    user_id: UserId,
    username: Box<str>,
    roles: Box<[String]>,
}

impl Credential {
    /// The session that the credential belongs to.
    pub fn session_id(&self) -> SessionId {
        match self {
            Self::Cookie(known) => known.session.session_id,
            Self::Bearer(bearer) => bearer.session_id,
        }
    }

    /// Whose session it is.
    pub fn user_id(&self) -> UserId {
        match self {
            Self::Cookie(known) => known.account.user_id,
            Self::Bearer(bearer) => bearer.user_id,
        }
    }

    /// The name the user goes by.
    pub fn username(&self) -> &str {
        match self {
            Self::Cookie(known) => known.account.username.as_str(),
            Self::Bearer(bearer) => &bearer.username,
        }
    }

    /// What the user may do, as read with the session or written in the token.
    pub fn roles(&self) -> &[String] {
        match self {
            Self::Cookie(known) => known.account.roles.as_slice(),
            Self::Bearer(bearer) => &bearer.roles,
        }
    }

    /// The cookie's session row, if that was the credential.
    pub fn cookie(&self) -> Option<&Arc<Known>> {
        match self {
            Self::Cookie(known) => Some(known),
            Self::Bearer(_) => None,
        }
    }

    /// The credential of a request. An `Authorization` header decides alone; only without one is the cookie looked at.
    pub async fn of(headers: &HeaderMap, app: &App) -> Result<Option<Self>, Failure> {
        let judged = Self::judge(headers, app).await;
        match &judged {
            Ok(Some(_)) => add(&app.traffic.accepted),
            Err(Failure::Unauthenticated(Some(_))) => add(&app.traffic.refused),
            Err(Failure::Unavailable { .. }) => add(&app.traffic.unsure),
            _ => {}
        }
        judged
    }

    async fn judge(headers: &HeaderMap, app: &App) -> Result<Option<Self>, Failure> {
        if let Some(token) = bearer(headers)? {
            let check = || app.memory.by_token(token, app.clock.now(), Bearer::of);
            let mut verified = check();
            if let Err(Denied::Refused(verifier::Refused::Invalid(token::Refused::UnknownKey))) = verified {
                // Another node may sign with a key that this one has not heard of yet.
                app.keys.catch_up(&app.store, &app.memory, app.clock.now()).await?;
                verified = check();
            }
            if let Err(Denied::Stale) = verified {
                app.memory.keep_up(&app.store, app.clock.now()).await?;
                verified = check();
            }
            let bearer = verified?;
            let nobody = || Failure::Unauthenticated(Some("the token speaks for no user of this server".to_owned()));
            return Ok(Some(Self::Bearer(bearer.ok_or_else(nobody)?)));
        }
        Ok(Self::by_cookie(headers, app).await?.map(Self::Cookie))
    }

    /// The live session that the cookie of a request names, whatever else the request carries.
    pub async fn by_cookie(headers: &HeaderMap, app: &App) -> Result<Option<Arc<Known>>, Failure> {
        let Some(cookie) = app.cookies.session(headers) else { return Ok(None) };
        app.memory.by_cookie(cookie.session_id, &cookie.hash, &app.store, app.clock.now()).await
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused(refused) => Self::Unauthenticated(Some(refused.to_string())),
            Denied::Stale => Self::Unavailable { retry_after: 1 },
        }
    }
}

impl Bearer {
    fn of(claims: &Claims) -> Option<Self> {
        let username = claims.preferred_username.as_deref().unwrap_or(&claims.sub);
        let (session_id, user_id) = (SessionId(claims.sid), UserId(claims.user()?));
        Some(Self { session_id, user_id, username: username.into(), roles: claims.roles.clone().into() })
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750 §2.1); the scheme's case does not matter (RFC 9110 §11.1).
/// Another scheme is none of ours: it may be meant for a proxy in front.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let malformed =
        || Failure::Unauthenticated(Some("the Authorization header is not of the form `Bearer <token>`".to_owned()));
    if values.next().is_some() {
        return Err(malformed());
    }
    let text = value.to_str().map_err(|_| malformed())?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    match (scheme.eq_ignore_ascii_case("bearer"), token.is_empty() || token.contains(' ')) {
        (false, _) => Ok(None),
        (true, false) => Ok(Some(token)),
        (true, true) => Err(malformed()),
    }
}

impl FromRequestParts<App> for Authenticated {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let credential = Credential::of(&parts.headers, app).await?;
        let credential = credential.ok_or(Failure::Unauthenticated(None))?;
        if let (Credential::Cookie(known), false) = (&credential, is_safe(&parts.method)) {
            let sent = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
            Csrf::check(app, &parts.headers, Some(known), sent)?;
        }
        Ok(Self(credential))
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
