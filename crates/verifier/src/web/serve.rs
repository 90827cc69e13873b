//! The URLs of a relay, for axum: those of the issuer's feed, and its keys.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use axum_core::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::Relay;
use crate::feed::Question;

impl Relay {
    /// The routes `/revocations` and `/revocations/stream`, which answer as the issuer's do, and `/revocations/keys`, the issuer's
    /// public keys, for [those who cannot reach it](crate::Connect::keys_from_relay). Each listener, by its name, has some of the places
    /// for [long answers](crate::feed::Long). Of one that is not taken in time place and memory are given back; a connection whose peer
    /// takes nothing lasts until whoever serves the router ends it.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new()
            .route("/revocations", get(ask))
            .route("/revocations/stream", get(stream))
            .route("/revocations/keys", get(keys))
            .with_state(self.clone())
    }

    /// What is asked, and by whom, if they may.
    fn hear(&self, request: &Parts) -> Result<(String, Question), Refusal> {
        let listener = self.admits(&request.headers).ok_or(Refusal::Stranger)?;
        let question = Question::parse(request.uri.query().unwrap_or_default()).map_err(Refusal::Malformed)?;
        tracing::debug!(listener, name = question.name, "asks for revocations");
        Ok((listener, question))
    }
}

/// Why a question is not answered.
enum Refusal {
    /// It shows no credential that is known.
    Stranger,
    /// It cannot be understood.
    Malformed(&'static str),
}

impl Refusal {
    fn response(self) -> Response<Body> {
        match self {
            Self::Malformed(why) => problem(StatusCode::BAD_REQUEST, why),
            Self::Stranger => {
                let why = "This is not the credential of a listener of this relay.";
                let mut response = problem(StatusCode::UNAUTHORIZED, why);
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                response
            }
        }
    }
}

async fn ask(State(relay): State<Relay>, request: Parts) -> Response<Body> {
    let (listener, Question { position, wait, .. }) = match relay.hear(&request) {
        Ok(heard) => heard,
        Err(refusal) => return refusal.response(),
    };
    relay.feed().until_news(position.as_ref(), wait).await;
    // Not before: what comes meanwhile may be much.
    let Some(long) = relay.feed().admit(&listener, position.as_ref()) else { return full() };
    match relay.feed().answer(position.as_ref()) {
        Some(answer) if long.is_short() => found(FRAMES, NO_STORE, answer.bytes),
        Some(answer) => found(FRAMES, NO_STORE, Body::from_stream(long.parts(answer.bytes))),
        None => unavailable(NOT_READY),
    }
}

async fn stream(State(relay): State<Relay>, request: Parts) -> Response<Body> {
    let (listener, Question { position, .. }) = match relay.hear(&request) {
        Ok(heard) => heard,
        Err(refusal) => return refusal.response(),
    };
    let Some(long) = relay.feed().admit(&listener, position.as_ref()) else { return full() };
    let frames = relay.feed().clone().stream(position, STREAM_LIFETIME);
    found(FRAMES, NO_STORE, Body::from_stream(long.stream(frames, STREAM_LIFETIME)))
}

async fn keys(State(relay): State<Relay>) -> Response<Body> {
    match relay.keys().await {
        Some(document) => found("application/jwk-set+json", KEYS_FRESH, document),
        None => unavailable(NOT_READY),
    }
}

fn found(kind: &'static str, caching: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    let fields: [(HeaderName, &str); 3] = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, caching),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn full() -> Response<Body> {
    unavailable("This relay is sending as many long answers as it may, to you or to all.")
}

fn unavailable(why: &str) -> Response<Body> {
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, why);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Problem details (RFC 9457).
fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    let body = json!({ "title": status.canonical_reason(), "status": status.as_u16(), "detail": detail });
    let mut response = found("application/problem+json", NO_STORE, body.to_string());
    *response.status_mut() = status;
    response
}

const NOT_READY: &str = "This relay does not know enough itself.";

const FRAMES: &str = "application/vnd.watchword.revocations";
const NO_STORE: &str = "no-store";

/// Keys that are published are published ahead of their use.
const KEYS_FRESH: &str = "public, max-age=60";

/// How long a stream goes on. Then its credential has to be shown again.
const STREAM_LIFETIME: Duration = Duration::from_mins(5);
