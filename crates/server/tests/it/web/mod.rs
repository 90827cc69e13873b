//! What a browser is protected from: other sites' requests, framing, injected markup, redirects elsewhere.

mod addresses;
mod answers;
mod forgery;
mod input;

use std::sync::Arc;

use axum::body::Body;
use axum::http::Method;

use crate::support::{Browser, Client, Form, Reply, TestServer};

const FORM: &str = "application/x-www-form-urlencoded";
const HTML: &str = "text/html,application/xhtml+xml";

/// A request as a script on another site could make it with this browser's cookies.
fn cookies_of(browser: &Browser) -> Client {
    let pairs: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    browser.server.client().header("cookie", &pairs.join("; ")).header("accept", HTML)
}

async fn post(client: &Client, form: &Form, media_type: &str) -> Reply {
    let body = serde_urlencoded::to_string(&form.fields).unwrap();
    client.send(Method::POST, &form.action, Some(media_type), Body::from(body)).await
}

/// A server with one user and an open setup link, and the path of that link.
async fn with_link() -> (Arc<TestServer>, String) {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let link = watchword::setup::offer(&server.app).await.unwrap().unwrap();
    let path = link.strip_prefix("https://login.example.org").unwrap().to_owned();
    (server, path)
}

fn assert_inert(what: &str, html: &str) {
    for active in ["<script", "<style", " style=", "javascript:", "<iframe", "<object", "<embed", "<base"] {
        assert!(!html.contains(active), "{what} has {active}");
    }
    let handler = html.split('<').filter_map(|tag| tag.split('>').next()).any(|tag| tag.contains(" on"));
    assert!(!handler, "{what} has an inline event handler");
}
