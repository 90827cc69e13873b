//! What people and programs do, each step on another node than the one before.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Browser, Client, Front, PASSWORD, Page, Reply, refused_soon};

#[tokio::test]
async fn each_request_meets_another_node() {
    let front = Front::start(3, "").await;
    let mut met = Vec::new();
    for _ in 0..7 {
        met.push(front.client().get("/health/ready").await.header("x-node").to_owned());
    }
    assert_eq!(met, ["0", "1", "2", "0", "1", "2", "0"]);
}

#[tokio::test]
async fn a_person_sets_up_signs_up_and_logs_in_with_forms_of_one_node_sent_to_another() {
    for number in [2, 3] {
        let front = Front::start(number, "").await;
        let (path, mut founder) = (link(&front), front.browser());
        let page = fill_in(&mut founder, &path, "founder").await;
        assert!(page.path == "/dashboard" && page.shows("Welcome founder") && page.shows("admin"), "{page:?}");
        for node in front.nodes() {
            assert_eq!(node.client().get(&path).await.status, StatusCode::NOT_FOUND, "the link worked once");
        }

        let mut member = front.browser();
        assert!(fill_in(&mut member, "/signup", "kavya").await.shows("Welcome kavya"));
        for node in front.nodes() {
            let again = fill_in(&mut node.browser(), "/signup", "KAVYA").await;
            assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "the name is taken");
        }
        for _ in 0..3 {
            let mut device = front.browser();
            assert!(device.login("kavya").await.shows("Welcome kavya"));
            for _ in 0..4 {
                assert!(device.get("/dashboard").await.shows("Welcome kavya"));
            }
            let page = device.get("/account/sessions").await;
            let out = device.submit(&page.form("/logout")).await;
            assert!(out.status == StatusCode::OK && out.shows("You are logged out."), "{out:?}");
        }
    }
}

#[tokio::test]
async fn a_program_refreshes_a_long_chain_whose_every_step_meets_another_node() {
    for number in [2, 3] {
        let front = Front::start(number, "tokens.refresh_grace = '60s'").await;
        front.fleet.add_user("kavya");
        let client = front.client();
        let (cookie, mut tokens) = client.login_both("kavya").await;
        for step in 0..25 {
            let refreshed = client.refresh(&tokens).await;
            assert_eq!(refreshed.status, StatusCode::OK, "step {step}: {}", refreshed.body);
            let successor = refreshed.json();
            let again = client.refresh(&tokens).await.json();
            assert_eq!(again["refresh_token"], successor["refresh_token"], "a lost reply is answered again elsewhere");
            tokens = successor;
            for credential in [client.with(&tokens), client.with(&again), client.clone().cookie(&cookie)] {
                assert_eq!(credential.get("/dashboard").await.status, StatusCode::OK, "step {step}");
            }
        }
        assert_eq!(front.fleet.cell("select rotation from grants"), "25");
        assert_eq!(front.fleet.cell("select count(*) from sessions where ended_at is not null"), "0");
    }
}

