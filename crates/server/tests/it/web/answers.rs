//! What every answer tells a browser to do and to leave.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode};
use domain::Span;

use super::{FORM, HTML, assert_inert, cookies_of, with_link};
use crate::support::{Client, PASSWORD, TestServer};

/// What every answer has, whatever it is about.
fn assert_hardened(what: &str, headers: &HeaderMap, may_be_kept: bool) {
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let policy: BTreeMap<&str, Vec<&str>> = header("content-security-policy")
        .split(';')
        .filter_map(|directive| directive.trim().split_once(' '))
        .map(|(name, sources)| (name, sources.split(' ').collect()))
        .collect();
    for (name, sources) in [
        ("default-src", ["'none'"]),
        ("object-src", ["'none'"]),
        ("base-uri", ["'none'"]),
        ("frame-ancestors", ["'none'"]),
        ("form-action", ["'self'"]),
        ("style-src", ["'self'"]),
    ] {
        assert_eq!(policy.get(name).map(Vec::as_slice), Some(&sources[..]), "{what}: {name}");
    }
    assert!(!policy.contains_key("script-src"), "{what}: no page has a script");
    assert!(!header("content-security-policy").contains("unsafe"), "{what}");
    let age = header("strict-transport-security").split(';').next().unwrap().strip_prefix("max-age=").unwrap();
    assert!(age.parse::<u64>().unwrap() >= 31_536_000, "{what}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    assert!(["same-origin", "no-referrer"].contains(&header("referrer-policy")), "{what}");
    assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{what}");
    assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{what}");
    assert_eq!(header("x-frame-options"), "DENY", "{what}");
    assert_eq!(header("x-request-id").len(), 16, "{what}");
    assert!(may_be_kept || header("cache-control") == "no-store", "{what}: {}", header("cache-control"));
    assert!(headers.get("server").is_none() && headers.get("x-powered-by").is_none(), "{what}");
}

/// A status, and the request that is answered with it.
type Expected<'a> = (u16, &'a Client, Method, &'a str, Option<&'a str>, Body);

#[tokio::test]
async fn every_answer_of_every_status_is_hardened() {
    let (server, link) = with_link().await;
    let mut browser = server.browser();
    browser.login("kavya").await;
    let (member, visitor) = (cookies_of(&browser), server.client().header("accept", HTML));
    let program = server.client();
    let huge = || Body::from("x".repeat(70_000));
    let json = Some("application/json");
    let sets: [Expected<'_>; 23] = [
        (200, &visitor, Method::GET, "/", None, Body::empty()),
        (200, &visitor, Method::GET, "/login", None, Body::empty()),
        (200, &visitor, Method::GET, "/signup", None, Body::empty()),
        (200, &visitor, Method::GET, &link, None, Body::empty()),
        (200, &visitor, Method::GET, "/api", None, Body::empty()),
        (200, &member, Method::GET, "/dashboard", None, Body::empty()),
        (200, &member, Method::GET, "/account/sessions", None, Body::empty()),
        (200, &member, Method::HEAD, "/dashboard", None, Body::empty()),
        (200, &member, Method::GET, "/api/v1/session", None, Body::empty()),
        (303, &member, Method::GET, "/login", None, Body::empty()),
        (303, &visitor, Method::GET, "/dashboard", None, Body::empty()),
        (400, &member, Method::GET, "/account/sessions?ended=x", None, Body::empty()),
        (400, &program, Method::POST, "/login", json, Body::from("{")),
        (401, &program, Method::GET, "/api/v1/session", None, Body::empty()),
        (403, &visitor, Method::POST, "/login", Some(FORM), Body::from("username=a&password=b")),
        (404, &visitor, Method::GET, "/nowhere", None, Body::empty()),
        (404, &visitor, Method::GET, "/static/nothing.css", None, Body::empty()),
        (404, &visitor, Method::GET, "/setup/%ff", None, Body::empty()),
        (405, &visitor, Method::DELETE, "/login", None, Body::empty()),
        (405, &program, Method::GET, "/refresh", None, Body::empty()),
        (413, &program, Method::POST, "/login", json, huge()),
        (413, &visitor, Method::POST, "/login", Some(FORM), huge()),
        (415, &program, Method::POST, "/login", Some("text/plain"), Body::from("x")),
    ];
    for (status, client, method, path, media_type, body) in sets {
        let what = format!("{status} {method} {path}");
        let reply = client.send(method, path, media_type, body).await;
        assert_eq!(reply.status.as_u16(), status, "{what}: {}", reply.body);
        assert_hardened(&what, &reply.headers, false);
        if reply.header("content-type").starts_with("text/html") {
            assert_inert(&what, &reply.body);
        }
        if status == 405 {
            assert!(!reply.header("allow").is_empty(), "{what}: a refused method comes with those that work");
        }
    }
    let stylesheet = browser.get("/login").await.html.split("stylesheet\" href=\"").nth(1).unwrap().to_owned();
    for path in [stylesheet.split('"').next().unwrap(), "/.well-known/jwks.json", "/api/openapi.json"] {
        let reply = visitor.get(path).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_hardened(path, &reply.headers, true);
        assert!(reply.headers.get("set-cookie").is_none(), "{path} may be kept by caches");
    }
}

#[tokio::test]
async fn the_answers_of_a_server_in_trouble_are_hardened_too() {
    let server = TestServer::with("throttle.account_burst = 1").await;
    server.user("kavya", &[]).await;
    let mut browser = server.browser();
    browser.login_with("kavya", "not the right one").await;
    let waiting = browser.login_with("kavya", "not the right one").await;
    assert_eq!(waiting.status, StatusCode::TOO_MANY_REQUESTS);
    assert_hardened("429", &waiting.headers, false);
    server.advance(Span::hours(1)).await;

    browser.login("kavya").await;
    let member = cookies_of(&browser);
    for _ in 0..server.node_count() {
        member.get("/dashboard").await;
    }
    server.execute("update users set roles = 'NOT ROLES'");
    let broken = member.get("/dashboard").await;
    let refused = server.client().try_login("kavya", PASSWORD).await;
    server.lose_database().await;
    let away = member.get("/account/sessions").await;
    let not_ready = server.client().get("/health/ready").await;
    for (status, reply) in [(500, refused), (503, away), (503, not_ready)] {
        assert_eq!(reply.status.as_u16(), status, "{}", reply.body);
        assert_hardened("trouble", &reply.headers, false);
        assert!(!reply.body.contains("NOT ROLES") && !reply.body.contains("users."), "{}", reply.body);
    }
    assert!(broken.status == StatusCode::OK, "the row was read before it was damaged");
    assert_eq!(server.claim_failures().len(), 3);
}
