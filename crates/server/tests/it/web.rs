//! What a browser is protected from: other sites' requests, framing, injected markup, redirects elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode};
use domain::Span;
use proptest::prelude::*;
use serde_json::json;

use crate::support::{Browser, Client, Form, PASSWORD, Reply, TestServer};

const FORM: &str = "application/x-www-form-urlencoded";
const HTML: &str = "text/html,application/xhtml+xml";

/// A request as a script on another site could make it with this browser's cookies.
fn cookies_of(browser: &Browser) -> Client {
    let pairs: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    browser.server.client().header("cookie", &pairs.join("; ")).header("accept", HTML)
}

async fn post(client: &Client, form: &Form, media_type: &str) -> Reply {
    let body = serde_urlencoded::to_string(&form.fields).unwrap();
    client.send(Method::POST, &form.action, Some(media_type), Body::from(body)).await
}

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

/// A server with one user and an open setup link, and the path of that link.
async fn with_link() -> (Arc<TestServer>, String) {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let link = watchword::setup::offer(&server.app).await.unwrap().unwrap();
    let path = link.strip_prefix("https://login.example.org").unwrap().to_owned();
    (server, path)
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

/// What every answer has, whatever it is about.
fn assert_hardened(what: &str, headers: &HeaderMap, may_be_kept: bool) {
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let policy: BTreeMap<&str, Vec<&str>> = header("content-security-policy")
        .split(';')
        .filter_map(|directive| directive.trim().split_once(' '))
        .map(|(name, sources)| (name, sources.split(' ').collect()))
        .collect();
    for (name, sources) in [
        ("default-src", ["'none'"]),
        ("object-src", ["'none'"]),
        ("base-uri", ["'none'"]),
        ("frame-ancestors", ["'none'"]),
        ("form-action", ["'self'"]),
        ("style-src", ["'self'"]),
    ] {
        assert_eq!(policy.get(name).map(Vec::as_slice), Some(&sources[..]), "{what}: {name}");
    }
    assert!(!policy.contains_key("script-src"), "{what}: no page has a script");
    assert!(!header("content-security-policy").contains("unsafe"), "{what}");
    let age = header("strict-transport-security").split(';').next().unwrap().strip_prefix("max-age=").unwrap();
    assert!(age.parse::<u64>().unwrap() >= 31_536_000, "{what}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    assert!(["same-origin", "no-referrer"].contains(&header("referrer-policy")), "{what}");
    assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{what}");
    assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{what}");
    assert_eq!(header("x-frame-options"), "DENY", "{what}");
    assert_eq!(header("x-request-id").len(), 16, "{what}");
    assert!(may_be_kept || header("cache-control") == "no-store", "{what}: {}", header("cache-control"));
    assert!(headers.get("server").is_none() && headers.get("x-powered-by").is_none(), "{what}");
}

fn assert_inert(what: &str, html: &str) {
    for active in ["<script", "<style", " style=", "javascript:", "<iframe", "<object", "<embed", "<base"] {
        assert!(!html.contains(active), "{what} has {active}");
    }
    let handler = html.split('<').filter_map(|tag| tag.split('>').next()).any(|tag| tag.contains(" on"));
    assert!(!handler, "{what} has an inline event handler");
}

/// A status, and the request that is answered with it.
type Expected<'a> = (u16, &'a Client, Method, &'a str, Option<&'a str>, Body);

#[tokio::test]
async fn every_answer_of_every_status_is_hardened() {
    let (server, link) = with_link().await;
    let mut browser = server.browser();
    browser.login("kavya").await;
    let (member, visitor) = (cookies_of(&browser), server.client().header("accept", HTML));
    let program = server.client();
    let huge = || Body::from("x".repeat(70_000));
    let json = Some("application/json");
    let sets: [Expected<'_>; 23] = [
        (200, &visitor, Method::GET, "/", None, Body::empty()),
        (200, &visitor, Method::GET, "/login", None, Body::empty()),
        (200, &visitor, Method::GET, "/signup", None, Body::empty()),
        (200, &visitor, Method::GET, &link, None, Body::empty()),
        (200, &visitor, Method::GET, "/api", None, Body::empty()),
        (200, &member, Method::GET, "/dashboard", None, Body::empty()),
        (200, &member, Method::GET, "/account/sessions", None, Body::empty()),
        (200, &member, Method::HEAD, "/dashboard", None, Body::empty()),
        (200, &member, Method::GET, "/api/v1/session", None, Body::empty()),
        (303, &member, Method::GET, "/login", None, Body::empty()),
        (303, &visitor, Method::GET, "/dashboard", None, Body::empty()),
        (400, &member, Method::GET, "/account/sessions?ended=x", None, Body::empty()),
        (400, &program, Method::POST, "/login", json, Body::from("{")),
        (401, &program, Method::GET, "/api/v1/session", None, Body::empty()),
        (403, &visitor, Method::POST, "/login", Some(FORM), Body::from("username=a&password=b")),
        (404, &visitor, Method::GET, "/nowhere", None, Body::empty()),
        (404, &visitor, Method::GET, "/static/nothing.css", None, Body::empty()),
        (404, &visitor, Method::GET, "/setup/%ff", None, Body::empty()),
        (405, &visitor, Method::DELETE, "/login", None, Body::empty()),
        (405, &program, Method::GET, "/refresh", None, Body::empty()),
        (413, &program, Method::POST, "/login", json, huge()),
        (413, &visitor, Method::POST, "/login", Some(FORM), huge()),
        (415, &program, Method::POST, "/login", Some("text/plain"), Body::from("x")),
    ];
    for (status, client, method, path, media_type, body) in sets {
        let what = format!("{status} {method} {path}");
        let reply = client.send(method, path, media_type, body).await;
        assert_eq!(reply.status.as_u16(), status, "{what}: {}", reply.body);
        assert_hardened(&what, &reply.headers, false);
        if reply.header("content-type").starts_with("text/html") {
            assert_inert(&what, &reply.body);
        }
        if status == 405 {
            assert!(!reply.header("allow").is_empty(), "{what}: a refused method comes with those that work");
        }
    }
    let stylesheet = browser.get("/login").await.html.split("stylesheet\" href=\"").nth(1).unwrap().to_owned();
    for path in [stylesheet.split('"').next().unwrap(), "/.well-known/jwks.json", "/api/openapi.json"] {
        let reply = visitor.get(path).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_hardened(path, &reply.headers, true);
        assert!(reply.headers.get("set-cookie").is_none(), "{path} may be kept by caches");
    }
}

#[tokio::test]
async fn the_answers_of_a_server_in_trouble_are_hardened_too() {
    let server = TestServer::with("throttle.account_burst = 1").await;
    server.user("kavya", &[]).await;
    let mut browser = server.browser();
    browser.login_with("kavya", "not the right one").await;
    let waiting = browser.login_with("kavya", "not the right one").await;
    assert_eq!(waiting.status, StatusCode::TOO_MANY_REQUESTS);
    assert_hardened("429", &waiting.headers, false);
    server.advance(Span::hours(1)).await;

    browser.login("kavya").await;
    let member = cookies_of(&browser);
    for _ in 0..server.node_count() {
        member.get("/dashboard").await;
    }
    server.execute("update users set roles = 'NOT ROLES'");
    let broken = member.get("/dashboard").await;
    let refused = server.client().try_login("kavya", PASSWORD).await;
    server.lose_database().await;
    let away = member.get("/account/sessions").await;
    let not_ready = server.client().get("/health/ready").await;
    for (status, reply) in [(500, refused), (503, away), (503, not_ready)] {
        assert_eq!(reply.status.as_u16(), status, "{}", reply.body);
        assert_hardened("trouble", &reply.headers, false);
        assert!(!reply.body.contains("NOT ROLES") && !reply.body.contains("users."), "{}", reply.body);
    }
    assert!(broken.status == StatusCode::OK, "the row was read before it was damaged");
    assert_eq!(server.claim_failures().len(), 3);
}

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

#[tokio::test]
async fn whoever_forges_forwarded_addresses_is_still_one_address() {
    let server = TestServer::with("throttle.address_burst = 3\nthrottle.address_every = '1h'").await;
    server.user("kavya", &[]).await;
    let forged = |n: u8| server.client().header("x-forwarded-for", &format!("203.0.113.{n}"));
    let mine = forged(200).login("kavya").await;
    let session = server.client().with(&mine).get("/api/v1/session").await.json();
    assert_eq!(session["ip"], "192.0.2.7", "the peer, not what it claims");
    for n in 0..3 {
        assert_eq!(forged(n).try_login("nobody", "x").await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(forged(9).try_login("nobody", "x").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(server.client().at([192, 0, 2, 8]).try_login("nobody", "x").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_last_untrusted_hop_counts() {
    let server = TestServer::with("trusted_proxies = ['192.0.2.0/24']\nthrottle.address_burst = 2").await;
    server.user("kavya", &[]).await;
    let from = |hops: &str| server.client().header("x-forwarded-for", hops);
    let tokens = from("6.6.6.6, 203.0.113.9, 192.0.2.99").login("kavya").await;
    assert_eq!(server.client().with(&tokens).get("/api/v1/session").await.json()["ip"], "203.0.113.9");
    for forged in ["1.1.1.1", "2.2.2.2"] {
        let reply = from(&format!("{forged}, 203.0.113.9")).try_login("nobody", "x").await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    }
    let reply = from("3.3.3.3, 203.0.113.9").try_login("nobody", "x").await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(from("203.0.113.10").try_login("nobody", "x").await.status, StatusCode::UNAUTHORIZED);
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
