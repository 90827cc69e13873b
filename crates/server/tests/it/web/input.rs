//! What was sent is shown, followed and read as text and nothing more.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use proptest::prelude::*;

use super::{FORM, assert_inert, cookies_of, post, with_link};
use crate::support::{PASSWORD, TestServer};

#[tokio::test]
async fn what_was_sent_is_escaped_wherever_it_is_shown() {
    let (server, link) = with_link().await;
    let evil = "\"'><svg onload=alert(1)>";
    let encoded = "%22%27%3E%3Csvg%20onload=alert(1)%3E";
    let mut pages = Vec::new();
    let mut browser = server.browser().with_user_agent(&format!("{evil} Firefox/140.0"));
    for path in ["/login?next=", "/signup?x=", "/account/sessions/", "/static/", "/setup/", "/", "/api/", "/dashboard?"]
    {
        pages.push(browser.get(&format!("{path}{encoded}")).await);
    }
    let form = browser.get("/login?next=/a%3Cb").await.form("/login");
    pages.push(browser.submit(&form.fill("username", evil).fill("password", evil)).await);
    let form = browser.get("/login").await.form("/login").smuggle("next", evil);
    pages.push(browser.submit(&form.fill("username", evil).fill("password", evil)).await);
    for path in ["/signup", &link] {
        let form = browser.get(path).await.form(path);
        let typed = form.fill("username", evil).fill_if_shown("email", evil).fill("password", evil);
        let again = browser.submit(&typed).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(again.form(path).fields[1].1.replace("&lt;", "<").replace("&#60;", "<").replace("&#62;", ">"), evil);
        pages.push(again);
    }
    browser.login("kavya").await;
    for path in ["/dashboard", "/account/sessions", &format!("/account/sessions?ended={encoded}")] {
        pages.push(browser.get(path).await);
    }
    for page in &pages {
        assert!(!page.html.contains("<svg onload"), "{}:\n{}", page.path, page.html);
        assert!(!page.html.contains(PASSWORD) && !page.html.contains("value=\"six"), "{}", page.path);
        assert_inert(&page.path, &page.html.replace("&#34;&#39;&#62;&#60;svg onload", ""));
    }
    let data = server.client().get(&format!("/api/v1/{encoded}")).await;
    assert_eq!(data.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn a_typed_password_is_never_shown_again() {
    let (server, link) = with_link().await;
    let mut browser = server.browser();
    let wrong = "violet kettles hum";
    let mut pages = vec![browser.login_with("kavya", wrong).await];
    for path in ["/signup", &link] {
        let form = browser.get(path).await.form(path).fill("username", "!").fill("password", wrong);
        pages.push(browser.submit(&form).await);
    }
    for page in pages {
        assert!(page.status.is_client_error() && !page.shows(wrong), "{}", page.path);
    }
}

#[tokio::test]
async fn after_login_one_lands_on_this_origin_only() {
    let server = TestServer::with("throttle.account_burst = 100").await;
    server.user("kavya", &[]).await;
    for next in [
        "//evil.example",
        "/\\evil.example",
        "/%09/evil.example",
        "/%5cevil.example",
        "https:evil.example",
        "///evil.example",
        "https://login.example.org@evil.example",
        "https://evil.example",
        "/a\r\nSet-Cookie: x=y",
        "/%0d%0aSet-Cookie:%20x=y",
        "javascript:alert(1)",
        "/%252fevil.example",
        "/%25252fevil.example",
        "evil.example",
        "",
        "\t//evil.example",
        " //evil.example",
        "/\u{2028}/evil.example",
        "/.//evil.example",
    ] {
        let query = serde_urlencoded::to_string([("next", next)]).unwrap();
        let mut browser = server.browser();
        let page = browser.get(&format!("/login?{query}")).await;
        assert!(!page.shows("name=\"next\""), "{next:?}");
        let form = page.form("/login").smuggle("next", next);
        let reply = post(&cookies_of(&browser), &form.fill("username", "kavya").fill("password", PASSWORD), FORM).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, "/dashboard"), "{next:?}");
        let member = server.client().cookie(&reply.session().unwrap());
        let sent_on = member.get(&format!("/login?{query}")).await;
        assert_eq!(sent_on.header("location"), "/dashboard", "{next:?}");
    }
    let mut browser = server.browser();
    let page = browser.get("/account/sessions?ended=2").await;
    assert_eq!(page.path, "/login?next=%2Faccount%2Fsessions%3Fended%3D2");
    let form = page.form("/login").fill("username", "kavya").fill("password", PASSWORD);
    assert_eq!(browser.submit(&form).await.path, "/account/sessions?ended=2");
}

#[test]
fn no_body_or_cookie_however_garbled_is_a_server_error_or_a_login() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (server, token) = runtime.block_on(async {
        let server = TestServer::with("throttle.account_burst = 100\nthrottle.address_burst = 100000").await;
        let mut browser = server.browser();
        let token = browser.get("/login").await.form("/login").fields[0].1.clone();
        (cookies_of(&browser), token)
    });
    let garbled = prop_oneof![
        "[a-z_]{0,9}=[ -~]{0,20}(&[a-z%+]{0,9}=?){0,4}".prop_map(String::into_bytes),
        r#"[\{\[]?("[a-z_]{0,9}":?[\[\{"0-9a-z]{0,9},?){0,4}[\}\]]?"#.prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..80),
    ];
    let cookie = "(__Host-session|__Host-csrf|x|)=?[!-~]{0,70}(; ?__Host-session=[A-Za-z0-9_-]{60,66}){0,2}";
    let paths = prop::sample::select(vec!["/login", "/signup", "/logout", "/refresh", "/account/sessions/end-all"]);
    let kinds = prop::sample::select(vec![FORM, "application/json"]);
    proptest!(ProptestConfig::with_cases(300), |(body in garbled, cookie in cookie, path in paths, kind in kinds)| {
        let with_token = [format!("csrf={token}&").as_bytes(), &body].concat();
        let bodies = if kind == FORM { vec![with_token, body] } else { vec![body] };
        for body in bodies {
            let client = server.clone().header("cookie", &cookie);
            let reply = runtime.block_on(client.send(Method::POST, path, Some(kind), Body::from(body)));
            prop_assert!(!reply.status.is_server_error(), "{}", reply.body);
            prop_assert!(reply.session().is_none_or(|value| value.is_empty()));
        }
    });
}
