//! The three URLs of an issuer that a verifier asks.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, COOKIE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

use super::State;

/// Listens until it is aborted, and its connections with it.
pub(super) async fn serve(state: Arc<State>) -> (String, AbortHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
    let own_url = url.clone();
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let (state, url) = (Arc::clone(&state), own_url.clone());
            connections.spawn(async move {
                let service = service_fn(move |request| {
                    let (state, url) = (Arc::clone(&state), url.clone());
                    async move {
                        let answered = answer(&state, &url, &request);
                        let mut is_hanging = state.is_hanging.subscribe();
                        // It fails when the issuer is gone, and this with it.
                        let _ = is_hanging.wait_for(|is_hanging| !is_hanging).await;
                        Ok::<_, Infallible>(answered)
                    }
                });
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
            });
        }
    });
    (url, task.abort_handle())
}

fn answer(state: &State, url: &str, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if state.is_down.load(Ordering::Acquire) {
        return reply(StatusCode::SERVICE_UNAVAILABLE, String::new());
    }
    match request.uri().path() {
        "/.well-known/oauth-authorization-server" => reply(StatusCode::OK, State::metadata(url).to_string()),
        "/.well-known/jwks.json" => {
            state.key_fetches.fetch_add(1, Ordering::AcqRel);
            let mut response = reply(StatusCode::OK, state.keys().published.to_jwks());
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
            response
        }
        "/api/v1/session" => {
            state.cookie_checks.fetch_add(1, Ordering::AcqRel);
            let cookie = request.headers().get(COOKIE).and_then(|value| value.to_str().ok()?.strip_prefix("session="));
            match cookie.and_then(|value| state.sessions().get(value).cloned()) {
                Some(mut session) => {
                    session["read_at"] = state.clock.now_ms().into();
                    reply(StatusCode::OK, session.to_string())
                }
                None => reply(StatusCode::UNAUTHORIZED, String::new()),
            }
        }
        _ => reply(StatusCode::NOT_FOUND, String::new()),
    }
}

fn reply(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
}
