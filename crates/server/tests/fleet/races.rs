//! Many at once, over two nodes: what may happen once happens once, and nobody meets a server error.

use axum::http::StatusCode;
use serde_json::Value;

use crate::flows::link;
use crate::support::{Front, PASSWORD, at_once};

#[tokio::test(flavor = "multi_thread")]
async fn fifty_refreshes_at_once_give_out_one_successor_in_each_of_two_hundred_rounds() {
    let front = Front::start(2, GRACE).await;
    front.fleet.add_user("kavya");
    let client = front.client();
    let mut tokens = client.login("kavya").await;
    for round in 0..200 {
        let refresh = |_| {
            let (client, tokens) = (client.clone(), tokens.clone());
            async move { client.refresh(&tokens).await }
        };
        let replies = at_once(50, refresh).await;
        assert!(replies.iter().all(|reply| reply.status == StatusCode::OK), "round {round}: {replies:?}");
        let successors: Vec<Value> = replies.iter().map(|reply| reply.json()["refresh_token"].clone()).collect();
        assert!(successors.iter().all(|successor| *successor == successors[0]), "round {round}: {successors:?}");
        assert_ne!(successors[0], tokens["refresh_token"]);
        tokens = replies[0].json();
        assert_eq!(client.with(&tokens).get("/dashboard").await.status, StatusCode::OK, "round {round}");
    }
    assert_eq!(front.fleet.cell("select string_agg(rotation::text, ' ') from grants"), "200", "one chain");
    assert_eq!(front.fleet.cell("select count(*) from sessions where ended_at is not null"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_grace_one_of_fifty_refreshes_at_once_succeeds_and_the_session_ends() {
    let front = Front::start(2, "tokens.refresh_grace = '0s'").await;
    front.fleet.add_user("kavya");
    let client = front.client();
    for round in 0..5 {
        let tokens = client.login("kavya").await;
        let refresh = |_| {
            let (client, tokens) = (client.clone(), tokens.clone());
            async move { client.refresh(&tokens).await }
        };
        let replies = at_once(50, refresh).await;
        let count = |wanted| replies.iter().filter(|reply| reply.status == wanted).count();
        let counts = (count(StatusCode::OK), count(StatusCode::UNAUTHORIZED));
        assert!(counts == (1, 49) || counts == (0, 50) && front.fleet.has_stalled(), "round {round}: {counts:?}");
        let Some(winner) = replies.iter().find(|reply| reply.status == StatusCode::OK) else { continue };
        let successor = winner.json();
        for node in front.nodes() {
            assert_eq!(node.client().refresh(&successor).await.status, StatusCode::UNAUTHORIZED, "round {round}");
        }
    }
    let ended = "select count(*) from sessions where ended_why = 'refresh_reuse'";
    assert_eq!(front.fleet.cell(ended), "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_people_with_the_set_up_link_at_once_make_one_administrator() {
    let front = Front::start(2, MANY).await;
    let link = link(&front);
    let mut people = Vec::new();
    for n in 0..50 {
        let mut browser = front.browser();
        let form = browser.get(&link).await.form(&link);
        people.push((browser, form.fill("username", &format!("founder{n}")).fill("password", PASSWORD)));
    }
    let pages = at_once(50, |_| {
        let (mut browser, form) = people.pop().unwrap();
        async move { browser.submit(&form).await }
    })
    .await;
    let won = pages.iter().filter(|page| page.path == "/dashboard" && page.shows("Welcome founder")).count();
    let lost = pages.iter().filter(|page| page.status == StatusCode::NOT_FOUND).count();
    assert!((won, lost) == (1, 49) || (won, lost) == (0, 50) && front.fleet.has_stalled(), "{won} {lost}");
    let users = front.fleet.cell("select string_agg(roles, '|') from users");
    assert_eq!(users, "admin");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_people_who_want_one_name_at_once_make_one_account() {
    let front = Front::start(2, MANY).await;
    let mut people = Vec::new();
    for _ in 0..50 {
        let mut browser = front.browser();
        let form = browser.get("/signup").await.form("/signup");
        people.push((browser, form.fill("username", "kavya").fill("password", PASSWORD)));
    }
    let pages = at_once(50, |_| {
        let (mut browser, form) = people.pop().unwrap();
        async move { browser.submit(&form).await }
    })
    .await;
    let won = pages.iter().filter(|page| page.path == "/dashboard" && page.shows("Welcome kavya")).count();
    let lost = pages.iter().filter(|page| page.status == StatusCode::UNPROCESSABLE_ENTITY).count();
    assert!((won, lost) == (1, 49) || (won, lost) == (0, 50) && front.fleet.has_stalled(), "{won} {lost}");
    assert_eq!(front.fleet.cell("select count(*) from users"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn logouts_and_refreshes_at_once_leave_no_session_and_no_server_error() {
    let front = Front::start(2, GRACE).await;
    front.fleet.add_user("kavya");
    let client = front.client();
    for round in 0..20 {
        let tokens = client.login("kavya").await;
        let act = |n: usize| {
            let (client, tokens) = (client.clone(), tokens.clone());
            async move {
                let reply = match n % 5 {
                    0 => client.with(&tokens).post("/logout").await,
                    1 => client.with(&tokens).get("/api/v1/sessions").await,
                    _ => client.refresh(&tokens).await,
                };
                (n % 5, reply.status)
            }
        };
        for (what, status) in at_once(25, act).await {
            let is_refused = what > 0 && status == StatusCode::UNAUTHORIZED;
            assert!(status == StatusCode::OK || is_refused, "round {round}: {what} {status}");
        }
        for node in front.nodes() {
            assert_eq!(node.client().refresh(&tokens).await.status, StatusCode::UNAUTHORIZED, "round {round}");
        }
    }
    assert_eq!(front.fleet.cell("select count(*) from sessions where ended_at is null"), "0");
}

/// Longer than a busy machine takes for fifty refreshes.
const GRACE: &str = "tokens.refresh_grace = '60s'";

/// Many people behind one address.
const MANY: &str = "throttle.address_burst = 1000";
