//! Logout: one call ends both views of the session; doing it again is harmless.

use axum::http::StatusCode;
use insta::assert_snapshot;

use crate::support::TestServer;

#[tokio::test]
async fn logout_with_either_token_ends_cookie_and_tokens_at_once() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    for credential in ["access_token", "refresh_token"] {
        let client = server.client();
        let body = serde_json::json!({"username": "kavya", "password": crate::support::PASSWORD, "cookie": true});
        let reply = client.post_json("/login", &body).await;
        let tokens = reply.json();
        let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
        let by_cookie = client.clone().header("cookie", &cookie);
        assert_eq!(by_cookie.get("/dashboard").await.status, StatusCode::OK);
        assert_eq!(client.with(&tokens).get("/dashboard").await.status, StatusCode::OK);

        let out = client.clone().bearer(tokens[credential].as_str().unwrap()).post("/logout").await;
        assert_eq!(out.json()["ended"], true);

        assert_eq!(by_cookie.get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(client.with(&tokens).get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(client.refresh(&tokens).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn logging_out_twice_or_with_garbage_is_harmless_and_says_so() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let tokens = client.login("kavya").await;
    client.with(&tokens).post("/logout").await;
    let already = r#"200 {"ended":false,"message":"You were logged out already."}"#;
    assert_eq!(client.with(&tokens).post("/logout").await.brief(), already);
    assert_eq!(client.clone().bearer("garbage").post("/logout").await.brief(), already);
    assert_eq!(client.post("/logout").await.brief(), already);
    assert_snapshot!(client.clone().header("cookie", "__Host-session=junk").post("/logout").await.brief(), @r#"200 {"ended":false,"message":"You were logged out already."}"#);
}

#[tokio::test]
async fn a_browser_logs_out_with_the_form_on_the_page() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let mut browser = server.browser();
    let page = browser.login("kavya").await;
    let out = browser.submit(&page.form("/logout")).await;
    assert!(out.shows("You are logged out."));
    assert!(browser.session().is_none());
    assert_eq!(browser.get("/dashboard").await.path, "/login?next=%2Fdashboard");
}
