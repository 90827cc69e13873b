//! Passwords: how they are kept, that they are taken exactly as typed, and which may be chosen.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use domain::{Roles, UserId};
use serde_json::json;
use store::NewUser;
use tokio::task::JoinSet;

use crate::support::{Browser, PASSWORD, Page, TestServer};

const STORED: &str = "select password_hash from users where username = 'kavya'";

/// The parameters of a stored hash, after checking everything else about it.
fn parameters(phc: &str) -> &str {
    let parts: Vec<&str> = phc.split('$').collect();
    let ["", "argon2id", "v=19", parameters, salt, hash] = parts[..] else { panic!("{phc}") };
    // Base64 without padding: 16 bytes are 22 characters, 32 bytes are 43.
    assert!(salt.len() >= 22 && hash.len() >= 43, "{phc}");
    parameters
}

async fn sign_up(browser: &mut Browser, path: &str, name: &str, password: &str) -> Page {
    let form = browser.get(path).await.form(path);
    browser.submit(&form.fill("username", name).fill("password", password)).await
}

#[tokio::test]
async fn a_password_is_kept_as_argon2id_with_a_salt_of_its_own() {
    let server = TestServer::start().await;
    let mut hashes = Vec::new();
    for name in ["kavya", "meera"] {
        let page = sign_up(&mut server.browser(), "/signup", name, PASSWORD).await;
        assert_eq!(page.path, "/dashboard");
        let phc = server.cell(&format!("select password_hash from users where username = '{name}'"));
        assert_eq!(parameters(&phc), "m=19456,t=2,p=1");
        hashes.push(phc);
    }
    assert_ne!(hashes[0].split('$').nth(4), hashes[1].split('$').nth(4), "the salts differ");
}

#[tokio::test]
async fn a_hash_is_made_anew_at_the_next_right_login_after_its_cost_was_raised() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let first = server.cell(STORED);
    server.client().login("kavya").await;
    assert_eq!(server.cell(STORED), first, "nothing to improve");

    let raised = "passwords.memory_kib = 20480\npasswords.iterations = 3";
    let server = server.restart(raised).await;
    let reply = server.client().try_login("kavya", "not the right one").await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.cell(STORED), first, "a wrong password changes nothing");
    server.client().login("kavya").await;
    let second = server.cell(STORED);
    assert_eq!(parameters(&second), "m=20480,t=3,p=1");
    assert_ne!(first.split('$').nth(4), second.split('$').nth(4), "under a fresh salt");
    server.client().login("kavya").await;
    assert_eq!(server.cell(STORED), second);
}

#[tokio::test]
async fn a_password_is_taken_exactly_as_it_was_typed() {
    let server = TestServer::with("throttle.account_burst = 100").await;
    let long = |last: char| format!("{}{last}", "Quiet otters swim. ".repeat(7)).chars().rev().collect::<String>();
    let rights = [
        (format!("{}z", "q7 otter ".repeat(14)), format!("{}y", "q7 otter ".repeat(14))),
        (long('a'), long('b')),
        (" six quiet otters swim ".to_owned(), "six quiet otters swim".to_owned()),
        ("six quiet otters swim".to_owned(), "six quiet otters swim ".to_owned()),
        ("Six Quiet Otters Swim".to_owned(), "six quiet otters swim".to_owned()),
        ("zwölf Boxkämpfer jagen".to_owned(), "zwo\u{308}lf Boxka\u{308}mpfer jagen".to_owned()),
        ("p+lus & perc%20ent = ok".to_owned(), "p lus & perc ent = ok".to_owned()),
        ("null\u{1}byte otters swim".to_owned(), "null".to_owned()),
    ];
    for (n, (right, wrong)) in rights.into_iter().enumerate() {
        let name = format!("user{n}");
        let mut browser = server.browser();
        assert_eq!(sign_up(&mut browser, "/signup", &name, &right).await.path, "/dashboard", "{right:?}");
        let client = server.client();
        for wrong in [&wrong, &format!("{right} "), &right.to_uppercase()] {
            assert_eq!(client.try_login(&name, wrong).await.status, StatusCode::UNAUTHORIZED, "{wrong:?}");
        }
        assert_eq!(client.try_login(&name, &right).await.status, StatusCode::OK, "{right:?}");
        assert_eq!(server.browser().login_with(&name, &right).await.path, "/dashboard", "{right:?}");
    }
}

