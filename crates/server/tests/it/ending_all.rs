//! Ending all at once: everything that was issued, or what a client holds; and a change of roles, which ends tokens only.

use std::sync::Arc;

use axum::http::StatusCode;
use domain::revocation::keep_until;
use domain::{Roles, Span, UserId};
use serde_json::{Value, json};
use watchword::ending_all;

use crate::support::{Client, PASSWORD, TestServer};

/// The three credentials of one login.
struct Login {
    cookie: String,
    tokens: Value,
}

/// What they are answered: cookie, access token, refresh token.
type Answers = (StatusCode, StatusCode, StatusCode);

const IN: Answers = (StatusCode::OK, StatusCode::OK, StatusCode::OK);
const OUT: Answers = (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED);

impl Login {
    async fn of(name: &str, server: &Arc<TestServer>) -> Self {
        let (cookie, tokens) = server.client().login_both(name).await;
        Self { cookie, tokens }
    }

    async fn answers(&self, server: &Arc<TestServer>) -> Answers {
        let (cookie, token) = self.checks(server).await;
        (cookie, token, server.client().refresh(&self.tokens).await.status)
    }

    /// Without using up the refresh token.
    async fn checks(&self, server: &Arc<TestServer>) -> (StatusCode, StatusCode) {
        let [cookie, token] = self.clients(server);
        (cookie.get("/api/v1/session").await.status, token.get("/api/v1/session").await.status)
    }

    fn clients(&self, server: &Arc<TestServer>) -> [Client; 2] {
        [server.client().cookie(&self.cookie), server.client().with(&self.tokens)]
    }
}

async fn end_everybody(server: &TestServer) {
    let ended = ending_all::everybody(&server.app.store, &server.app.clock).await.unwrap();
    assert!(ended.moment > server.app.clock.now(), "it has not passed when it is committed");
}

/// Until one may log in again.
fn let_it_pass(server: &TestServer) {
    server.wait(Span::seconds(1));
}

#[tokio::test]
async fn everything_issued_before_is_refused_on_every_node_and_after_a_restart_and_for_good() {
    let here = TestServer::start().await;
    let there = here.beside("").await;
    for name in ["kavya", "ravi"] {
        here.user(name, &[]).await;
    }
    let logins = [Login::of("kavya", &here).await, Login::of("kavya", &there).await, Login::of("ravi", &there).await];
    for login in &logins {
        for node in [&here, &there] {
            assert_eq!(login.checks(node).await, (StatusCode::OK, StatusCode::OK));
        }
    }
    end_everybody(&here).await;
    for node in [&here, &there] {
        node.catch_up().await;
        for login in &logins {
            assert_eq!(login.answers(node).await, OUT);
        }
    }
    assert_eq!(here.cell("select count(*) from revocations"), "1");
    assert_eq!(here.cell("select count(*) from sessions where ended_at is not null"), "0");

    let_it_pass(&here);
    let after = Login::of("kavya", &there).await;
    for node in [&here, &there] {
        assert_eq!(after.checks(node).await, (StatusCode::OK, StatusCode::OK));
    }
    drop(there);
    let here = here.restart("").await;
    for span in [Span::ZERO, Span::minutes(20), Span::hours(10)] {
        here.advance(span).await;
        for app in [&here.app] {
            app.store.sweep(app.clock.now(), Span::days(30)).await.unwrap();
        }
        for login in &logins {
            assert_eq!(login.answers(&here).await, OUT, "{span:?}");
        }
    }
    assert_eq!(here.cell("select count(*) from revocations"), "0", "it does not rest on the log");
    let refreshed = here.client().refresh(&after.tokens).await;
    assert_eq!(refreshed.status, StatusCode::OK, "{}", refreshed.body);
}

#[tokio::test]
async fn until_the_moment_has_passed_nobody_logs_in_and_then_everybody_may() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    end_everybody(&server).await;
    let refused = server.client().try_login("kavya", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.claim_failures().len(), 1);
    let_it_pass(&server);
    server.catch_up().await;
    let login = Login::of("kavya", &server).await;
    assert_eq!(login.answers(&server).await, IN);
}

