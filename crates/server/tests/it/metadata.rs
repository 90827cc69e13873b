//! What verifiers learn from the server, and what they ask it about cookies.

use domain::Span;
use serde_json::json;

use crate::support::TestServer;

#[tokio::test]
async fn the_server_describes_itself_to_verifiers() {
    let server = TestServer::start().await;
    let reply = server.client().get("/.well-known/oauth-authorization-server").await;
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("cache-control"), "public, max-age=300");
    let expected = json!({
        "issuer": "https://login.example.org",
        "jwks_uri": "https://login.example.org/.well-known/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": [],
        "watchword_session_endpoint": "https://login.example.org/api/v1/session",
        "watchword_session_cookie": "__Host-session",
        "watchword_revocations_endpoint": "https://login.example.org/revocations",
    });
    assert_eq!(reply.json(), expected);
}

#[tokio::test]
async fn a_session_says_when_it_was_read_and_when_its_user_logged_in() {
    let server = TestServer::start().await;
    server.user("kavya", &["admin"]).await;
    let began = server.app.clock.now().0;
    let tokens = server.client().login("kavya").await;
    server.advance(Span::minutes(5)).await;
    let client = server.client().bearer(tokens["access_token"].as_str().unwrap());
    let session = client.get("/api/v1/session").await.json();
    assert_eq!((&session["authenticated_at"], &session["read_at"]), (&json!(began), &json!(began + 300_000)));
    assert_eq!(session["user"]["epoch"], json!(0));
}