#[tokio::test]
async fn only_length_and_guessability_decide_which_passwords_may_be_chosen_with_the_reason_said() {
    let server = TestServer::with("throttle.address_burst = 1000").await;
    let link = watchword::setup::offer(&server.app).await.unwrap().unwrap();
    let link = link.strip_prefix("https://login.example.org").unwrap();
    let (short, context, common) = ("at least 15 characters", "too close to your name", "first passwords an attacker");
    for path in ["/signup", link] {
        for (password, reason) in [
            ("tjvqzkwmxrhbnp", short),
            ("🦀🐙🦊🐝🦉🐳🦄", short),
            ("", short),
            ("passwordpassword", common),
            ("qwertyuiopasdfgh", common),
            ("123456789012345", common),
            ("kavya-kavya-2026", context),
            ("kavyakavyakavya", context),
            ("Watchword2026!!", context),
        ] {
            let mut browser = server.browser();
            let form = browser.get(path).await.form(path);
            let form =
                form.fill("username", "kavya").fill_if_shown("email", "kavya@example.org").fill("password", password);
            let page = browser.submit(&form).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {password}");
            assert!(page.shows(reason), "{path} {password}");
            assert!(page.shows("value=\"kavya\""), "the rest need not be typed again");
        }
    }
    let accepted = ["tjvqzkwmxrhbnpd", "🦀🐙🦊🐝🦉🐳🦄🐢🦋🐬🦖🐌🦔🐍🦩", &"veldt osprey ".repeat(20)];
    for (n, password) in accepted.into_iter().enumerate() {
        let page = sign_up(&mut server.browser(), "/signup", &format!("user{n}"), password).await;
        assert_eq!(page.path, "/dashboard", "{password}");
    }
    assert_eq!(sign_up(&mut server.browser(), link, "first", "tjvqzkwmxrhbnpd").await.path, "/dashboard");
}

#[tokio::test]
async fn a_huge_password_is_refused_before_any_hashing() {
    // So many hashes wait for their turn that whoever asks for one more is sent away, however quick or slow the machine is.
    let server =
        TestServer::with("passwords.concurrent = 1\npasswords.memory_kib = 131072\npasswords.iterations = 20").await;
    let (mut hashing, asked) = (JoinSet::<()>::new(), Arc::new(AtomicUsize::new(0)));
    for app in server.nodes() {
        for _ in 0..150 {
            let (app, asked) = (app.clone(), Arc::clone(&asked));
            hashing.spawn(async move {
                loop {
                    asked.fetch_add(1, Ordering::Relaxed);
                    let _ = app.passwords.hash(PASSWORD.to_owned().into()).await;
                    tokio::task::yield_now().await;
                }
            });
        }
    }
    while asked.load(Ordering::Relaxed) < hashing.len() {
        tokio::task::yield_now().await;
    }
    let assert_that_hashing_fails = async || {
        for _ in 0..server.node_count() {
            let refused = server.client().try_login("kavya", PASSWORD).await;
            assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        }
        server.claim_failures();
    };
    assert_that_hashing_fails().await;
    let link = watchword::setup::offer(&server.app).await.unwrap().unwrap();
    let link = link.strip_prefix("https://login.example.org").unwrap();
    let mut browser = server.browser();
    for (length, status) in [(1_000_000, 413), (60_000, 422), (1_025, 422)] {
        let password = "x".repeat(length);
        let json = json!({"username": "kavya", "password": password}).to_string();
        let reply = server.client().send(Method::POST, "/login", Some("application/json"), Body::from(json)).await;
        assert_eq!(reply.status.as_u16(), status, "{length}");
        for path in ["/login", "/signup", link] {
            let form = browser.get(path).await.form(path).fill("username", "kavya").fill("password", &password);
            let page = browser.submit(&form).await;
            assert_eq!(page.status.as_u16(), status, "{path} {length}");
        }
    }
    assert_that_hashing_fails().await;
}

#[tokio::test]
async fn an_account_without_a_password_is_refused_like_a_wrong_password_whatever_is_typed() {
    let server = TestServer::with("throttle.account_burst = 100").await;
    server.user("kavya", &[]).await;
    let now = server.app.clock.now();
    let without = NewUser {
        user_id: UserId::new(now, &[1; 10]),
        username: "keyless".parse().unwrap(),
        email: None,
        password: None,
        roles: Roles::default(),
        created_at: now,
    };
    server.app.store.add_user(without).await.unwrap();
    let disabled = server.user("gone", &[]).await;
    let keep = domain::revocation::keep_until(now);
    server.app.store.set_disabled(disabled, true, keep, now).await.unwrap();
    let wrong = server.client().try_login("kavya", "not the right one").await.brief();
    for typed in ["", "null", "undefined", "$argon2id$v=19$m=19456,t=2,p=1$$", "\0", PASSWORD] {
        for name in ["keyless", "gone"] {
            assert_eq!(server.client().try_login(name, typed).await.brief(), wrong, "{name} {typed:?}");
        }
    }
    for typed in [json!(null), json!([]), json!({"$ne": ""}), json!(true), json!(0)] {
        let reply = server.client().post_json("/login", &json!({"username": "keyless", "password": typed})).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{typed}");
    }
}

#[tokio::test]
async fn an_unknown_name_costs_as_much_as_a_wrong_password() {
    let server =
        TestServer::with("throttle.account_burst = 100\nthrottle.address_burst = 1000\npasswords.iterations = 8").await;
    server.user("kavya", &[]).await;
    let mut quickest = [Duration::MAX; 3];
    // Whatever else the machine does makes a try slower and none quicker. So the quickest count, and in doubt more are made:
    // without the hash one would stay at a hundredth of the other.
    for round in 1..=30 {
        for (name, best) in ["kavya", "nobody", "not a name"].into_iter().zip(&mut quickest) {
            let began = Instant::now();
            server.client().try_login(name, "not the right one").await;
            *best = began.elapsed().min(*best);
        }
        if round >= 4 && quickest[1..].iter().all(|unknown| *unknown * 4 > quickest[0]) {
            return;
        }
    }
    panic!("{quickest:?}");
}
