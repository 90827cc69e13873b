//! Sign-up: people make their own accounts, as far as the configuration lets them.

use axum::http::StatusCode;

use crate::support::{Browser, PASSWORD, Page, TestServer};

async fn sign_up(browser: &mut Browser, name: &str) -> Page {
    let form = browser.get("/signup").await.form("/signup");
    browser.submit(&form.fill("username", name).fill("password", PASSWORD)).await
}

#[tokio::test]
async fn whoever_signs_up_is_logged_in_and_can_log_in_again() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let page = sign_up(&mut browser, "Kavya").await;
    assert_eq!((page.status, page.path.as_str()), (StatusCode::OK, "/dashboard"));
    assert!(page.shows("Welcome kavya"));
    server.client().login("kavya").await;
}

#[tokio::test]
async fn nobody_gives_themselves_roles_or_an_id() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let form = browser.get("/signup").await.form("/signup").fill("username", "mallory").fill("password", PASSWORD);
    let extra = [("roles", "admin"), ("role", "admin"), ("user_id", "1"), ("epoch", "9"), ("disabled_at", "1")];
    let form = extra.into_iter().fold(form, |form, (name, value)| form.smuggle(name, value));
    assert_eq!(browser.submit(&form).await.path, "/dashboard");
    let given = "select roles || '|' || epoch || '|' || coalesce(cast(disabled_at as text), '-') from users";
    assert_eq!(server.cell(given), "|0|-");
    let session = server.client().login("mallory").await;
    let claims = token::inspect(session["access_token"].as_str().unwrap()).unwrap().claims;
    assert!(claims["roles"].as_array().is_none_or(Vec::is_empty));
}

#[tokio::test]
async fn a_name_is_given_away_once() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let page = sign_up(&mut server.browser(), "KAVYA").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.shows("Somebody has this already."));
    assert_eq!(server.cell("select count(*) from users"), "1");
}

#[tokio::test]
async fn nobody_claims_an_address_that_may_be_somebody_elses() {
    let server = TestServer::start().await;
    let mut browser = server.browser();
    let form = browser.get("/signup").await.form("/signup").fill("username", "mallory").fill("password", PASSWORD);
    assert_eq!(browser.submit(&form.smuggle("email", "kavya@example.org")).await.path, "/dashboard");
    assert_eq!(server.cell("select coalesce(email, 'none') from users"), "none");
}

#[tokio::test]
async fn twenty_people_who_want_one_name_at_once_leave_one_account() {
    let server = TestServer::with("throttle.address_burst = 100000").await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let mut browser = server.browser();
        running.spawn(async move {
            loop {
                let status = sign_up(&mut browser, "kavya").await.status;
                // On a slow machine so many hashes take longer than anybody is kept waiting.
                if status != StatusCode::SERVICE_UNAVAILABLE {
                    return status;
                }
            }
        });
    }
    let mut statuses = running.join_all().await;
    server.claim_failures();
    statuses.sort();
    assert_eq!(statuses[0], StatusCode::OK);
    assert!(statuses[1..].iter().all(|status| *status == StatusCode::UNPROCESSABLE_ENTITY), "{statuses:?}");
    assert_eq!(server.cell("select count(*) from users"), "1");
}

#[tokio::test]
async fn names_and_addresses_that_could_mislead_are_refused_with_the_rule() {
    let server = TestServer::with("throttle.address_burst = 1000").await;
    for name in ["", "k", "kavya@example.org", "admin\u{202e}", "ka vya", "<b>"] {
        let page = sign_up(&mut server.browser(), name).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{name:?}");
        assert!(page.shows("aria-invalid=\"true\""), "{name:?}");
    }
    let link = watchword::setup::offer(&server.app).await.unwrap().unwrap();
    let link = link.strip_prefix("https://login.example.org").unwrap();
    for email in ["a@x,b@y", "a@x\r\nBcc: b@y", "\"a@x\"@y", "nowhere"] {
        let mut browser = server.browser();
        let form = browser.get(link).await.form(link).fill("username", "kavya").fill("password", PASSWORD);
        let page = browser.submit(&form.fill("email", email)).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{email:?}");
        assert!(page.shows("aria-invalid=\"true\""), "{email:?}");
    }
    assert_eq!(server.cell("select count(*) from users"), "0");
}

#[tokio::test]
async fn signing_up_while_logged_in_changes_over_to_the_new_account() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let mut browser = server.browser();
    browser.login("kavya").await;
    let before = browser.session().unwrap().to_owned();
    let page = sign_up(&mut browser, "meera").await;
    assert!(page.shows("Welcome meera"));
    let by_old = server.client().cookie(&before).get("/api/v1/session").await;
    assert_eq!(by_old.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn closed_is_closed_for_the_page_and_the_form() {
    let server = TestServer::with("signup.enabled = false").await;
    let mut browser = server.browser();
    assert!(!browser.get("/login").await.shows("/signup"));
    assert_eq!(browser.get("/signup").await.status, StatusCode::NOT_FOUND);
    let mut form = browser.get("/login").await.form("/login").fill("username", "kavya").fill("password", PASSWORD);
    form.action = "/signup".to_owned();
    assert_eq!(browser.submit(&form).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.cell("select count(*) from users"), "0");
}

#[tokio::test]
async fn one_address_cannot_make_accounts_without_end() {
    let server = TestServer::with("throttle.address_burst = 3\nthrottle.address_every = '1h'").await;
    for n in 0..3 {
        assert_eq!(sign_up(&mut server.browser(), &format!("user{n}")).await.path, "/dashboard");
    }
    let page = sign_up(&mut server.browser(), "user3").await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.headers["retry-after"], "3600");
    assert_eq!(server.cell("select count(*) from users"), "3");
}