#[tokio::test]
async fn a_row_that_was_read_by_a_later_clock_before_everything_ended_admits_nobody_after() {
    let here = TestServer::start().await;
    let there = here.beside("").await;
    here.user("kavya", &[]).await;
    let login = Login::of("kavya", &here).await;
    let early = here.app.clock.now();
    there.wait(Span::seconds(30));
    for node in [&here, &there] {
        node.catch_up().await;
        assert_eq!(login.clients(node)[0].get("/dashboard").await.status, StatusCode::OK);
    }
    // By a command whose clock is behind: the moment is earlier than that of the reading.
    let ended = here.app.store.end_everybody(early, early).await.unwrap();
    assert!(ended.moment < here.app.clock.now());
    for node in [&here, &there] {
        node.catch_up().await;
        assert_eq!(login.clients(node)[0].get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(login.answers(node).await, OUT);
    }
}

#[tokio::test]
async fn an_access_token_that_was_ended_is_refused_when_the_clock_has_been_taken_back_and_any_other_is_not() {
    for (back, ends) in [Span::ZERO, Span::seconds(10)].into_iter().flat_map(|back| [(back, false), (back, true)]) {
        let here = TestServer::start().await;
        here.user("kavya", &[]).await;
        let login = Login::of("kavya", &here).await;
        if ends {
            end_everybody(&here).await;
        }
        let now = here.app.clock.now() - back;
        here.step_back(back);
        here.app.store.danger_reset_clock_floor(now).await.unwrap();
        let here = here.restart("").await;
        // Until then it is a token of the future.
        here.wait(back);
        here.catch_up().await;
        let answer = if ends { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
        assert_eq!(login.checks(&here).await, (answer, answer), "{back:?} back");
    }
}

#[tokio::test]
async fn what_a_client_holds_is_refused_on_every_node_and_the_browser_goes_on() {
    let here = TestServer::start().await;
    let there = here.beside("").await;
    here.user("kavya", &[]).await;
    let login = Login::of("kavya", &here).await;
    for node in [&here, &there] {
        assert_eq!(login.checks(node).await, (StatusCode::OK, StatusCode::OK));
    }
    let ended = ending_all::client(&here.app.store, &here.app.clock, "first-party").await.unwrap();
    assert_eq!(ended.count, 1);
    for node in [&here, &there] {
        node.catch_up().await;
        let (cookie, token, refresh) = login.answers(node).await;
        assert_eq!(cookie, StatusCode::OK);
        assert_eq!((token, refresh), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    }
    let_it_pass(&here);
    assert_eq!(Login::of("kavya", &there).await.answers(&here).await, IN);
    let others = ending_all::client(&here.app.store, &here.app.clock, "orders").await.unwrap();
    assert_eq!(others.count, 0);
}

async fn set_roles(server: &TestServer, user_id: UserId, roles: &[&str]) {
    // As the command line does it: on the database, beside the servers that run.
    let (now, roles) = (server.app.clock.now(), Roles::parse(roles.iter().copied()).unwrap());
    assert!(server.app.store.set_roles(user_id, &roles, keep_until(now), now).await.unwrap().is_some());
}

/// The address that tests' programs come from.
const BEHIND_A_PROXY: &str = "trusted_proxies = ['192.0.2.7/32']";

/// The proxy, which asks about a request for a page.
fn proxied(client: Client) -> Client {
    let client = client.header("x-forwarded-method", "GET").header("x-forwarded-uri", "/orders");
    client.header("x-forwarded-host", "login.example.org")
}

#[tokio::test]
async fn an_administrator_who_is_stripped_of_the_role_loses_it_everywhere_at_once_and_stays_logged_in() {
    let here = TestServer::with(BEHIND_A_PROXY).await;
    let there = here.beside(BEHIND_A_PROXY).await;
    let user_id = here.user("kavya", &["admin"]).await;
    let login = Login::of("kavya", &here).await;
    let demand = "/forward-auth?role=admin";
    for node in [&here, &there] {
        for client in login.clients(node).map(proxied) {
            assert_eq!(client.get(demand).await.status, StatusCode::OK);
        }
    }
    set_roles(&here, user_id, &[]).await;
    let mut tokens = login.tokens.clone();
    for node in [&here, &there] {
        node.catch_up().await;
        let [cookie, token] = login.clients(node).map(proxied);
        assert_eq!(token.get(demand).await.status, StatusCode::UNAUTHORIZED, "it says what holds no more");
        assert_eq!(cookie.get(demand).await.status, StatusCode::FORBIDDEN);
        assert_eq!(cookie.get("/api/v1/session").await.json()["user"]["roles"], json!([]));

        let refreshed = node.client().refresh(&tokens).await;
        assert_eq!(refreshed.status, StatusCode::OK, "{}", refreshed.body);
        tokens = refreshed.json();
        let claims = token::inspect(tokens["access_token"].as_str().unwrap()).unwrap().claims;
        assert!(claims["roles"].as_array().is_none_or(Vec::is_empty), "{claims}");
        assert_eq!(proxied(node.client().with(&tokens)).get(demand).await.status, StatusCode::FORBIDDEN);
    }
    let former = tokens.clone();
    set_roles(&there, user_id, &["admin"]).await;
    for node in [&here, &there] {
        node.catch_up().await;
        assert_eq!(
            proxied(node.client().cookie(&login.cookie)).get(demand).await.status,
            StatusCode::OK,
            "with the same cookie"
        );
        assert_eq!(proxied(node.client().with(&former)).get(demand).await.status, StatusCode::UNAUTHORIZED);
        tokens = node.client().refresh(&tokens).await.json();
        assert_eq!(proxied(node.client().with(&tokens)).get(demand).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_node_that_is_told_of_a_kind_it_does_not_know_admits_nobody_by_what_it_remembers() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let login = Login::of("kavya", &server).await;
    server.catch_up().await;
    assert_eq!(login.checks(&server).await, (StatusCode::OK, StatusCode::OK));
    let unknown = "insert into revocations (kind, key, value, keep_until) values ('whatever', 'x', 1, 1)";
    server.execute(&if std::env::var("WATCHWORD_TEST_DATABASE").as_deref() == Ok("postgres") {
        format!("alter table revocations drop constraint revocations_kind_check; {unknown}")
    } else {
        format!("pragma ignore_check_constraints = on; {}", unknown.replace("'x'", "x'00'"))
    });
    assert!(server.app.memory.catch_up(&server.app.store, server.app.clock.now()).await.is_err());
    server.wait(Span::seconds(6));
    let (cookie, token) = login.checks(&server).await;
    assert_eq!(cookie, StatusCode::SERVICE_UNAVAILABLE);
    assert_ne!(token, StatusCode::OK);
    server.claim_failures();
}
