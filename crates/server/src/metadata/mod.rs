//! What this server says about itself to whoever wants to trust it (RFC 8414).

use axum::Json;
use axum::http::header::{self, HeaderName};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

/// The description of an authorization server (RFC 8414 §2), with members of our own for those who check cookies or
/// follow the revocations.
#[derive(Serialize, ToSchema)]
pub struct Metadata {
    /// The `iss` of its tokens.
    #[schema(example = "https://login.example.org")]
    issuer: String,
    /// Where its public keys are.
    #[schema(example = "https://login.example.org/.well-known/jwks.json")]
    jwks_uri: String,
    /// None: there is no authorization endpoint.
    response_types_supported: [&'static str; 0],
    /// None: there is no token endpoint.
    grant_types_supported: [&'static str; 0],
    /// Where to ask whose session a cookie is.
    #[schema(example = "https://login.example.org/api/v1/session")]
    watchword_session_endpoint: String,
    /// The name of that cookie.
    #[schema(example = "__Host-session")]
    watchword_session_cookie: &'static str,
    /// Where to ask what has been withdrawn.
    #[schema(example = "https://login.example.org/revocations")]
    watchword_revocations_endpoint: String,
}

/// `GET /.well-known/oauth-authorization-server` (RFC 8414 §3).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "Keys",
    summary = "What verifiers need to know of this server",
    description = "Authorization server metadata (RFC 8414). It may be cached for five minutes.",
    responses((status = 200, description = "The description", body = Metadata)))]
pub async fn show(app: App) -> ([(HeaderName, &'static str); 1], Json<Metadata>) {
    let issuer = app.public_url.as_str();
    let metadata = Metadata {
        issuer: issuer.to_owned(),
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        response_types_supported: [],
        grant_types_supported: [],
        watchword_session_endpoint: format!("{issuer}/api/v1/session"),
        watchword_session_cookie: app.cookies.session_name(),
        watchword_revocations_endpoint: format!("{issuer}/revocations"),
    };
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(metadata))
}
