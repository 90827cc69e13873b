//! Login with a password: a form gets a cookie, a JSON client gets tokens.

use axum::http::StatusCode;
use insta::assert_snapshot;
use serde_json::json;

use crate::support::{PASSWORD, TestServer};

#[tokio::test]
async fn a_json_client_gets_tokens_and_no_cookie() {
    let server = TestServer::start().await;
    server.user("kavya", &["admin"]).await;
    let client = server.client();
    let reply = client.post_json("/login", &json!({"username": "kavya", "password": PASSWORD})).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header("set-cookie"), "");
    let tokens = reply.json();
    assert_snapshot!(client.with(&tokens).get("/dashboard").await.brief(), @r#"200 {"message":"Welcome kavya"}"#);
    assert!(tokens["refresh_token"].as_str().unwrap().starts_with("wwr_"));
}

#[tokio::test]
async fn a_form_gets_a_cookie_and_a_redirect() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let mut browser = server.browser();
    let page = browser.login("kavya").await;
    assert_eq!((page.status, page.path.as_str()), (StatusCode::OK, "/dashboard"));
    assert!(page.shows("Welcome kavya"));
    assert!(!page.shows("eyJ"), "no token ever reaches a page");
}

#[tokio::test]
async fn the_address_works_as_well_as_the_name_in_any_case() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    for name in ["kavya", "KAVYA", "kavya@example.org", "Kavya@Example.Org"] {
        server.client().login(name).await;
    }
}

#[tokio::test]
async fn a_json_client_may_ask_for_a_cookie_by_name() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let body = json!({"username": "kavya", "password": PASSWORD, "cookie": true});
    let reply = server.client().post_json("/login", &body).await;
    let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    let by_cookie = server.client().header("cookie", &cookie).get("/api/v1/session").await.json();
    let by_token = server.client().with(&reply.json()).get("/api/v1/session").await.json();
    assert_eq!(by_cookie["session_id"], by_token["session_id"]);
    assert_eq!(by_cookie["kind"], "cookie and tokens");
}
