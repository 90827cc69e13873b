//! Every URL, one line each, grouped by who calls it.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::{any, delete, get, post};

use crate::app::App;
use crate::failure::{self, Failure, page_or_problem};
use crate::{
    account, api_docs, dashboard, forward_auth, health, home, layout, login, logout, metadata, metrics, published_keys,
    refresh, revocation_feed, session_api, setup, signup,
};

/// The whole surface of the server.
pub fn routes(app: &App) -> Router {
    Router::new()
        .merge(pages())
        .merge(api())
        .merge(proxy())
        .merge(feed())
        .merge(ops())
        .fallback(async || Failure::NotFound)
        .method_not_allowed_fallback(async || Failure::Refused(StatusCode::METHOD_NOT_ALLOWED, ""))
        .layer(from_fn(crate::edge::contain))
        .layer(from_fn_with_state(app.clone(), page_or_problem))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn(crate::edge::edge))
        .with_state(app.clone())
}

fn pages() -> Router<App> {
    Router::new()
        .route("/", get(home::page))
        .route("/login", get(login::page).post(login::submit))
        .route("/logout", get(logout::page).post(logout::submit))
        .route("/signup", get(signup::page).post(signup::submit))
        .route("/setup/{secret}", get(setup::page).post(setup::submit))
        .route("/dashboard", get(dashboard::show))
        .route("/account/sessions", get(account::page))
        .route("/account/sessions/{session_id}", get(account::ended_page))
        .route("/account/sessions/{session_id}/end", post(account::end_one))
        .route("/account/sessions/end-others", post(account::end_others))
        .route("/account/sessions/end-all", post(account::end_all))
        .route("/static/{file}", get(layout::asset))
        .route("/favicon.ico", get(layout::favicon))
}

fn api() -> Router<App> {
    Router::new()
        .route("/refresh", post(refresh::submit))
        .route("/api", get(api_docs::page))
        .route("/api/openapi.json", get(api_docs::openapi))
        .route("/api/v1/session", get(session_api::current).delete(session_api::end_current))
        .route("/api/v1/sessions", get(session_api::list).delete(session_api::end_others))
        .route("/api/v1/sessions/{session_id}", delete(session_api::end_one))
}

fn proxy() -> Router<App> {
    Router::new()
        .route("/forward-auth", any(forward_auth::ask))
        .route("/forward-auth/envoy/", any(forward_auth::envoy))
        .route("/forward-auth/envoy/{*path}", any(forward_auth::envoy))
        .route_layer(map_response(failure::to_proxy))
}

fn feed() -> Router<App> {
    Router::new()
        .route("/.well-known/oauth-authorization-server", get(metadata::show))
        .route("/.well-known/jwks.json", get(published_keys::jwks))
        .route("/revocations", get(revocation_feed::ask))
        .route("/revocations/stream", get(revocation_feed::stream))
}

fn ops() -> Router<App> {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/health/seen", get(health::seen))
}

/// What the other listener answers, if there is one.
pub fn metrics(app: &App) -> Router {
    Router::new()
        .route("/metrics", get(metrics::show))
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(DefaultBodyLimit::max(0))
        .with_state(app.clone())
}

/// The largest body that any URL takes, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;
