//! A posted HTML form whose CSRF token has been checked.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Credential;
use super::csrf::{Csrf, same_origin};
use crate::app::App;
use crate::failure::Failure;
use crate::memory::Known;

/// The fields of a form that this server rendered for this visitor.
pub struct Posted<T> {
    /// What was typed.
    pub form: T,
    /// The live session of the visitor, if there is one.
    pub session: Option<Arc<Known>>,
}

/// A button that somebody who is logged in has pressed, and their session. On a page that outlived its session, the button
/// leads to the login page.
pub struct Pressed(pub Arc<Known>);

/// The fields of a form that is only a button.
#[derive(Deserialize)]
pub struct NoFields {}

/// [`Csrf::check`] or a variant of it.
type Check = fn(&App, &HeaderMap, Option<&Arc<Known>>, Option<&str>) -> Result<(), Failure>;

#[derive(Deserialize)]
struct Token {
    csrf: Option<String>,
}

impl<T: DeserializeOwned> FromRequest<App> for Posted<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        Self::checked(request, app, Csrf::check).await
    }
}

impl FromRequest<App> for Pressed {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        same_origin(app, request.headers())?;
        if Credential::by_cookie(request.headers(), app).await?.is_none() {
            return Err(Failure::Unauthenticated(None));
        }
        let posted = Posted::<NoFields>::from_request(request, app).await?;
        posted.session.map(Self).ok_or(Failure::Unauthenticated(None))
    }
}

impl<T: DeserializeOwned> Posted<T> {
    /// Reads a form whose token passes `check`.
    pub(super) async fn checked(request: Request, app: &App, check: Check) -> Result<Self, Failure> {
        if media_type(&request) != "application/x-www-form-urlencoded" {
            return Err(Failure::Refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "This takes a form from one of our pages.",
            ));
        }
        let (parts, body) = request.into_parts();
        let session = Credential::by_cookie(&parts.headers, app).await?;
        let body = read(Request::from_parts(parts.clone(), body), app).await?;
        let token: Token = serde_urlencoded::from_bytes(&body).map_err(|_| malformed())?;
        check(app, &parts.headers, session.as_ref(), token.csrf.as_deref())?;
        let form = serde_urlencoded::from_bytes(&body).map_err(|_| malformed())?;
        Ok(Self { form, session })
    }
}

/// The media type of a request's body, in lower case and without parameters (RFC 9110 §8.3.1).
pub(super) fn media_type(request: &Request) -> String {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.and_then(|text| text.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase()
}

/// The whole body: at most [`crate::routes::BODY_LIMIT`] of it, within [`BODY_TIMEOUT`].
pub(super) async fn read(request: Request, app: &App) -> Result<Bytes, Failure> {
    let read = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, app)).await;
    let read = read.map_err(|_| Failure::Refused(StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive."))?;
    read.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Failure::Refused(StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than 64 KiB.")
        }
        _ => Failure::Refused(StatusCode::BAD_REQUEST, "The body could not be read to its end."),
    })
}

fn malformed() -> Failure {
    Failure::Refused(StatusCode::BAD_REQUEST, "The form is incomplete or repeats a field.")
}

/// How long a client may take to send a body of the largest size: as long as for a head.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
