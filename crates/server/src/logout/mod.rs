//! Logout: one call ends the session, whichever credential it came with. Doing it twice is harmless.

use askama::Template;
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use domain::{EndedWhy, SessionId};
use serde::Serialize;
use token::RefreshToken;
use utoipa::ToSchema;

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::layout::Base;
use crate::proofs::{Authenticated, Credential, Posted, Wants, bearer};

/// What a logout did.
#[derive(Serialize, ToSchema)]
pub struct LoggedOut {
    /// Whether there was still a session to end.
    ended: bool,
    /// When it ended, in unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<i64>,
    /// In words.
    message: &'static str,
}

#[derive(serde::Deserialize)]
struct Nothing {}

#[derive(Template)]
#[template(path = "logout/page.html")]
struct LogoutPage {
    page: Base,
    message: &'static str,
}

/// `POST /logout`, with a cookie, an access token or a refresh token.
#[utoipa::path(post, path = "/logout", tag = "Login",
    summary = "Log out",
    description = "Ends the session of the credential: its cookie, its refresh token and its access tokens. Send the \
                   access token or the refresh token as Bearer, or the session cookie with X-CSRF-Token. Logging out \
                   twice is harmless and says so.",
    security(("access_token" = []), ("refresh_token" = []), ("session_cookie" = [])),
    responses(
        (status = 200, description = "There is no such session any more", body = LoggedOut),
        (status = 403, description = "A cookie without its CSRF token", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn submit(app: App, request: Request) -> Result<Response, Failure> {
    let headers = request.headers().clone();
    let wants = Wants::of(&headers);
    let ended = match named(&headers, &app).await? {
        Some(session_id) if bearer(&headers)?.is_some() => end(session_id, &app).await?,
        Some(session_id) => {
            prove_intent(request, &app).await?;
            end(session_id, &app).await?
        }
        None => None,
    };
    let message = if ended.is_some() { "You are logged out." } else { "You were logged out already." };
    let forget =
        app.cookies.has_session(&headers).then(|| AppendHeaders([(header::SET_COOKIE, app.cookies.clear_session())]));
    Ok(match wants {
        Wants::Page => {
            let view = LogoutPage { page: Base::of(&app, &headers, None), message };
            (forget, view.page.respond(StatusCode::OK, &view)).into_response()
        }
        Wants::Data => (forget, Json(LoggedOut { ended: ended.is_some(), revoked_at: ended, message })).into_response(),
    })
}

/// The session that a credential names. Garbage, or a credential that is dead already, names none.
async fn named(headers: &HeaderMap, app: &App) -> Result<Option<SessionId>, Failure> {
    if let Ok(Some(text)) = bearer(headers)
        && let Ok(refresh) = RefreshToken::decode(text, &app.keys.refresh)
    {
        return Ok(Some(SessionId(refresh.session_id)));
    }
    match Credential::of(headers, app).await {
        Ok(credential) => Ok(credential.map(|credential| credential.session_id())),
        Err(Failure::Unauthenticated(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// A cookie is sent by the browser whoever asks, so the form or header must show that the user did.
async fn prove_intent(request: Request, app: &App) -> Result<(), Failure> {
    use axum::extract::{FromRequest, FromRequestParts};
    if request.headers().contains_key("x-csrf-token") {
        let (mut parts, _) = request.into_parts();
        return Authenticated::from_request_parts(&mut parts, app).await.map(drop);
    }
    let posted: Posted<Nothing> = Posted::from_request(request, app).await?;
    let Nothing {} = posted.form;
    Ok(())
}

async fn end(session_id: SessionId, app: &App) -> Result<Option<i64>, Failure> {
    let now = app.clock.now();
    let receipt = app.store.end_session(session_id, EndedWhy::Logout, app.memory.keep_until(now), now).await?;
    app.memory.heed(&receipt);
    if receipt.revocations.is_empty() {
        return Ok(None);
    }
    tracing::info!(%session_id, "logout");
    Ok(Some(receipt.revoked_at.0))
}
