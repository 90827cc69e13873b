//! Requests that other sites make with a visitor's cookies.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;

use super::{FORM, HTML, cookies_of, post, with_link};
use crate::support::{Browser, Form, PASSWORD, TestServer};

/// Every form that this browser can be shown, filled in so that it would be accepted.
async fn forms(browser: &mut Browser, link: Option<&str>) -> Vec<Form> {
    let mut forms = Vec::new();
    if browser.session().is_some() {
        let page = browser.get("/account/sessions").await;
        let ends = page.html.split("action=\"/account/sessions/").skip(1).map(|rest| rest.split('"').next().unwrap());
        let own = ends.map(|rest| format!("/account/sessions/{rest}"));
        forms.extend(own.map(|action| page.form(&action)));
        forms.push(page.form("/logout"));
    } else {
        let login = browser.get("/login").await.form("/login");
        forms.push(login.fill("username", "kavya").fill("password", PASSWORD));
    }
    let filled = |form: Form, name: &str| form.fill("username", name).fill("password", "ochre lantern drifts by");
    forms.push(filled(browser.get("/signup").await.form("/signup"), "somebody"));
    if let Some(link) = link {
        forms.push(filled(browser.get(link).await.form(link), "first"));
    }
    forms
}

#[tokio::test]
async fn a_form_without_the_token_of_its_visitor_changes_nothing() {
    let (server, link) = with_link().await;
    server.user("meera", &[]).await;
    server.client().login("kavya").await;
    let (mut member, mut visitor, mut stranger) = (server.browser(), server.browser(), server.browser());
    member.login("kavya").await;
    let own_token = |forms: &[Form]| forms[0].fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    let foreign_visitor = own_token(&forms(&mut stranger, None).await);
    stranger.login("meera").await;
    let foreign_member = own_token(&forms(&mut stranger, None).await);
    let mut count = 0;
    for browser in [&mut member, &mut visitor] {
        for form in forms(browser, Some(&link)).await {
            let before = server.tables();
            let client = cookies_of(browser);
            let missing = form.clone().without("csrf");
            let twice = form.clone().smuggle("csrf", "x");
            let mut wrong = vec![missing, form.clone().fill("csrf", "")];
            wrong.extend([&foreign_visitor, &foreign_member].map(|token| form.clone().fill("csrf", token)));
            for wrong in &wrong {
                assert_eq!(post(&client, wrong, FORM).await.status, StatusCode::FORBIDDEN, "{wrong:?}");
            }
            assert_eq!(post(&client, &twice, FORM).await.status, StatusCode::BAD_REQUEST, "{}", form.action);
            for media_type in ["text/plain", "multipart/form-data; boundary=x", "text/html", ""] {
                let reply = post(&client, &form, media_type).await;
                assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{} {media_type}", form.action);
            }
            for (name, value) in [
                ("origin", "https://evil.example"),
                ("origin", "https://login.example.org.evil.example"),
                ("origin", "http://login.example.org"),
                ("origin", "null"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
            ] {
                let reply = post(&client.clone().header(name, value), &form, FORM).await;
                assert_eq!(reply.status, StatusCode::FORBIDDEN, "{} {name}: {value}", form.action);
            }
            let bare = server.client().header("accept", HTML);
            let without_cookies = post(&bare, &form, FORM).await;
            let harmless = form.action == "/logout" && without_cookies.status == StatusCode::SEE_OTHER;
            let to_login = without_cookies.header("location") == "/login";
            let refused = without_cookies.status == StatusCode::FORBIDDEN;
            assert!(harmless || to_login || refused, "{}", form.action);
            assert!(without_cookies.session().is_none());
            assert_eq!(server.tables(), before, "{}", form.action);
            count += 1;
        }
    }
    assert_eq!(count, 9, "end one, end others, end all, log out, log in, and twice sign up and set up");
}

#[tokio::test]
async fn the_same_forms_are_accepted_as_they_were_shown() {
    let (server, link) = with_link().await;
    server.client().login("kavya").await;
    for index in 0..6 {
        let mut browser = server.browser();
        browser.login("kavya").await;
        server.client().login("kavya").await;
        let form = forms(&mut browser, Some(&link)).await.swap_remove(index);
        assert!(browser.submit(&form).await.status.is_success(), "{}", form.action);
    }
}

#[tokio::test]
async fn json_is_taken_as_json_only_and_never_from_another_site() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let tokens = client.login("kavya").await;
    let before = server.tables();
    let login = json!({"username": "kavya", "password": PASSWORD}).to_string();
    let refresh = json!({"refresh_token": tokens["refresh_token"]}).to_string();
    for (path, body) in [("/login", &login), ("/refresh", &refresh)] {
        for media_type in ["text/plain", "text/plain; application/json", "multipart/form-data", "application/xml", ""] {
            let reply = client.send(Method::POST, path, Some(media_type), Body::from(body.clone())).await;
            let unnamed = (media_type, path) == ("", "/refresh") && reply.status == StatusCode::UNAUTHORIZED;
            assert!(unnamed || reply.status == StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path} {media_type}");
        }
        let as_form = client.send(Method::POST, path, Some(FORM), Body::from(body.clone())).await;
        assert!([StatusCode::FORBIDDEN, StatusCode::UNSUPPORTED_MEDIA_TYPE].contains(&as_form.status));
        for (name, value) in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
        {
            let evil = client.clone().header(name, value);
            let reply = evil.send(Method::POST, path, Some("application/json"), Body::from(body.clone())).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path} {name}: {value}");
        }
    }
    let by_bearer = client.clone().header("origin", "https://evil.example").refresh(&tokens).await;
    assert_eq!(by_bearer.status, StatusCode::FORBIDDEN);
    assert_eq!(server.tables(), before);
}

