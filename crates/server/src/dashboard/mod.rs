//! The dashboard: a greeting for either credential, and for people a look at their session.

use askama::Template;
use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::layout::Base;
use crate::memory::Known;
use crate::moments::When;
use crate::proofs::{Authenticated, Credential, Wants};

/// The greeting.
#[derive(Serialize, ToSchema)]
pub struct Greeting {
    #[schema(example = "Welcome kavya")]
    message: String,
}

#[derive(Template)]
#[template(path = "dashboard/page.html")]
struct DashboardPage {
    page: Base,
    username: String,
    roles: Vec<String>,
    credential: String,
    authenticated_at: When,
    expires_at: When,
    session_id: String,
    device: String,
    other_devices: u64,
}

/// `GET /dashboard`, with a cookie or an access token.
#[utoipa::path(get, path = "/dashboard", tag = "Session",
    summary = "A greeting for whoever is logged in",
    description = "The smallest protected resource: it answers to the cookie and to the access token alike.",
    security(("access_token" = []), ("session_cookie" = [])),
    responses(
        (status = 200, description = "Logged in", body = Greeting),
        (status = 401, description = "No valid credential", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn show(Authenticated(credential): Authenticated, headers: HeaderMap, app: App) -> Result<Response, Failure> {
    match (&credential, Wants::of(&headers)) {
        (Credential::Cookie(known), Wants::Page) => page(known, &headers, &app).await,
        _ => Ok(Json(Greeting { message: format!("Welcome {}", credential.username()) }).into_response()),
    }
}

async fn page(known: &std::sync::Arc<Known>, headers: &HeaderMap, app: &App) -> Result<Response, Failure> {
    let (session, account, now) = (&known.session, &known.account, app.clock.now());
    let sessions = app.store.count_sessions(account.user_id, now).await?;
    let view = DashboardPage {
        page: Base::of(app, headers, Some(known)),
        username: account.username.to_string(),
        roles: account.roles.as_slice().to_vec(),
        credential: "session cookie".to_owned(),
        authenticated_at: When::ago(session.authenticated_at, now),
        expires_at: When::exactly(session.expires_at),
        session_id: session.session_id.to_string(),
        device: domain::device::name(&session.user_agent),
        other_devices: sessions.saturating_sub(1),
    };
    Ok(view.page.respond(StatusCode::OK, &view))
}
