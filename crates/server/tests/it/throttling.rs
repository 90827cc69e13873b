//! Throttling: guesses are counted per account and per address, where no restart and no other node forgets them.

use std::sync::Arc;

use axum::http::StatusCode;
use domain::{Roles, Span, UserId};
use store::NewUser;

use crate::support::{Page, Reply, TestServer};

const WRONG: &str = "not the right one";
const SMALL: &str = "throttle.account_burst = 4\nthrottle.address_burst = 6\nthrottle.address_every = '1m'";

async fn guess(server: &Arc<TestServer>, name: &str, ip: [u8; 4]) -> Reply {
    server.client().at(ip).try_login(name, WRONG).await
}

#[tokio::test]
async fn one_account_is_guarded_against_many_addresses() {
    let server = TestServer::with(SMALL).await;
    server.user("kavya", &[]).await;
    for n in 0..4 {
        assert_eq!(guess(&server, "kavya", [10, 0, n, 1]).await.status, StatusCode::UNAUTHORIZED);
    }
    let refused = guess(&server, "KAVYA", [10, 0, 9, 1]).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), "60");
    assert!(refused.json()["detail"].as_str().unwrap().contains("60 seconds"));
}

#[tokio::test]
async fn many_accounts_are_guarded_against_one_address() {
    let server = TestServer::with(SMALL).await;
    for n in 0..6 {
        assert_eq!(guess(&server, &format!("user{n}"), [10, 0, 0, 1]).await.status, StatusCode::UNAUTHORIZED);
    }
    let refused = guess(&server, "user7", [10, 0, 0, 1]).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), "60");
    assert_eq!(guess(&server, "user7", [10, 0, 0, 2]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn unless_configured_otherwise_far_fewer_than_a_hundred_guesses_follow_each_other() {
    let server = TestServer::start().await;
    let mut allowed = 0;
    while guess(&server, "kavya", [10, 0, 0, 1]).await.status == StatusCode::UNAUTHORIZED {
        allowed += 1;
    }
    assert_eq!(allowed, 10);
}

#[tokio::test]
async fn the_right_password_does_not_help_while_one_has_to_wait_and_does_afterwards() {
    let server = TestServer::with(SMALL).await;
    server.user("kavya", &[]).await;
    for n in 0..50 {
        guess(&server, "kavya", [10, 0, n, 1]).await;
    }
    let client = server.client();
    assert_eq!(client.try_login("kavya", crate::support::PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    // However many guesses were refused meanwhile, the owner waits for one interval only.
    server.advance(Span::minutes(1)).await;
    client.login("kavya").await;
}

#[tokio::test]
async fn a_success_gives_its_own_try_back_and_no_more() {
    let server = TestServer::with(SMALL).await;
    server.user("kavya", &[]).await;
    let client = server.client();
    for _ in 0..3 {
        client.try_login("kavya", WRONG).await;
    }
    for _ in 0..5 {
        client.login("kavya").await;
    }
    assert_eq!(client.try_login("kavya", WRONG).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.try_login("kavya", WRONG).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn tries_are_counted_over_restarts_and_nodes() {
    let here = TestServer::with(SMALL).await;
    here.user("kavya", &[]).await;
    let there = here.beside(SMALL).await;
    for server in [&here, &there, &here] {
        assert_eq!(guess(server, "kavya", [10, 0, 0, 1]).await.status, StatusCode::UNAUTHORIZED);
    }
    there.lose_database().await;
    drop(there);
    let here = here.restart(SMALL).await;
    assert_eq!(guess(&here, "kavya", [10, 0, 0, 1]).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(guess(&here, "kavya", [10, 0, 0, 1]).await.status, StatusCode::TOO_MANY_REQUESTS);
    here.step_back(Span::hours(2));
    assert_eq!(guess(&here, "kavya", [10, 0, 0, 1]).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn what_people_typed_as_their_name_is_not_in_the_database() {
    let server = TestServer::start().await;
    let typed = "violet-kettles-hum";
    guess(&server, typed, [10, 0, 0, 1]).await;
    let stored = server.database_bytes();
    assert!(!stored.windows(typed.len()).any(|window| window == typed.as_bytes()));
    assert!(!server.logged().contains(typed));
}

/// A server on which every account of five letters cannot be logged in to, each for another reason.
async fn with_five_kinds() -> Arc<TestServer> {
    let server = TestServer::with("throttle.account_burst = 2\nthrottle.address_burst = 1000").await;
    server.user("kavya", &[]).await;
    let now = server.app.clock.now();
    let disabled = server.user("meera", &[]).await;
    server.app.store.set_disabled(disabled, true, domain::revocation::keep_until(now), now).await.unwrap();
    let keyless = NewUser {
        user_id: UserId::new(now, &[1; 10]),
        username: "asher".parse().unwrap(),
        email: None,
        password: None,
        roles: Roles::default(),
        created_at: now,
    };
    server.app.store.add_user(keyless).await.unwrap();
    server
}

const KINDS: [&str; 4] = ["kavya", "meera", "asher", "ghost"];

#[tokio::test]
async fn a_program_cannot_tell_which_accounts_exist() {
    let server = with_five_kinds().await;
    let told = |reply: &Reply| {
        let id = reply.header("x-request-id").to_owned();
        let headers: Vec<String> = reply.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        format!("{} {} {}", reply.status, headers.join("\n"), reply.body).replace(&id, "")
    };
    for attempt in ["first", "second", "throttled"] {
        let known = told(&guess(&server, KINDS[0], [10, 0, 0, 1]).await);
        assert_eq!(known.starts_with("429"), attempt == "throttled");
        for name in &KINDS[1..] {
            assert_eq!(told(&guess(&server, name, [10, 0, 0, 1]).await), known, "{name} {attempt}");
        }
    }
}

#[tokio::test]
async fn nor_can_a_person_with_a_browser() {
    let server = with_five_kinds().await;
    let told = |page: &Page, name: &str| {
        let csrf = page.form("/login").fields[0].1.clone();
        let id = page.headers["x-request-id"].to_str().unwrap().to_owned();
        let headers: Vec<String> = page.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        let all = format!("{} {} {}", page.status, headers.join("\n"), page.html);
        all.replace(&csrf, "").replace(&id, "").replace(name, "")
    };
    for _ in 0..3 {
        let mut seen = Vec::new();
        for name in KINDS {
            let page = server.browser().login_with(name, WRONG).await;
            seen.push(told(&page, name));
        }
        assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
    }
}
