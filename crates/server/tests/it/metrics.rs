//! What the other listener tells: who follows, how much is remembered and sent, and nothing that is secret.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use domain::Span;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::revocation_feed::Follower;
use crate::support::TestServer;

/// What the first node tells at a path.
async fn told(server: &TestServer, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = watchword::routes::metrics(&server.app).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn metrics_tell_who_follows_and_what_is_remembered_sent_and_judged() {
    let server = TestServer::start().await;
    // One node answers, so that all is counted in one place.
    let _other = server.beside("").await;
    server.user("kavya", &[]).await;
    let follower = Follower::of(&server).await;
    let stream = follower.send("/revocations/stream?name=a").await.into_body();
    server.wait(Span(2_500));
    server.catch_up().await;
    follower.ask("?name=b").await;
    let tokens = server.client().login("kavya").await;
    let client = server.client().with(&tokens);
    client.delete("/api/v1/session").await;
    assert_eq!(client.get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
    server.catch_up().await;
    let (status, text) = told(&server, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    for line in [
        "watchword_revocations 1",
        "watchword_revocations_age_seconds 0",
        "watchword_verifiers 2",
        "watchword_verifier_age_seconds{verifier=\"orders\",instance=\"a\"} 2.5",
        "watchword_verifier_age_seconds{verifier=\"orders\",instance=\"b\"} 0",
        "watchword_feed_streams 1",
        "watchword_feed_questions_total 1",
        "watchword_feed_put_off_total 0",
        "watchword_checks_total{outcome=\"accepted\"} 1",
        "watchword_checks_total{outcome=\"refused\"} 1",
        "watchword_checks_total{outcome=\"unsure\"} 0",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in:\n{text}");
    }
    assert!(!text.contains(&follower.credential) && !text.contains("kavya"));
    let sent = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("watchword_feed_bytes_total ")).unwrap();
        line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = sent(&text);
    drop(stream);
    follower.ask("").await;
    let (_, text) = told(&server, "/metrics").await;
    assert!(sent(&text) > before && text.contains("watchword_feed_streams 0\n"), "{text}");
}

#[tokio::test]
async fn metrics_are_told_by_the_other_listener_alone_and_nothing_else_is() {
    let server = TestServer::start().await;
    server.user("kavya", &["admin"]).await;
    let tokens = server.client().login("kavya").await;
    assert_eq!(server.client().with(&tokens).get("/metrics").await.status, StatusCode::NOT_FOUND);
    for path in ["/", "/dashboard", "/revocations", "/health/live"] {
        assert_eq!(told(&server, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}