#[tokio::test]
async fn a_replayed_refresh_token_ends_the_session_whichever_node_it_is_brought_to() {
    let front = Front::start(2, "").await;
    front.fleet.add_user("kavya");
    for node in front.nodes() {
        let client = front.client();
        let (cookie, stolen) = client.login_both("kavya").await;
        let next = client.refresh(&stolen).await.json();
        let last = client.refresh(&next).await.json();
        assert_eq!(node.client().refresh(&stolen).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(client.refresh(&last).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(client.refresh(&last).await.status, StatusCode::UNAUTHORIZED);
        gone_everywhere(&front, &cookie, &last).await;
    }
}

#[tokio::test]
async fn however_a_session_is_ended_on_one_node_it_is_over_on_every_node() {
    let front = Front::start(2, "").await;
    front.fleet.add_user("kavya");
    for way in WAYS {
        let client = front.client();
        let (cookie, tokens) = client.login_both("kavya").await;
        let (own_cookie, own) = client.login_both("kavya").await;
        for node in front.nodes() {
            for credential in [node.client().with(&tokens), node.client().cookie(&cookie)] {
                assert_eq!(credential.get("/dashboard").await.status, StatusCode::OK, "{way}: each node knows it");
            }
        }
        let ended = end(way, &front, (&cookie, &tokens), (&own_cookie, &own)).await;
        assert_eq!(ended.status, StatusCode::OK, "{way}: {}", ended.body);
        assert_eq!(client.refresh(&tokens).await.status, StatusCode::UNAUTHORIZED, "{way}");
        assert_eq!(client.refresh(&tokens).await.status, StatusCode::UNAUTHORIZED, "{way}");
        gone_everywhere(&front, &cookie, &tokens).await;
        for node in front.nodes() {
            let own = node.client().with(&own);
            assert_eq!(own.get("/dashboard").await.status, StatusCode::OK, "{way}: the other session goes on");
            let listed = own.get("/api/v1/sessions").await.json();
            assert_eq!(listed["sessions"].as_array().unwrap().len(), 1, "{way}: {listed}");
        }
        client.with(&own).post("/logout").await;
    }
}

#[tokio::test]
async fn a_page_of_one_node_ends_one_other_and_all_sessions_by_forms_that_another_takes() {
    let front = Front::start(2, "").await;
    front.fleet.add_user("kavya");
    let mut here = front.browser();
    here.login("kavya").await;
    let mut others = [front.browser(), front.browser(), front.browser()];
    for other in &mut others {
        other.login("kavya").await;
        assert!(other.get("/dashboard").await.shows("Welcome kavya"));
    }
    let lost = session_of(&others[0]).await;
    let page = here.get("/account/sessions").await;
    let page = here.submit(&page.form(&format!("/account/sessions/{lost}/end"))).await;
    assert!(
        page.status == StatusCode::OK && !page.shows(&format!("{lost}/end")),
        "the list is the database's: {}",
        page.html
    );
    refused_on_every_node(&front, &others[..1]).await;

    let page = here.submit(&page.form("/account/sessions/end-others")).await;
    assert!(!page.shows("/end-others") || page.status == StatusCode::OK);
    refused_on_every_node(&front, &others).await;
    assert!(here.get("/dashboard").await.shows("Welcome kavya"));

    others[0].login("kavya").await;
    let page = here.get("/account/sessions").await;
    let own = here.session().unwrap().to_owned();
    here.submit(&page.form("/account/sessions/end-all")).await;
    refused_on_every_node(&front, &others[..1]).await;
    for node in front.nodes() {
        refused_soon(&node.client().cookie(&own)).await;
    }
}

/// Every way in which a session can be ended over HTTP.
const WAYS: [&str; 8] = [
    "logout by cookie",
    "logout by access token",
    "logout by refresh token",
    "delete by cookie",
    "delete by access token",
    "end one",
    "end others by access token",
    "end others by cookie",
];

/// Ends the first session, in the last cases from the second.
async fn end(way: &str, front: &Arc<Front>, it: (&str, &Value), own: (&str, &Value)) -> Reply {
    let client = front.client();
    let by_token = |tokens: &Value| client.with(tokens);
    let refresh = client.clone().bearer(it.1["refresh_token"].as_str().unwrap());
    let one = format!("/api/v1/sessions/{}", it.1["session_id"].as_str().unwrap());
    match way {
        "logout by cookie" => by_cookie(&client, it.0).await.post("/logout").await,
        "logout by access token" => by_token(it.1).post("/logout").await,
        "logout by refresh token" => refresh.post("/logout").await,
        "delete by cookie" => by_cookie(&client, it.0).await.delete("/api/v1/session").await,
        "delete by access token" => by_token(it.1).delete("/api/v1/session").await,
        "end one" => by_token(own.1).delete(&one).await,
        "end others by access token" => by_token(own.1).delete("/api/v1/sessions").await,
        _ => by_cookie(&client, own.0).await.delete("/api/v1/sessions").await,
    }
}

/// A program with a cookie and the CSRF token that goes with it, made by whichever node answered.
async fn by_cookie(client: &Client, cookie: &str) -> Client {
    let client = client.clone().cookie(cookie);
    let csrf = client.get("/api/v1/session").await.json()["csrf_token"].as_str().unwrap().to_owned();
    client.header("x-csrf-token", &csrf)
}

async fn gone_everywhere(front: &Front, cookie: &str, tokens: &Value) {
    for node in front.nodes() {
        refused_soon(&node.client().cookie(cookie)).await;
        refused_soon(&node.client().with(tokens)).await;
    }
}

async fn refused_on_every_node(front: &Front, browsers: &[Browser]) {
    for node in front.nodes() {
        for browser in browsers {
            refused_soon(&node.client().cookie(browser.session().unwrap())).await;
        }
    }
}

async fn session_of(browser: &Browser) -> String {
    let by_cookie = browser.server.client().cookie(browser.session().unwrap());
    by_cookie.get("/api/v1/session").await.json()["session_id"].as_str().unwrap().to_owned()
}

/// The one set-up link, which every node printed.
pub fn link(front: &Front) -> String {
    let mut links = front.fleet.setup_links();
    links.dedup();
    assert_eq!(links.len(), 1, "{links:?}");
    links.remove(0)
}

/// Makes an account by the form at this path.
async fn fill_in(browser: &mut Browser, path: &str, name: &str) -> Page {
    let form = browser.get(path).await.form(path);
    browser.submit(&form.fill("username", name).fill("password", PASSWORD)).await
}

#[tokio::test]
async fn a_login_in_the_same_browser_ends_its_earlier_session_on_every_node() {
    let front = Front::start(2, "").await;
    front.fleet.add_user("kavya");
    let mut browser = front.browser();
    browser.login("kavya").await;
    let before = browser.session().unwrap().to_owned();
    for node in front.nodes() {
        assert_eq!(node.client().cookie(&before).get("/dashboard").await.status, StatusCode::OK);
    }
    let again = front.client().cookie(&before);
    let body = json!({"username": "kavya", "password": PASSWORD, "cookie": true});
    let after = again.post_json("/login", &body).await.session().unwrap();
    for node in front.nodes() {
        refused_soon(&node.client().cookie(&before)).await;
        assert_eq!(node.client().cookie(&after).get("/dashboard").await.status, StatusCode::OK);
    }
}
