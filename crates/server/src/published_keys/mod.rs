//! The public keys by which anybody can check our tokens.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::app::App;

/// `GET /.well-known/jwks.json` (RFC 7517 §5). Empty when tokens are signed with a shared secret.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "Keys",
    summary = "The public signing keys",
    description = "A JWK Set (RFC 7517). It may be cached for five minutes.",
    responses((status = 200, description = "The keys", content_type = "application/jwk-set+json")))]
pub async fn jwks(app: App) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/jwk-set+json"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, app.keys.verifying.to_jwks()).into_response()
}
