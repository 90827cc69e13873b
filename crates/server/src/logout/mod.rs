//! Logout: one call ends the session, whichever credential it came with. Doing it twice is harmless.

use askama::Template;
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use domain::SessionId;
use domain::revocation::Receipt;
use serde::{Deserialize, Serialize};
use token::RefreshToken;
use utoipa::ToSchema;

use crate::app::App;
use crate::endings;
use crate::failure::{Failure, Problem};
use crate::layout::Base;
use crate::proofs::{Authenticated, Credential, InQuery, NoFields, Posted, Wants, bearer};
use crate::receipts::{ReceiptView, Waiting};

/// What a logout did.
#[derive(Serialize, ToSchema)]
pub struct LoggedOut {
    /// Whether there was still a session to end.
    ended: bool,
    /// Only if there was.
    #[serde(flatten)]
    receipt: Option<ReceiptView>,
    /// In words.
    message: &'static str,
}

/// What the page may be told to say.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    already: bool,
}

#[derive(Template)]
#[template(path = "logout/page.html")]
struct LogoutPage {
    page: Base,
    message: Option<&'static str>,
}

/// `GET /logout`: what one sees afterwards; to somebody who is still logged in, the question.
pub async fn page(InQuery(asked): InQuery<Asked>, headers: HeaderMap, app: App) -> Result<Response, Failure> {
    let session = Credential::by_cookie(&headers, &app).await?;
    let message = session.is_none().then_some(if asked.already { ALREADY } else { LOGGED_OUT });
    let view = LogoutPage { page: Base::of(&app, &headers, session.as_ref()), message };
    Ok(view.page.respond(StatusCode::OK, &view))
}

/// `POST /logout`, with a cookie, an access token or a refresh token.
#[utoipa::path(post, path = "/logout", tag = "Login",
    summary = "Log out",
    description = "Ends the session of the credential: its cookie, its refresh token and its access tokens. Send the \
                   access token or the refresh token as Bearer, or the session cookie with X-CSRF-Token. Logging out \
                   twice is harmless and says so.",
    params(Waiting),
    security(("access_token" = []), ("refresh_token" = []), ("session_cookie" = [])),
    responses(
        (status = 200, description = "There is no such session any more", body = LoggedOut),
        (status = 403, description = "A cookie without its CSRF token", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn submit(app: App, InQuery(waiting): InQuery<Waiting>, request: Request) -> Result<Response, Failure> {
    let headers = request.headers().clone();
    let wants = Wants::of(&headers);
    let by_token = !matches!(bearer(&headers), Ok(None));
    let named = named(&headers, &app).await?;
    let ended = match named {
        Some(session_id) => {
            if !by_token {
                prove_intent(request, &app).await?;
            }
            end(session_id, &app).await?
        }
        None => None,
    };
    let is_ambiguous = !by_token && app.cookies.is_ambiguous(&headers);
    let message = match (&ended, named) {
        (Some(_), _) => LOGGED_OUT,
        (None, None) if by_token => "That token names no session here; nothing was ended.",
        (None, None) if is_ambiguous => "Two session cookies were sent, so nothing was ended.",
        (None, _) => ALREADY,
    };
    // A cookie that did not decide may belong to another session, which goes on.
    let forget = !by_token && app.cookies.has_session(&headers);
    let forget = forget.then(|| AppendHeaders([(header::SET_COOKIE, app.cookies.clear_session())]));
    Ok(match wants {
        Wants::Page if is_ambiguous => {
            let view = LogoutPage { page: Base::of(&app, &headers, None), message: Some(message) };
            (forget, view.page.respond(StatusCode::OK, &view)).into_response()
        }
        Wants::Page if ended.is_some() => (forget, Redirect::to("/logout")).into_response(),
        Wants::Page => (forget, Redirect::to("/logout?already=true")).into_response(),
        Wants::Data => {
            let is_over = ended.is_some();
            let receipt = match ended {
                // Whose session it was decides nothing: names are for administrators who are still logged in.
                Some(receipt) => Some(ReceiptView::of(&app, &receipt, waiting, &[]).await),
                None => None,
            };
            (forget, Json(LoggedOut { ended: is_over, receipt, message })).into_response()
        }
    })
}

/// The session that a credential names, live or not. Garbage names none, and neither does a cookie that is dead.
async fn named(headers: &HeaderMap, app: &App) -> Result<Option<SessionId>, Failure> {
    let text = match bearer(headers) {
        Ok(Some(text)) => text,
        Ok(None) => {
            let known = Credential::by_cookie(headers, app).await?;
            return Ok(known.map(|known| known.session.session_id));
        }
        Err(_) => return Ok(None),
    };
    // An access token that has expired still says which session its holder wants to end.
    if let Ok(refresh) = RefreshToken::decode(text, &app.keys.refresh) {
        return Ok(Some(SessionId(refresh.session_id)));
    }
    let named = app.memory.session_of(text, &app.keys.known().verifying);
    if named.is_some() {
        return Ok(named);
    }
    // Another node may sign with a key that this one has not heard of yet.
    app.keys.catch_up(&app.store, &app.memory, app.clock.now()).await?;
    Ok(app.memory.session_of(text, &app.keys.known().verifying))
}

/// A cookie is sent by the browser whoever asks, so the form or header must show that the user did.
async fn prove_intent(request: Request, app: &App) -> Result<(), Failure> {
    use axum::extract::{FromRequest, FromRequestParts};
    if request.headers().contains_key("x-csrf-token") {
        let (mut parts, _) = request.into_parts();
        return Authenticated::from_request_parts(&mut parts, app).await.map(drop);
    }
    Posted::<NoFields>::from_request(request, app).await.map(drop)
}

async fn end(session_id: SessionId, app: &App) -> Result<Option<Receipt>, Failure> {
    let receipt = endings::logout(app, session_id).await?;
    if receipt.revocations.is_empty() {
        return Ok(None);
    }
    tracing::info!(%session_id, "logout");
    Ok(Some(receipt))
}

const LOGGED_OUT: &str = "You are logged out.";
const ALREADY: &str = "You were logged out already.";
