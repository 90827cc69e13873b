//! The first administrator: created by whoever holds the one link, exactly once.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use domain::Span;

use crate::support::{Browser, Form, PASSWORD, Page, TestServer};

/// The path of a new link, if one is offered.
async fn offer(server: &Arc<TestServer>) -> Option<String> {
    let link = watchword::setup::offer(&server.app).await.unwrap()?;
    Some(link.strip_prefix("https://login.example.org").unwrap().to_owned())
}

async fn set_up(browser: &mut Browser, path: &str, name: &str) -> Page {
    let form = browser.get(path).await.form(path);
    browser.submit(&form.fill("username", name).fill("password", PASSWORD)).await
}

fn is_gone(page: &Page) -> bool {
    page.status == StatusCode::NOT_FOUND && page.shows("This setup link no longer works")
}

const ADMINS: &str = "select count(*) from users where roles = 'admin'";

#[tokio::test]
async fn no_account_exists_until_somebody_uses_the_link() {
    let server = TestServer::start().await;
    assert_eq!(server.cell("select count(*) from users"), "0");
    for (name, password) in [("admin", "admin"), ("admin", "letmein"), ("root", ""), ("watchword", "123456")] {
        assert_eq!(server.client().try_login(name, password).await.status, StatusCode::UNAUTHORIZED);
    }
    let path = offer(&server).await.unwrap();
    let secret = path.strip_prefix("/setup/wws_").unwrap();
    assert_eq!(secret.len(), 43, "32 random bytes");
    let page = set_up(&mut server.browser(), &path, "first").await;
    assert!(page.shows("Welcome first") && page.shows("admin"));
    assert_eq!(server.cell(ADMINS), "1");
}

#[tokio::test]
async fn the_link_works_once_and_no_other_follows() {
    let server = TestServer::start().await;
    let path = offer(&server).await.unwrap();
    let mut late = server.browser();
    let form = late.get(&path).await.form(&path).fill("username", "second").fill("password", PASSWORD);
    set_up(&mut server.browser(), &path, "first").await;
    assert!(is_gone(&late.submit(&form).await));
    assert!(is_gone(&late.get(&path).await));
    assert_eq!(offer(&server).await, None);
    let server = {
        drop(late);
        server.restart("").await
    };
    assert_eq!(offer(&server).await, None, "not after a restart either");
    assert_eq!(server.cell("select count(*) from users"), "1");
}

#[tokio::test]
async fn twenty_people_with_the_link_at_once_make_one_administrator() {
    let server = TestServer::with("throttle.address_burst = 100000").await;
    let path = offer(&server).await.unwrap();
    let mut people = Vec::new();
    for n in 0..20 {
        let mut browser = server.browser();
        let form = browser.get(&path).await.form(&path);
        people.push((browser, form.fill("username", &format!("user{n}")).fill("password", PASSWORD)));
    }
    let submit = |(mut browser, form): (Browser, Form)| async move {
        loop {
            let page = browser.submit(&form).await;
            // On a slow machine so many hashes take longer than anybody is kept waiting.
            if page.status != StatusCode::SERVICE_UNAVAILABLE {
                return page;
            }
        }
    };
    let running: tokio::task::JoinSet<_> = people.into_iter().map(submit).collect();
    let pages = running.join_all().await;
    server.claim_failures();
    assert_eq!(pages.iter().filter(|page| page.path == "/dashboard").count(), 1);
    assert_eq!(pages.iter().filter(|page| is_gone(page)).count(), 19);
    assert_eq!(server.cell("select count(*) from users"), "1");
    assert_eq!(server.cell(ADMINS), "1");
}

#[tokio::test]
async fn looking_at_the_link_uses_nothing_up() {
    let server = TestServer::start().await;
    let path = offer(&server).await.unwrap();
    for method in [Method::HEAD, Method::GET, Method::GET, Method::OPTIONS] {
        server.client().send(method, &path, None, Body::empty()).await;
    }
    let mut browser = server.browser();
    let form = browser.get(&path).await.form(&path).fill("username", "first").fill("password", "too short");
    let again = browser.submit(&form).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "nor does a mistake in the form");
    assert_eq!(set_up(&mut browser, &path, "first").await.path, "/dashboard");
}

#[tokio::test]
async fn the_link_expires_after_a_day_and_a_clock_stepped_back_does_not_help() {
    let server = TestServer::start().await;
    let path = offer(&server).await.unwrap();
    let mut browser = server.browser();
    server.advance(Span(Span::hours(24).0 - 1)).await;
    let form = browser.get(&path).await.form(&path).fill("username", "first").fill("password", PASSWORD);
    server.advance(Span(1)).await;
    assert!(is_gone(&browser.get(&path).await));
    server.step_back(Span::hours(2));
    assert!(is_gone(&browser.get(&path).await));
    assert!(is_gone(&browser.submit(&form).await));
    assert_eq!(server.cell("select count(*) from users"), "0");
}

#[tokio::test]
async fn every_node_and_every_restart_offers_the_same_link_until_it_expires() {
    let here = TestServer::start().await;
    let link = offer(&here).await.unwrap();
    let there = here.beside("").await;
    assert_eq!(offer(&there).await.unwrap(), link);
    drop(there);
    let here = here.restart("").await;
    here.wait(Span(Span::hours(24).0 - 1));
    assert_eq!(offer(&here).await.unwrap(), link);
    here.wait(Span(1));
    let next = offer(&here).await.unwrap();
    assert_ne!(next, link);
    assert!(is_gone(&here.browser().get(&link).await));
    assert_eq!(set_up(&mut here.browser(), &next, "first").await.path, "/dashboard");
}

#[tokio::test]
async fn a_made_up_link_looks_like_a_used_one_and_cannot_be_guessed_at_length() {
    let server = TestServer::with("throttle.address_burst = 3").await;
    let path = offer(&server).await.unwrap();
    let mut browser = server.browser();
    let form = browser.get(&path).await.form(&path).fill("username", "first").fill("password", PASSWORD);
    let guessed = format!("/setup/wws_{}", token::base64url::encode([1; 32]));
    let bare = path.replace("wws_", "");
    for wrong in [&guessed, "/setup/x", "/setup/wws_", &bare, &format!("{path}A"), &path.to_uppercase()] {
        let page = browser.get(wrong).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    let mut guess = form.clone();
    guess.action = guessed;
    for _ in 0..3 {
        assert!(is_gone(&browser.submit(&guess).await));
    }
    assert_eq!(browser.submit(&guess).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(server.cell("select count(*) from users"), "0");
}

#[tokio::test]
async fn somebody_who_is_logged_in_can_use_the_link_too() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let path = offer(&server).await.unwrap();
    let mut browser = server.browser();
    browser.login("kavya").await;
    let before = browser.session().unwrap().to_owned();
    assert!(set_up(&mut browser, &path, "first").await.shows("Welcome first"));
    let by_old = server.client().cookie(&before).get("/api/v1/session").await;
    assert_eq!(by_old.status, StatusCode::UNAUTHORIZED);
}
