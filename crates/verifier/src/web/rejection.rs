//! Why a request is not let in, and how it is told: RFC 6750 §3 for machines, RFC 9457 for those who debug them.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::Refused;
use crate::policy::Unmet;

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// It shows no credential.
    #[error("this needs a login")]
    Missing,
    /// What it shows cannot be understood.
    #[error("{0}")]
    Malformed(&'static str),
    /// The access token does not admit; a client refreshes, or logs in again.
    #[error("{0}")]
    Refused(#[from] Refused),
    /// The token may have been withdrawn since it was made, and this process has not been told for too long: a client
    /// refreshes and goes on.
    #[error("the token is too old to be believed while the issuer is silent: refresh it")]
    Stale,
    /// The cookie opens no session any more.
    #[error("the session has ended")]
    Ended,
    /// The browser does not say that the request comes from the application's own pages.
    #[error("a request with a cookie must come from this site's own pages")]
    CrossSite,
    /// The credential stands, but the route demands more.
    #[error("{0}")]
    Unmet(#[from] Unmet),
    /// Nobody can say now: the issuer does not answer, and what is in memory is too old.
    #[error("credentials cannot be checked at the moment")]
    Unavailable {
        /// After how many seconds to try again.
        retry_after: u32,
    },
    /// The application's own mistake: the route has no verifier.
    #[error("this route asks who is there, but no verifier was given to it: add `.layer(verifier.provide())`")]
    NoVerifier,
}

impl Rejection {
    /// A stable snake_case code for logs, metrics and clients.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed(_) => "invalid_request",
            Self::Refused(refused) => refused.code(),
            Self::Stale => "stale",
            Self::Ended => "ended",
            Self::CrossSite => "cross_site",
            Self::Unmet(Unmet::Role(_)) => "insufficient_role",
            Self::Unmet(Unmet::Scope(_)) => "insufficient_scope",
            Self::Unmet(Unmet::TooLongAgo(_)) => "insufficient_user_authentication",
            Self::Unmet(Unmet::Kind(_)) => "other_credential_needed",
            Self::Unavailable { .. } => "unavailable",
            Self::NoVerifier => "internal",
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Missing | Self::Refused(_) | Self::Stale | Self::Ended | Self::Unmet(Unmet::TooLongAgo(_)) => {
                StatusCode::UNAUTHORIZED
            }
            Self::CrossSite | Self::Unmet(_) => StatusCode::FORBIDDEN,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoVerifier => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The whole answer: status, `WWW-Authenticate`, and problem details as its body. The body of one that is the
    /// application's fault says nothing; the log does.
    pub fn into_response<B: From<String>>(self) -> Response<B> {
        let (status, code) = (self.status(), self.code());
        let detail = if self == Self::NoVerifier {
            tracing::error!("{self}");
            "something is wrong with this application".to_owned()
        } else {
            self.to_string()
        };
        let title = status.canonical_reason().unwrap_or_default();
        let body = json!({ "title": title, "status": status.as_u16(), "code": code, "detail": detail }).to_string();
        let mut response = Response::new(B::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.challenge().and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Self::Unavailable { retry_after } = self {
            headers.insert(RETRY_AFTER, retry_after.into());
        }
        response
    }

    /// The challenge (RFC 6750 §3, RFC 9470 §3). Without a credential there is no error to name.
    fn challenge(&self) -> Option<String> {
        let described =
            |error: &str| format!("Bearer error=\"{error}\", error_description=\"{}\"", quotable(&self.to_string()));
        match self {
            Self::Missing => Some("Bearer realm=\"login\"".to_owned()),
            Self::Malformed(_) => Some(described("invalid_request")),
            Self::Refused(_) | Self::Stale | Self::Ended => Some(described("invalid_token")),
            Self::Unmet(Unmet::Scope(scopes)) => {
                Some(format!("{}, scope=\"{}\"", described("insufficient_scope"), quotable(&scopes.join(" "))))
            }
            Self::Unmet(Unmet::TooLongAgo(seconds)) => {
                Some(format!("{}, max_age=\"{seconds}\"", described("insufficient_user_authentication")))
            }
            Self::Unmet(Unmet::Role(_) | Unmet::Kind(_)) => Some(described("insufficient_scope")),
            Self::CrossSite | Self::Unavailable { .. } | Self::NoVerifier => None,
        }
    }
}

/// Without what may not stand in a quoted `error_description` (RFC 6750 §3).
fn quotable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}
