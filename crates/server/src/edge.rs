//! The outermost layers: a number and the security headers for every request, a deadline and a net for its handler.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::failure::Failure;

/// The number of a request, in the log and in `X-Request-Id`. Ours alone: what a client sends under that name is ignored.
#[derive(Clone, Copy)]
pub struct RequestId(u64);

impl RequestId {
    fn next() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        static START: LazyLock<u64> = LazyLock::new(|| u64::from_le_bytes(crate::random::bytes()));
        Self(START.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed)))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Numbers the request, logs it, and sets the headers that every response has.
pub async fn edge(mut request: Request, next: Next) -> Response {
    let id = RequestId::next();
    request.extensions_mut().insert(id);
    // The route, not the path: a path may hold a one-time secret.
    let (method, route) = (request.method().clone(), request.extensions().get::<MatchedPath>().cloned());
    let began = Instant::now();
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    tracing::debug!(request_id = %id, %method, route, status, micros = began.elapsed().as_micros(), "request");
    harden(response.headers_mut());
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    response
}

/// Gives the handler [`DEADLINE`], and turns a panic in it into an answer.
pub async fn contain(request: Request, next: Next) -> Response {
    let handler = std::panic::AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(DEADLINE, handler).await {
        Ok(Ok(response)) => response,
        // What it said is on standard error already, by the panic hook.
        Ok(Err(_)) => Failure::internal(&"a handler panicked").into_response(),
        Err(_) => Failure::Unavailable { retry_after: 1 }.into_response(),
    }
}

/// Sets the headers that every answer has.
pub fn harden(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// The longest that any request may take, its body included.
const DEADLINE: Duration = Duration::from_secs(30);

const HEADERS: [(HeaderName, HeaderValue); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
             object-src 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // Not no-referrer: with that, browsers send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("geolocation=(), camera=(), microphone=()"),
    ),
];
