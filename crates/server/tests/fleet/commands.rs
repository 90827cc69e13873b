//! Commands at a terminal, beside the nodes: what they change holds on every node.

use std::sync::Arc;
use std::time::Instant;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Client, Front, PASSWORD, SOON, refused_soon};

#[tokio::test]
async fn a_change_of_password_or_standing_by_command_ends_every_session_on_every_node() {
    let front = Front::start(2, "throttle.account_burst = 100").await;
    front.fleet.add_user("kavya");
    let client = front.client();
    for (command, input) in [
        (&["user", "set-password", "kavya", "--password-stdin"][..], format!("{NEW_PASSWORD}\n")),
        (&["session", "end", "--user", "kavya"], String::new()),
        (&["user", "disable", "kavya"], String::new()),
    ] {
        let password = if command[1] == "set-password" { PASSWORD } else { NEW_PASSWORD };
        let mut credentials = Vec::new();
        for node in front.nodes() {
            let mut browser = node.browser();
            assert!(browser.login_with("kavya", password).await.shows("Welcome kavya"), "{command:?}");
            let tokens = node.client().try_login("kavya", password).await.json();
            credentials.push((browser.session().unwrap().to_owned(), tokens));
        }
        for (cookie, tokens) in &credentials {
            for _ in front.nodes() {
                assert_eq!(client.clone().cookie(cookie).get("/dashboard").await.status, StatusCode::OK);
                assert_eq!(client.with(tokens).get("/dashboard").await.status, StatusCode::OK);
            }
        }
        front.fleet.run(command, &input);
        for node in front.nodes() {
            for (cookie, tokens) in &credentials {
                refused_soon(&node.client().cookie(cookie)).await;
                refused_soon(&node.client().with(tokens)).await;
                assert_eq!(node.client().refresh(tokens).await.status, StatusCode::UNAUTHORIZED, "{command:?}");
            }
            assert_eq!(node.client().try_login("kavya", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
            let standing = if command[1] == "disable" { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
            assert_eq!(node.client().try_login("kavya", NEW_PASSWORD).await.status, standing, "{command:?}");
        }
    }
    front.fleet.run(&["user", "enable", "kavya"], "");
    front.fleet.run(&["user", "set-roles", "kavya", "editor"], "");
    for node in front.nodes() {
        let tokens = node.client().try_login("kavya", NEW_PASSWORD).await.json();
        let session = client.with(&tokens).get("/api/v1/session").await.json();
        assert_eq!(session["user"]["roles"], json!(["editor"]));
    }
}

#[tokio::test]
async fn roles_that_are_taken_away_by_command_are_gone_on_every_node_and_nobody_is_logged_out() {
    let front = Front::start(2, "").await;
    front.fleet.add_user("kavya");
    let client = front.client();
    let (cookie, mut tokens) = client.login_both("kavya").await;
    for roles in ["admin", "editor", ""] {
        front.fleet.run(&["user", "set-roles", "kavya", roles], "");
        for node in front.nodes() {
            refused_soon(&node.client().with(&tokens)).await;
        }
        tokens = client.refresh(&tokens).await.json();
        let expected: Vec<&str> = roles.split_whitespace().collect();
        for node in front.nodes() {
            for credential in [node.client().with(&tokens), node.client().cookie(&cookie)] {
                let session = credential.get("/api/v1/session").await;
                assert_eq!(session.status, StatusCode::OK, "{}", session.body);
                assert_eq!(session.json()["user"]["roles"], json!(expected));
            }
        }
    }
}

#[tokio::test]
async fn everything_that_is_ended_by_command_is_refused_on_every_node_and_one_may_log_in_again() {
    let front = Front::start(2, "").await;
    front.fleet.add_user("kavya");
    let client = front.client();
    // There is no login up to the moment of the ending. A node's time is behind the database's by what the quickest answer took that it
    // has had, so it may come to that moment after the command.
    front.fleet.ask_again();
    for args in [&["session", "end", "--everybody", "--yes"][..], &["session", "end", "--client", "first-party"]] {
        let (cookie, tokens) = client.login_both("kavya").await;
        for _ in front.nodes() {
            assert_eq!(client.clone().cookie(&cookie).get("/dashboard").await.status, StatusCode::OK);
            assert_eq!(client.with(&tokens).get("/dashboard").await.status, StatusCode::OK);
        }
        front.fleet.run(args, "");
        for node in front.nodes() {
            refused_soon(&node.client().with(&tokens)).await;
            assert_eq!(node.client().refresh(&tokens).await.status, StatusCode::UNAUTHORIZED);
            let cookie = node.client().cookie(&cookie);
            if args.contains(&"--everybody") {
                refused_soon(&cookie).await;
            } else {
                assert_eq!(cookie.get("/dashboard").await.status, StatusCode::OK);
            }
        }
        let (cookie, tokens) = logged_in_again(&client).await;
        for node in front.nodes() {
            for credential in [node.client().with(&tokens), node.client().cookie(&cookie)] {
                assert_eq!(credential.get("/dashboard").await.status, StatusCode::OK);
            }
        }
    }
}

/// Cookie and tokens that are from after the moment.
async fn logged_in_again(client: &Client) -> (String, Value) {
    let began = Instant::now();
    loop {
        let (cookie, tokens) = client.login_both("kavya").await;
        if client.with(&tokens).get("/dashboard").await.status == StatusCode::OK {
            return (cookie, tokens);
        }
        assert!(began.elapsed() < SOON, "nobody can log in again");
    }
}

#[tokio::test]
async fn keys_change_in_the_middle_and_no_token_is_refused_by_a_node_that_has_not_heard_of_the_new_key() {
    let front = Front::start(2, "").await;
    front.fleet.add_user("kavya");
    let client = front.client();
    let (cookie, mut tokens) = client.login_both("kavya").await;
    front.fleet.run(&["keys", "rotate"], "");
    for node in front.nodes() {
        until_it_publishes(&node.client(), 2).await;
    }
    // The second makes a key that nobody has heard of when it first signs.
    for _ in 0..2 {
        let (before, fleet) = (kid(&tokens), Arc::clone(&front.fleet));
        let rotating = std::thread::spawn(move || fleet.run(&["keys", "rotate", "--danger-now"], ""));
        let mut since_then = 0;
        while since_then < 10 {
            let old = tokens;
            tokens = client.refresh(&old).await.json();
            for credential in [client.with(&tokens), client.with(&tokens), client.with(&old)] {
                assert_eq!(credential.get("/dashboard").await.status, StatusCode::OK);
            }
            assert_eq!(client.clone().cookie(&cookie).get("/dashboard").await.status, StatusCode::OK);
            since_then += usize::from(rotating.is_finished() && kid(&tokens) != before);
        }
        rotating.join().unwrap();
    }
}

async fn until_it_publishes(client: &Client, number: usize) {
    let began = Instant::now();
    while client.get("/.well-known/jwks.json").await.json()["keys"].as_array().unwrap().len() != number {
        assert!(began.elapsed() < SOON, "it is not published");
    }
}

fn kid(tokens: &Value) -> String {
    let seen = token::inspect(tokens["access_token"].as_str().unwrap()).unwrap();
    seen.header["kid"].as_str().unwrap().to_owned()
}

const NEW_PASSWORD: &str = "nine brave herons wade";
