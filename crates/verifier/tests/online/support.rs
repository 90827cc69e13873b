//! An application that is protected, and an issuer that misbehaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;

/// What an application answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) challenge: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn problem(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends a request to an application.
pub(crate) async fn send(app: &Router, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(uri).header("host", "app.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (status, challenge, retry_after) =
        (response.status().as_u16(), header("www-authenticate"), header("retry-after"));
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    Answer { status, challenge, retry_after, body: String::from_utf8(body.to_vec()).unwrap() }
}

pub(crate) async fn ask(app: &Router, uri: &str, headers: &[(&str, &str)]) -> Answer {
    send(app, "GET", uri, headers).await
}

/// An issuer that answers as a test wants it to. It ends with the test's runtime.
pub(crate) struct Odd {
    pub(crate) url: String,
    pub(crate) asked: Arc<AtomicUsize>,
}

impl Odd {
    /// `answer` is given the issuer's own URL and the path.
    pub(crate) async fn start(answer: impl Fn(&str, &str) -> Response<Body> + Clone + Send + Sync + 'static) -> Self {
        Self::hearing(move |url, uri| answer(url, uri.path())).await
    }

    /// `answer` is given the issuer's own URL, and that which was asked for.
    pub(crate) async fn hearing(answer: impl Fn(&str, &Uri) -> Response<Body> + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let (own_url, counter) = (url.clone(), Arc::clone(&asked));
        let app = Router::new().fallback(async move |uri: Uri| {
            counter.fetch_add(1, Ordering::AcqRel);
            answer(&own_url, &uri)
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, asked }
    }
}

pub(crate) const METADATA: &str = "/.well-known/oauth-authorization-server";

pub(crate) fn metadata(url: &str) -> Value {
    json!({ "issuer": url, "jwks_uri": format!("{url}/jwks") })
}

pub(crate) fn reply(status: u16, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}
