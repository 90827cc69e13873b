//! Refresh: one live chain, a grace for lost replies, and the end of the session for thieves.

use axum::http::StatusCode;
use domain::Span;
use insta::assert_snapshot;

use crate::support::TestServer;

#[tokio::test]
async fn a_refresh_token_yields_its_successor_and_a_new_access_token() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let first = client.login("kavya").await;
    let second = client.refresh(&first).await.json();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_ne!(first["access_token"], second["access_token"]);
    assert_eq!(first["session_id"], second["session_id"]);
    assert_eq!(client.with(&second).get("/dashboard").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_replayed_refresh_token_ends_the_session() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let first = client.login("kavya").await;
    let second = client.refresh(&first).await.json();
    let third = client.refresh(&second).await.json();
    assert_eq!(client.refresh(&first).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.refresh(&third).await.status, StatusCode::UNAUTHORIZED);
    assert_snapshot!(client.with(&third).get("/dashboard").await.brief(), @r#"401 {"detail":"The token has been revoked.","status":401,"title":"Unauthorized","type":"about:blank"}"#);
    assert!(server.logged().contains("a used refresh token came back"));
}

#[tokio::test]
async fn the_user_is_told_of_the_theft() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let first = client.login("kavya").await;
    let second = client.refresh(&first).await.json();
    client.refresh(&second).await;
    let mut browser = server.browser();
    browser.login("kavya").await;
    assert!(!browser.get("/account/sessions").await.shows("used twice"));
    client.refresh(&first).await;
    assert!(browser.get("/account/sessions").await.shows("refresh tokens was used twice"));
}

#[tokio::test]
async fn a_lost_reply_is_answered_again_within_the_grace() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let first = client.login("kavya").await;
    let lost = client.refresh(&first).await.json();
    server.advance(Span::seconds(9)).await;
    let again = client.refresh(&first).await.json();
    assert_eq!(lost["refresh_token"], again["refresh_token"]);
    server.advance(Span::seconds(1)).await;
    assert_eq!(client.refresh(&first).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.refresh(&again).await.status, StatusCode::UNAUTHORIZED, "after the grace it was theft");
}

#[tokio::test(flavor = "current_thread")]
async fn fifty_parallel_refreshes_of_one_token_leave_one_live_chain() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let first = client.login("kavya").await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (client, first) = (client.clone(), first.clone());
        running.spawn(async move { client.refresh(&first).await });
    }
    let replies = running.join_all().await;
    assert!(replies.iter().all(|reply| reply.status == StatusCode::OK));
    let mut successors: Vec<String> = replies.iter().map(|r| r.json()["refresh_token"].to_string()).collect();
    successors.sort();
    successors.dedup();
    assert_eq!(successors.len(), 1);
    assert_eq!(client.refresh(&replies[7].json()).await.status, StatusCode::OK);
}
