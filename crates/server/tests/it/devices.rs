//! The list of one's devices, as a page and as an API, and ending some of them.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use domain::{SessionId, Span};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Client, Page, TestServer};

/// What a program with this cookie is answered.
async fn status(client: &Client, cookie: &str) -> StatusCode {
    client.clone().cookie(cookie).get("/api/v1/session").await.status
}

async fn csrf_token(by_cookie: &Client) -> String {
    by_cookie.get("/api/v1/session").await.json()["csrf_token"].as_str().unwrap().to_owned()
}

fn session_id(tokens: &Value) -> &str {
    tokens["session_id"].as_str().unwrap()
}

#[tokio::test]
async fn a_program_reads_the_session_in_use_with_either_credential() {
    let server = TestServer::start().await;
    server.user("kavya", &["admin"]).await;
    let client = server.client().header("user-agent", "curl/8.5.0");
    let (cookie, tokens) = client.login_both("kavya").await;
    let by_cookie = client.clone().cookie(&cookie).get("/api/v1/session").await.json();
    let by_token = client.with(&tokens).get("/api/v1/session").await.json();
    for (session, has_csrf) in [(&by_cookie, true), (&by_token, false)] {
        assert_eq!(session["session_id"], tokens["session_id"]);
        assert_eq!(session["user"]["username"], "kavya");
        assert_eq!(session["user"]["email"], "kavya@example.org");
        assert_eq!(session["user"]["roles"], json!(["admin"]));
        assert_eq!(session["device"], "curl");
        assert_eq!(session["ip"], "192.0.2.7");
        assert_eq!(session["amr"], json!(["pwd"]));
        assert_eq!(session["current"], true);
        assert_eq!(session["csrf_token"].is_string(), has_csrf);
        let (began, ends) = (session["created_at"].as_i64().unwrap(), session["expires_at"].as_i64().unwrap());
        assert_eq!(ends - began, Span::days(14).0);
    }
    assert_snapshot!(client.get("/api/v1/session").await.brief(), @r#"401 {"detail":"Log in first, or send `Authorization: Bearer <token>`.","status":401,"title":"Unauthorized","type":"about:blank"}"#);
}

#[tokio::test]
async fn a_user_sees_all_of_their_sessions_and_nobody_elses() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    server.user("meera", &[]).await;
    let client = server.client();
    let (cookie, _) = client.login_both("kavya").await;
    server.advance(Span::seconds(1)).await;
    let tokens = client.login("kavya").await;
    client.login("meera").await;
    let listed = client.clone().cookie(&cookie).get("/api/v1/sessions").await.json();
    let listed = listed["sessions"].as_array().unwrap();
    let kinds: Vec<_> = listed.iter().map(|session| (&session["kind"], &session["current"])).collect();
    assert_eq!(kinds, [(&json!("tokens"), &json!(false)), (&json!("cookie and tokens"), &json!(true))]);
    assert_eq!(listed[0]["session_id"], tokens["session_id"]);
    client.with(&tokens).post("/logout").await;
    let left = client.clone().cookie(&cookie).get("/api/v1/sessions").await.json();
    assert_eq!(left["sessions"].as_array().unwrap().len(), 1, "an ended session is not listed");
}

