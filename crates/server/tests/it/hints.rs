//! Two nodes on one PostgreSQL: a hint makes a logout felt at once, where polling alone would take an hour.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use watchword::jobs;

use crate::support::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_on_one_node_is_felt_on_another_although_that_polls_once_an_hour() {
    let here = TestServer::on_postgres("").await;
    here.user("kavya", &[]).await;
    let there = here.beside("").await;
    let learning = tokio::spawn(jobs::learn(there.app.clone(), Duration::from_hours(1)));
    let mut waits = Vec::new();
    for _ in 0..5 {
        let (cookie, tokens) = here.client().login_both("kavya").await;
        let (by_token, by_cookie) = (there.client().with(&tokens), there.client().cookie(&cookie));
        for client in [&by_token, &by_cookie] {
            assert_eq!(client.get("/dashboard").await.status, StatusCode::OK);
        }
        assert!(here.client().with(&tokens).post("/logout").await.status.is_success());
        let began = Instant::now();
        for client in [&by_token, &by_cookie] {
            while client.get("/dashboard").await.status == StatusCode::OK {
                assert!(began.elapsed() < Duration::from_secs(20), "still logged in there");
            }
        }
        waits.push(began.elapsed());
    }
    println!("felt on the other node after {waits:?}");
    learning.abort();
}
