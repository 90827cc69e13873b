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
    assert_snapshot!(client.clone().bearer("garbage").post("/logout").await.brief(), @r#"200 {"ended":false,"message":"That token names no session here; nothing was ended."}"#);
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

#[tokio::test]
async fn an_access_token_that_has_expired_still_ends_its_session() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let tokens = client.login("kavya").await;
    server.advance(domain::Span::minutes(11)).await;
    assert_eq!(client.with(&tokens).get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.with(&tokens).post("/logout").await.json()["ended"], true);
    assert_eq!(client.refresh(&tokens).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_header_that_is_meant_for_a_proxy_does_not_hide_the_cookie() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let body = serde_json::json!({"username": "kavya", "password": crate::support::PASSWORD, "cookie": true});
    let reply = server.client().post_json("/login", &body).await;
    let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    let behind_proxy = server.client().header("cookie", &cookie).header("authorization", "Basic a2F2eWE6eA==");
    assert_eq!(behind_proxy.get("/dashboard").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_logout_that_cannot_tell_which_session_is_meant_does_not_pretend() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let mut browser = server.browser();
    browser.login("kavya").await;
    let own = format!("__Host-session={}", browser.session().unwrap());
    let both = server.client().header("cookie", &format!("{own}; __Host-session=junk")).post("/logout").await.json();
    assert_eq!(both["ended"], false);
    assert!(both["message"].as_str().unwrap().contains("nothing was ended"));
}

#[tokio::test]
async fn a_button_on_a_page_that_outlived_its_session_leads_to_the_login_page() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let mut browser = server.browser();
    browser.login("kavya").await;
    let devices = browser.get("/account/sessions").await;
    let tokens = server.client().login("kavya").await;
    server.client().with(&tokens).delete("/api/v1/sessions").await;
    assert_eq!(browser.submit(&devices.form("/account/sessions/end-all")).await.path, "/login");
}

#[tokio::test]
async fn a_cookie_that_did_not_decide_is_left_alone() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let mut browser = server.browser();
    browser.login("kavya").await;
    let cookie = format!("__Host-session={}", browser.session().unwrap());
    let both = server.client().header("cookie", &cookie).bearer("undefined").post("/logout").await;
    assert_eq!((both.json()["ended"].as_bool(), both.header("set-cookie")), (Some(false), ""));
    assert_eq!(browser.get("/dashboard").await.path, "/dashboard");
}