#[tokio::test]
async fn a_user_ends_one_session_or_all_others_from_a_program() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let (own, one, two) = (client.login("kavya").await, client.login("kavya").await, client.login("kavya").await);
    let path = format!("/api/v1/sessions/{}", session_id(&one));
    assert_eq!(client.with(&own).delete(&path).await.json()["ended"], 1);
    assert_eq!(client.with(&own).delete(&path).await.json()["ended"], 0, "ended before");
    assert_eq!(client.with(&one).get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.with(&two).get("/dashboard").await.status, StatusCode::OK);
    assert_eq!(client.with(&own).delete("/api/v1/sessions").await.json()["ended"], 1);
    assert_eq!(client.with(&two).get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.refresh(&two).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.with(&own).get("/dashboard").await.status, StatusCode::OK);
    assert_eq!(client.with(&own).delete("/api/v1/session").await.json()["ended"], 1);
    assert_eq!(client.with(&own).get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn somebody_elses_session_is_as_good_as_none() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    server.user("meera", &[]).await;
    let client = server.client();
    let (kavya, meera) = (client.login("kavya").await, client.login("meera").await);
    let theirs = session_id(&kavya).to_owned();
    let nobodys = SessionId([9; 16]).to_string();
    let not_found = r#"404 {"detail":"The address may be mistyped, or what it named is gone.","status":404,"title":"Not Found","type":"about:blank"}"#;
    for id in [&theirs, &nobodys, "garbage", "%ff", &theirs.to_uppercase()] {
        let reply = client.with(&meera).delete(&format!("/api/v1/sessions/{id}")).await;
        assert_eq!(reply.brief(), not_found, "{id}");
    }
    let mut browser = server.browser();
    let page = browser.login("meera").await;
    for id in [&theirs, &nobodys, "garbage", "%ff"] {
        let mut form = page.form("/logout");
        form.action = format!("/account/sessions/{id}/end");
        let answer = browser.submit(&form).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
        assert!(answer.shows("There is nothing here"), "{id}");
    }
    assert_eq!(client.with(&kavya).get("/dashboard").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_cookie_ends_nothing_without_the_csrf_token_of_its_own_session() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    server.user("meera", &[]).await;
    let client = server.client();
    let (kavya, tokens) = client.login_both("kavya").await;
    let (meera, _) = client.login_both("meera").await;
    let by_cookie = client.clone().cookie(&kavya);
    let own = csrf_token(&by_cookie).await;
    let foreign = csrf_token(&client.clone().cookie(&meera)).await;
    let urls = ["/api/v1/session", "/api/v1/sessions", &format!("/api/v1/sessions/{}", session_id(&tokens))];
    let before = server.tables();
    for url in urls {
        assert_eq!(by_cookie.delete(url).await.status, StatusCode::FORBIDDEN, "{url}");
        for wrong in ["", "x", &foreign] {
            let reply = by_cookie.clone().header("x-csrf-token", wrong).delete(url).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{url} {wrong}");
        }
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let reply = by_cookie.clone().header("x-csrf-token", &own).header(name, value).delete(url).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{url} {name}: {value}");
        }
    }
    assert_eq!(server.tables(), before);
    let reply = by_cookie.clone().header("x-csrf-token", &own).delete(urls[2]).await;
    assert_eq!(reply.json()["ended"], 1);
    assert_eq!(status(&client, &kavya).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&client, &meera).await, StatusCode::OK);
}

#[tokio::test]
async fn the_devices_page_ends_one_session_the_others_or_all() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1";
    let mut laptop = server.browser();
    laptop.login("kavya").await;
    let mut phone = server.browser().with_user_agent(phone);
    phone.login("kavya").await;
    let tokens = server.client().login("kavya").await;

    let page = laptop.get("/account/sessions").await;
    assert!(page.shows("Safari on iPhone") && page.shows("Firefox on Linux") && page.shows("This device"));
    let ended = laptop.submit(&page.form(&format!("/account/sessions/{}/end", session_id(&tokens)))).await;
    assert!(ended.shows("One session was ended."));
    assert_eq!(server.client().with(&tokens).get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(phone.get("/dashboard").await.path, "/dashboard");

    let page = laptop.get("/account/sessions").await;
    assert!(laptop.submit(&page.form("/account/sessions/end-others")).await.shows("One session was ended."));
    assert!(is_login(&phone.get("/dashboard").await));
    assert_eq!(laptop.get("/dashboard").await.path, "/dashboard");

    phone.login("kavya").await;
    let page = laptop.get("/account/sessions").await;
    assert_eq!(laptop.submit(&page.form("/account/sessions/end-all")).await.path, "/login");
    assert!(laptop.session().is_none());
    assert!(is_login(&phone.get("/dashboard").await));
}

#[tokio::test]
async fn of_a_browsers_name_for_itself_only_what_names_the_device_is_kept() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    for (user_agent, kept, device) in [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox/Linux", "Firefox on Linux"),
        ("acme-sync/7.3 (host kavyas-laptop.example.org)", "acme-sync", "acme-sync"),
        (&"x".repeat(6000), "", "Unknown device"),
    ] {
        let mut browser = server.browser().with_user_agent(user_agent);
        browser.login("kavya").await;
        assert_eq!(server.cell("select user_agent from sessions where ended_at is null"), kept);
        let page = browser.get("/account/sessions").await;
        assert!(page.shows(device), "{device}");
        browser.submit(&page.form("/account/sessions/end-all")).await;
    }
}

#[tokio::test]
async fn sessions_are_numbered_by_the_time_of_their_logins() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(session_id(&server.client().login("kavya").await).to_owned());
        server.wait(Span(1));
    }
    assert!(ids.is_sorted());
    assert_eq!(ids.iter().map(|id| &id[14..]).collect::<std::collections::HashSet<_>>().len(), ids.len());
}

fn is_login(page: &Page) -> bool {
    page.path == "/login?next=%2Fdashboard"
}

#[tokio::test]
async fn a_login_page_that_was_open_before_the_session_ended_still_works() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let mut browser = server.browser();
    let page = browser.login("kavya").await;
    let out = browser.submit(&page.form("/logout")).await;
    assert_eq!(out.status, StatusCode::OK);
    let page = browser.login("kavya").await;
    assert_eq!((page.status, page.path.as_str()), (StatusCode::OK, "/dashboard"));
    let again = server.client().send(Method::POST, "/logout", None, Body::empty()).await;
    assert_eq!(again.json()["ended"], false);
}
