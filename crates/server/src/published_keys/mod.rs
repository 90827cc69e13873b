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
    let confirmed = app.keys.confirmed(&app.store, &app.memory, app.clock.now()).await;
    // What may be out of date is better than nothing, but nobody must keep it: a key may be missing that is about to sign.
    let (keys, cache) = match confirmed {
        Ok(keys) => (keys, CACHE),
        Err(_) => (app.keys.known(), "no-store"),
    };
    let headers = [(header::CONTENT_TYPE, "application/jwk-set+json"), (header::CACHE_CONTROL, cache)];
    (headers, keys.verifying.to_jwks()).into_response()
}

/// As long as [`domain::signing_keys::JWKS_MAX_AGE`].
const CACHE: &str = "public, max-age=300";

#[cfg(test)]
mod tests {
    #[test]
    fn the_published_keys_are_kept_no_longer_than_the_schedule_reckons_with() {
        assert_eq!(super::CACHE, format!("public, max-age={}", domain::signing_keys::JWKS_MAX_AGE.whole_seconds()));
    }
}
