//! CSRF: every form carries a token bound to the session, or before login to a cookie; and the request must come from
//! this origin (OWASP Cross-Site Request Forgery Prevention: signed double submit with fetch metadata).

use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::http::{HeaderMap, HeaderValue, header};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::failure::Failure;
use crate::memory::Known;

/// The token that a form must carry, as base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsrfToken(pub String);

/// What the forms of one visitor are bound to.
pub struct Csrf {
    /// The token for the forms on the page.
    pub token: CsrfToken,
    /// The anonymous cookie to set with the page, if the visitor has neither session nor cookie yet.
    pub new_cookie: Option<[u8; 16]>,
}

impl Csrf {
    /// What the forms on a page for this visitor are bound to.
    pub fn of(app: &App, headers: &HeaderMap, session: Option<&Arc<Known>>) -> Self {
        if let Some(known) = session {
            return Self { token: CsrfToken::of_session(app, known), new_cookie: None };
        }
        let existing = app.cookies.csrf(headers);
        let nonce = existing.unwrap_or_else(crate::random::bytes);
        Self { token: CsrfToken::derive(app, b"visitor", &nonce), new_cookie: existing.is_none().then_some(nonce) }
    }

    /// Whether `sent` is the token of this visitor's forms.
    pub fn check(
        app: &App,
        headers: &HeaderMap,
        session: Option<&Arc<Known>>,
        sent: Option<&str>,
    ) -> Result<(), Failure> {
        same_origin(app, headers)?;
        let expected = match session {
            Some(known) => Some(CsrfToken::of_session(app, known)),
            None => app.cookies.csrf(headers).map(|nonce| CsrfToken::derive(app, b"visitor", &nonce)),
        };
        let matches = expected
            .zip(sent)
            .is_some_and(|(CsrfToken(expected), sent)| expected.as_bytes().ct_eq(sent.as_bytes()).into());
        if matches { Ok(()) } else { Err(Failure::Forbidden(TOO_OLD)) }
    }

    /// The same for the login form, where one rendered before login still counts: another tab may have logged in since.
    pub fn check_login(
        app: &App,
        headers: &HeaderMap,
        session: Option<&Arc<Known>>,
        sent: Option<&str>,
    ) -> Result<(), Failure> {
        Self::check(app, headers, session, sent).or_else(|_| Self::check(app, headers, None, sent))
    }
}

impl CsrfToken {
    /// The token of a session, for its forms and for the `X-CSRF-Token` header of its API calls.
    pub fn of_session(app: &App, known: &Known) -> Self {
        let hash = known.session.cookie_hash.map_or([0; 16], |hash| hash.0);
        Self::derive(app, b"session", &hash)
    }

    fn derive(app: &App, what: &[u8], bound_to: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*app.keys.csrf);
        let tag = hmac::sign(&key, &[what, b":", bound_to].concat());
        Self(token::base64url::encode(&tag.as_ref()[..16]))
    }
}

/// Refuses what a browser itself says comes from another site. A request that says nothing is not from a browser's
/// cross-site form, since browsers have sent one of the two headers with every POST for years.
pub(super) fn same_origin(app: &App, headers: &HeaderMap) -> Result<(), Failure> {
    let fetch_site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("null"));
    let elsewhere = matches!(fetch_site, Some(site) if site != b"same-origin" && site != b"none")
        || origin.is_some_and(|origin| !app.public_url.is_same_origin(origin));
    if elsewhere { Err(Failure::Forbidden(ELSEWHERE)) } else { Ok(()) }
}

const ELSEWHERE: &str =
    "This request came from a page at another address than this server's public URL. Open that one and try again.";

const TOO_OLD: &str = "This form is no longer valid. Go back, reload the page and try again.";
