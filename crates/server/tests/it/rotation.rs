//! Signing keys over time: published before they sign, trusted until their last token has expired, and dead at once when
//! that is asked for.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use domain::revocation::{Revoked, keep_until};
use domain::{KeyState, Span};
use serde_json::{Value, json};
use store::{KeyRevoked, NewKey};
use token::Algorithm;
use watchword::keyring::{Vault, generate};

use crate::support::{Client, TestServer};

const DAILY: &str = "keys.rotate_every = '1d'\nkeys.publish_ahead = '1h'\nsession.idle = '14d'";

/// The `kid` of an access token.
fn kid(tokens: &Value) -> String {
    let seen = token::inspect(tokens["access_token"].as_str().unwrap()).unwrap();
    seen.header["kid"].as_str().unwrap().to_owned()
}

async fn published(server: &Arc<TestServer>) -> BTreeSet<String> {
    let document = server.client().get("/.well-known/jwks.json").await.json();
    let keys = document["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// The name of the one key in a state.
fn in_state(server: &TestServer, state: KeyState) -> String {
    server.cell(&format!("select kid from signing_keys where state = '{}'", state.as_str()))
}

fn count(server: &TestServer, condition: &str) -> String {
    server.cell(&format!("select count(*) from signing_keys where {condition}"))
}

fn set<const N: usize>(kids: [&String; N]) -> BTreeSet<String> {
    kids.into_iter().cloned().collect()
}

async fn status(client: &Client, tokens: &Value) -> StatusCode {
    client.with(tokens).get("/dashboard").await.status
}

/// A key as the command line makes one.
async fn new_key(server: &TestServer, env: &[(String, String)]) -> NewKey {
    let (vault, _) = Vault::open(&server.app.config, env, &server.app.store).await.unwrap();
    vault.seal(&generate(Algorithm::EdDSA).await.unwrap(), server.app.clock.now())
}

/// What `watchword keys revoke` does.
async fn revoke(server: &TestServer, kid: &str) -> KeyRevoked {
    let stand_in = new_key(server, &[]).await;
    let now = server.app.clock.now();
    server.app.store.revoke_key(kid, stand_in, keep_until(now), now).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_until_its_last_token_has_expired() {
    let server = TestServer::with(DAILY).await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let first = client.login("kavya").await;
    let old = kid(&first);
    assert_eq!(published(&server).await, set([&old]));

    server.advance(Span(Span::hours(23).0 - 1)).await;
    assert_eq!(published(&server).await, set([&old]));
    server.advance(Span(1)).await;
    let new = in_state(&server, KeyState::Next);
    assert_eq!(published(&server).await, set([&old, &new]), "an hour before its turn");
    server.advance(Span(Span::hours(1).0 - 1)).await;
    let last = client.login("kavya").await;
    assert_eq!(kid(&last), old, "the old one signs until then");

    server.advance(Span(1)).await;
    let next = client.login("kavya").await;
    assert_eq!(kid(&next), new);
    assert_eq!(published(&server).await, set([&old, &new]));
    assert_eq!(status(&client, &last).await, StatusCode::OK, "tokens of the old one go on");

    server.advance(Span::minutes(15)).await;
    assert_eq!(status(&client, &last).await, StatusCode::UNAUTHORIZED, "it has expired");
    assert_eq!(published(&server).await, set([&old, &new]), "the longest that any token of it may live is not over");
    server.advance(Span::minutes(10)).await;
    assert_eq!(published(&server).await, set([&new]));
    let row = format!("select state || length(sealed) from signing_keys where kid = '{old}'");
    assert_eq!(server.cell(&row), "gone0", "its private half is erased");
}

#[tokio::test]
async fn of_several_nodes_one_takes_each_step_and_all_follow() {
    let here = TestServer::with(DAILY).await;
    here.user("kavya", &[]).await;
    let there = here.beside(DAILY).await;
    for day in 1..=3 {
        for step in [Span::hours(23), Span::hours(1)] {
            here.advance(step).await;
            tokio::join!(here.tend_keys(), there.tend_keys(), here.tend_keys(), there.tend_keys());
            here.tend_keys().await;
            there.tend_keys().await;
            assert_eq!(published(&here).await, published(&there).await, "day {day}");
        }
        let tokens = there.client().login("kavya").await;
        assert_eq!(status(&here.client(), &tokens).await, StatusCode::OK);
        assert_eq!(kid(&tokens), kid(&here.client().login("kavya").await));
        assert_eq!(count(&here, "true"), (day + 1).to_string(), "one key a day, however many nodes there are");
    }
}

#[tokio::test]
async fn a_node_that_was_asleep_signs_with_the_key_in_force_and_publishes_all() {
    let here = TestServer::with(DAILY).await;
    here.user("kavya", &[]).await;
    let asleep = here.beside(DAILY).await;
    for _ in 0..3 {
        here.advance(Span::hours(12)).await;
        here.advance(Span::hours(12)).await;
    }
    here.advance(Span::hours(1)).await;
    let tokens = asleep.client().login("kavya").await;
    assert_eq!(kid(&tokens), in_state(&here, KeyState::Active));
    assert_eq!(status(&here.client(), &tokens).await, StatusCode::OK);
    assert_eq!(published(&asleep).await, published(&here).await);
}

#[tokio::test]
async fn a_token_by_a_key_that_another_node_has_not_heard_of_admits_there_and_logs_out_there() {
    let here = TestServer::with(DAILY).await;
    here.user("kavya", &[]).await;
    let there = here.beside(DAILY).await;
    for use_first in [true, false] {
        revoke(&here, &in_state(&here, KeyState::Active)).await;
        here.tend_keys().await;
        let tokens = here.client().login("kavya").await;
        if use_first {
            assert_eq!(status(&there.client(), &tokens).await, StatusCode::OK);
        }
        let reply = there.client().with(&tokens).post("/logout").await;
        assert_eq!(reply.json()["ended"], true, "{}", reply.body);
        assert_eq!(here.client().refresh(&tokens).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_node_that_cannot_ask_the_database_signs_nothing_and_lets_nobody_keep_its_keys() {
    let server = TestServer::with(DAILY).await;
    server.user("kavya", &[]).await;
    let tokens = server.client().login("kavya").await;
    server.lose_database().await;
    assert_eq!(server.client().get("/.well-known/jwks.json").await.header("cache-control"), "public, max-age=300");
    server.wait(Span::seconds(6));
    let reply = server.client().get("/.well-known/jwks.json").await;
    assert_eq!((reply.header("cache-control"), reply.status), ("no-store", StatusCode::OK));
    assert!(reply.body.contains(&kid(&tokens)));
    assert_eq!(server.client().refresh(&tokens).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status(&server.client(), &tokens).await, StatusCode::SERVICE_UNAVAILABLE, "nor lets anybody in by it");
    server.claim_failures();
}

#[tokio::test]
async fn after_a_long_stop_an_overdue_key_is_published_first() {
    let server = TestServer::with(DAILY).await;
    server.user("kavya", &[]).await;
    let old = in_state(&server, KeyState::Active);
    let stopped = server.stop().await;
    stopped.wait(Span::days(200));
    let server = stopped.start(DAILY, &[]).await.unwrap();
    let new = in_state(&server, KeyState::Next);
    assert_eq!(published(&server).await, set([&old, &new]));
    assert_eq!(kid(&server.client().login("kavya").await), old);
    server.advance(Span::hours(1)).await;
    assert_eq!(kid(&server.client().login("kavya").await), new);
}

#[tokio::test]
async fn without_a_schedule_the_key_stays() {
    let server = TestServer::with("keys.rotate_every = 'never'").await;
    let old = in_state(&server, KeyState::Active);
    for _ in 0..10 {
        server.advance(Span::days(365)).await;
    }
    assert_eq!(published(&server).await, set([&old]));
    assert_eq!(count(&server, "true"), "1");
}

#[tokio::test]
async fn a_shared_secret_is_not_rotated() {
    let secret = [("WATCHWORD_TOKENS_SECRET", "q8N0vX2mYw7ZtR4kLp9sBc1dEf3gHj5uK7aT")];
    let server = TestServer::with_env(&format!("tokens.algorithm = 'HS256'\n{DAILY}"), &secret).await;
    for _ in 0..3 {
        server.advance(Span::days(1)).await;
    }
    assert_eq!(count(&server, "true"), "0");
}

#[tokio::test]
async fn after_a_change_of_algorithm_the_old_key_signs_until_everybody_can_know_the_new_one() {
    let server = TestServer::with(DAILY).await;
    server.user("kavya", &[]).await;
    let es256 = format!("tokens.algorithm = 'ES256'\n{DAILY}");
    let server = server.restart(&es256).await;
    let client = server.client();
    let old = client.login("kavya").await;
    let alg = |tokens: &Value| token::inspect(tokens["access_token"].as_str().unwrap()).unwrap().header["alg"].clone();
    assert_eq!(alg(&old), "EdDSA");
    assert_eq!(published(&server).await.len(), 2);
    server.advance(Span::minutes(55)).await;
    let old = client.login("kavya").await;
    server.advance(Span::minutes(5)).await;
    let new = client.login("kavya").await;
    assert_eq!((alg(&old), alg(&new)), (json!("EdDSA"), json!("ES256")));
    assert_eq!(status(&client, &old).await, StatusCode::OK);
    server.advance(Span::minutes(30)).await;
    assert_eq!(published(&server).await, set([&kid(&new)]));
    drop(client);

    // Thought better of before the new key took over, the change leaves no trace.
    let server = server.restart(DAILY).await;
    assert_eq!(published(&server).await.len(), 2);
    let server = server.restart(&es256).await;
    server.advance(Span::hours(1)).await;
    assert_eq!(published(&server).await, set([&kid(&new)]));
}

#[tokio::test]
async fn tokens_of_a_revoked_key_are_refused_at_once_and_everybody_stays_logged_in() {
    let here = TestServer::with(DAILY).await;
    here.user("kavya", &[]).await;
    let there = here.beside(DAILY).await;
    let (cookie, cached) = here.client().login_both("kavya").await;
    let unseen = here.client().login("kavya").await;
    let old = kid(&cached);
    for node in [&here, &there] {
        assert_eq!(status(&node.client(), &cached).await, StatusCode::OK);
    }

    let revoked = revoke(&here, &old).await;
    assert_eq!(revoked.receipt.revocations[0].revoked, Revoked::Key(old.clone()));
    // What the first of the two jobs learns is enough.
    for node in [&here, &there] {
        node.learn_revocations().await;
        for tokens in [&cached, &unseen] {
            assert_eq!(status(&node.client(), tokens).await, StatusCode::UNAUTHORIZED);
        }
        node.tend_keys().await;
        for tokens in [&cached, &unseen] {
            assert_eq!(status(&node.client(), tokens).await, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(node.client().cookie(&cookie).get("/dashboard").await.status, StatusCode::OK);
    }
    let successor = revoked.successor.unwrap();
    assert_eq!(published(&there).await, set([&successor]));
    let refreshed = there.client().refresh(&cached).await.json();
    assert_eq!(kid(&refreshed), successor);
    assert_eq!(status(&here.client(), &refreshed).await, StatusCode::OK);
    let row = format!("select state || length(sealed) from signing_keys where kid = '{old}'");
    assert_eq!(here.cell(&row), "gone0");

    drop(there);
    let here = here.restart(DAILY).await;
    assert_eq!(status(&here.client(), &cached).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&here.client(), &refreshed).await, StatusCode::OK);
}

#[tokio::test]
async fn a_revoked_key_gives_way_to_the_one_that_is_published_already() {
    let server = TestServer::with(DAILY).await;
    server.advance(Span::hours(23)).await;
    let (active, next) = (in_state(&server, KeyState::Active), in_state(&server, KeyState::Next));
    assert_eq!(revoke(&server, &active).await.successor, Some(next.clone()));
    server.catch_up().await;
    assert_eq!(published(&server).await, set([&next]));
    server.advance(Span::hours(12)).await;
    assert_eq!(published(&server).await, set([&next]), "its own turn lasts as long as any");
}