#[tokio::test]
async fn reading_changes_nothing() {
    let (server, link) = with_link().await;
    let mut browser = server.browser();
    browser.login("kavya").await;
    let tokens = server.client().login("kavya").await;
    let id = tokens["session_id"].as_str().unwrap();
    let paths = [
        "/".to_owned(),
        "/login".to_owned(),
        "/login?next=/account/sessions/end-all".to_owned(),
        "/signup".to_owned(),
        link,
        "/dashboard".to_owned(),
        "/account/sessions".to_owned(),
        "/account/sessions?ended=3".to_owned(),
        format!("/account/sessions/{id}/end"),
        "/account/sessions/end-others".to_owned(),
        "/account/sessions/end-all".to_owned(),
        "/logout".to_owned(),
        "/refresh".to_owned(),
        "/api".to_owned(),
        "/api/openapi.json".to_owned(),
        "/api/v1/session".to_owned(),
        "/api/v1/sessions".to_owned(),
        format!("/api/v1/sessions/{id}"),
        "/.well-known/jwks.json".to_owned(),
        "/health/live".to_owned(),
        "/health/ready".to_owned(),
        "/health/seen".to_owned(),
        "/forward-auth".to_owned(),
        "/forward-auth/envoy/account/sessions/end-all".to_owned(),
        "/nowhere".to_owned(),
    ];
    let before = server.tables();
    let (by_cookie, by_token) = (cookies_of(&browser), server.client().with(&tokens));
    for path in &paths {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            for client in [&by_cookie, &by_token, &server.client()] {
                let reply = client.send(method.clone(), path, None, Body::empty()).await;
                assert!(!reply.status.is_server_error(), "{method} {path}");
                assert!(reply.session().is_none(), "{method} {path}");
            }
        }
    }
    assert_eq!(server.tables(), before);
    assert_eq!(browser.get("/dashboard").await.path, "/dashboard");
}

#[tokio::test]
async fn no_other_origin_is_ever_allowed_to_read_an_answer() {
    let (server, link) = with_link().await;
    let tokens = server.client().login("kavya").await;
    for path in ["/", "/login", "/signup", &link, "/dashboard", "/refresh", "/logout", "/api/v1/session", "/nowhere"] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS, Method::PUT] {
            for origin in ["https://evil.example", "null", "https://login.example.org"] {
                let client = server.client().header("origin", origin).header("access-control-request-method", "POST");
                for client in [client.with(&tokens), client] {
                    let reply = client.send(method.clone(), path, None, Body::empty()).await;
                    let allowed: Vec<_> =
                        reply.headers.keys().filter(|k| k.as_str().starts_with("access-control")).collect();
                    assert!(allowed.is_empty(), "{method} {path} {origin}: {allowed:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_redirect_after_a_form_never_repeats_the_form() {
    let (server, link) = with_link().await;
    for index in 0..6 {
        let mut browser = server.browser();
        browser.login("kavya").await;
        server.client().login("kavya").await;
        let form = forms(&mut browser, Some(&link)).await.swap_remove(index);
        let reply = post(&cookies_of(&browser), &form, FORM).await;
        let shown = form.action == "/logout" && reply.status == StatusCode::OK;
        assert!(shown || reply.status == StatusCode::SEE_OTHER, "{} {}", form.action, reply.status);
    }
    let mut visitor = server.browser();
    let login = forms(&mut visitor, None).await.swap_remove(0);
    assert_eq!(post(&cookies_of(&visitor), &login, FORM).await.status, StatusCode::SEE_OTHER);
}
