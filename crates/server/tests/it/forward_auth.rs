//! Forward authentication: what a reverse proxy is told about a request that it asks about.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use domain::Span;
use insta::{allow_duplicates, assert_snapshot};

use crate::support::{Client, Reply, TestServer};

/// A server behind the proxy at the address that tests' programs come from.
async fn behind_a_proxy() -> Arc<TestServer> {
    TestServer::with("trusted_proxies = ['192.0.2.7/32']").await
}

/// The proxy, which asks about a request with this method for a page of the site.
fn proxy(server: &Arc<TestServer>, method: &str) -> Client {
    let client = server.client().header("x-forwarded-method", method);
    client.header("x-forwarded-host", "login.example.org").header("x-forwarded-uri", "/orders?page=2&sort=a%20b")
}

/// A person's browser behind it.
fn person(server: &Arc<TestServer>) -> Client {
    proxy(server, "GET").header("accept", "text/html,application/xhtml+xml")
}

/// The identity in an answer, one field a line.
fn identity(reply: &Reply) -> String {
    let fields = reply.headers.iter().filter(|(name, _)| name.as_str().starts_with("remote-"));
    let mut lines: Vec<_> = fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines.join("\n")
}

#[tokio::test]
async fn cookie_and_token_are_the_same_identity_and_the_cookie_has_the_address_too() {
    let server = behind_a_proxy().await;
    let user_id = server.user("kavya", &["editor", "admin"]).await;
    let (cookie, tokens) = server.client().login_both("kavya").await;
    let session_id = tokens["session_id"].as_str().unwrap();
    let by_cookie = proxy(&server, "GET").cookie(&cookie).get("/forward-auth").await;
    let by_token = proxy(&server, "GET").with(&tokens).get("/forward-auth").await;
    let common = format!(
        "remote-groups: admin,editor\nremote-session-id: {session_id}\nremote-user-id: {user_id}\nremote-user: kavya"
    );
    assert_eq!(identity(&by_cookie), format!("remote-email: kavya@example.org\n{common}"));
    assert_eq!(identity(&by_token), format!("remote-email: \n{common}"), "what is unknown is said to be nothing");
    for reply in [by_cookie, by_token] {
        assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, ""));
        assert_eq!(reply.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn whatever_method_a_proxy_asks_with_it_is_answered_alike() {
    let server = behind_a_proxy().await;
    server.user("kavya", &[]).await;
    let (cookie, _) = server.client().login_both("kavya").await;
    for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE, Method::OPTIONS] {
        for path in ["/forward-auth", "/forward-auth?mode=redirect"] {
            let ask = async |client: Client| client.send(method.clone(), path, None, Body::empty()).await.status;
            assert_eq!(ask(proxy(&server, "GET").cookie(&cookie)).await, StatusCode::OK, "{method}");
            assert_eq!(ask(proxy(&server, "GET")).await, StatusCode::UNAUTHORIZED, "{method}");
        }
    }
}

#[tokio::test]
async fn who_is_not_logged_in_is_a_401_and_only_people_are_sent_to_the_login_page_if_the_proxy_wants_that() {
    let server = behind_a_proxy().await;
    for client in [proxy(&server, "GET"), person(&server)] {
        let reply = client.get("/forward-auth").await;
        allow_duplicates!(
            assert_snapshot!(reply.brief(), @r#"401 {"detail":"Log in first, or send `Authorization: Bearer <token>`.","status":401,"title":"Unauthorized","type":"about:blank"}"#)
        );
        assert_eq!(reply.header("www-authenticate"), "Bearer");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    let reply = person(&server).get("/forward-auth?mode=redirect").await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    assert_eq!(reply.header("location"), "https://login.example.org/login?next=%2Forders%3Fpage%3D2%26sort%3Da%2520b");
    assert_eq!(reply.header("cache-control"), "no-store");
    let program = proxy(&server, "GET").get("/forward-auth?mode=redirect").await;
    assert_eq!((program.status, program.header("www-authenticate")), (StatusCode::UNAUTHORIZED, "Bearer"));
    let form = proxy(&server, "POST").header("accept", "text/html").get("/forward-auth?mode=redirect").await;
    assert_eq!(form.status, StatusCode::UNAUTHORIZED, "a form cannot be sent again after the login");
}

#[tokio::test]
async fn a_token_that_is_no_good_is_said_to_be_so_to_programs_and_people_alike() {
    let server = behind_a_proxy().await;
    for client in [proxy(&server, "GET"), person(&server)] {
        let reply = client.bearer("a.b.c").get("/forward-auth?mode=redirect").await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert!(reply.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""), "{reply:?}");
    }
}

#[tokio::test]
async fn a_login_leads_back_to_this_origin_only_whatever_the_proxy_was_asked_for() {
    let server = behind_a_proxy().await;
    let location = async |host: &str, uri: &str| {
        let client = server.client().header("x-forwarded-method", "GET").header("accept", "text/html");
        let client = client.header("x-forwarded-host", host).header("x-forwarded-uri", uri);
        client.get("/forward-auth?mode=redirect").await.header("location").to_owned()
    };
    let plain = "https://login.example.org/login";
    assert_eq!(location("LOGIN.example.org", "/a").await, format!("{plain}?next=%2Fa"));
    for uri in
        ["//evil.example", "/\\evil.example", "https://evil.example/", "/%2fevil.example", "/%09/evil.example", ""]
    {
        assert_eq!(location("login.example.org", uri).await, plain, "{uri}");
    }
    for host in ["evil.example", "login.example.org:8443", "login.example.org.evil.example", "x@login.example.org", ""]
    {
        assert_eq!(location(host, "/a").await, plain, "{host}");
    }
}

#[tokio::test]
async fn a_missing_role_is_a_403_and_a_demand_that_is_not_understood_lets_nobody_through() {
    let server = behind_a_proxy().await;
    server.user("kavya", &["admin"]).await;
    server.user("ravi", &["editor"]).await;
    for (name, path, status) in [
        ("kavya", "/forward-auth?role=admin", StatusCode::OK),
        ("ravi", "/forward-auth?role=admin", StatusCode::FORBIDDEN),
        ("ravi", "/forward-auth?role=admin,editor&mode=redirect", StatusCode::OK),
        ("ravi", "/forward-auth?role=editor&role=admin", StatusCode::FORBIDDEN),
        ("kavya", "/forward-auth?roles=admin", StatusCode::BAD_REQUEST),
        ("kavya", "/forward-auth?role=", StatusCode::BAD_REQUEST),
        ("kavya", "/forward-auth?mode=", StatusCode::BAD_REQUEST),
        ("kavya", "/forward-auth/admin", StatusCode::NOT_FOUND),
    ] {
        let (cookie, tokens) = server.client().login_both(name).await;
        for client in
            [proxy(&server, "GET").cookie(&cookie), person(&server).cookie(&cookie), person(&server).with(&tokens)]
        {
            let reply = client.get(path).await;
            assert_eq!(reply.status, status, "{name} {path}");
            assert_eq!(identity(&reply).is_empty(), status != StatusCode::OK, "{name} {path}");
        }
    }
}

#[tokio::test]
async fn a_cookie_changes_something_only_from_the_applications_own_pages_and_a_token_from_anywhere() {
    let server = behind_a_proxy().await;
    server.user("kavya", &[]).await;
    let (cookie, tokens) = server.client().login_both("kavya").await;
    let own = [Some(("sec-fetch-site", "same-origin")), Some(("origin", "https://login.example.org"))];
    let others = [
        None,
        Some(("sec-fetch-site", "cross-site")),
        Some(("sec-fetch-site", "same-site")),
        Some(("origin", "https://evil.example")),
        Some(("origin", "http://login.example.org")),
        Some(("origin", "null")),
    ];
    for (hints, status) in [(&own[..], StatusCode::OK), (&others[..], StatusCode::FORBIDDEN)] {
        for hint in hints {
            let with_hint = |client: Client| match hint {
                Some((name, value)) => client.header(name, value),
                None => client,
            };
            for method in ["POST", "PUT", "PATCH", "DELETE", "BREW"] {
                let client = with_hint(proxy(&server, method));
                let by_cookie = client.clone().cookie(&cookie).get("/forward-auth").await;
                assert_eq!((by_cookie.status, identity(&by_cookie).is_empty()), (status, status != StatusCode::OK));
                assert_eq!(client.with(&tokens).get("/forward-auth").await.status, StatusCode::OK, "{method} {hint:?}");
            }
            for field in [("upgrade", "websocket"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")] {
                let socket = with_hint(proxy(&server, "GET").cookie(&cookie)).header(field.0, field.1);
                assert_eq!(socket.get("/forward-auth").await.status, status, "{field:?} {hint:?}");
            }
            let reading = with_hint(proxy(&server, "GET").cookie(&cookie)).get("/forward-auth").await;
            assert_eq!(reading.status, StatusCode::OK, "a link from anywhere may be followed");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_tell_the_method_is_told_so_whoever_the_client_is() {
    let server = behind_a_proxy().await;
    server.user("kavya", &[]).await;
    let (cookie, tokens) = server.client().login_both("kavya").await;
    let clients = [server.client(), server.client().cookie(&cookie), server.client().with(&tokens)];
    for client in clients {
        let reply = client.clone().get("/forward-auth").await;
        allow_duplicates!(
            assert_snapshot!(reply.brief(), @r#"400 {"detail":"The proxy must tell the method of the request in X-Forwarded-Method.","status":400,"title":"Bad Request","type":"about:blank"}"#)
        );
        let twice = client.header("x-forwarded-method", "GET").header("x-forwarded-method", "POST");
        assert_eq!(twice.get("/forward-auth").await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn only_a_trusted_proxy_may_ask() {
    let server = behind_a_proxy().await;
    server.user("kavya", &[]).await;
    let (cookie, tokens) = server.client().login_both("kavya").await;
    for client in [proxy(&server, "GET").cookie(&cookie), person(&server).with(&tokens)] {
        for path in ["/forward-auth", "/forward-auth/envoy/", "/forward-auth/envoy/orders"] {
            assert_eq!(client.get(path).await.status, StatusCode::OK, "{path}");
            let stranger = client.clone().at([192, 0, 2, 8]).header("x-forwarded-for", "192.0.2.7");
            let refused = stranger.get(path).await;
            assert_eq!((refused.status, identity(&refused).as_str()), (StatusCode::FORBIDDEN, ""), "{path}");
        }
    }
}

#[tokio::test]
async fn envoy_repeats_the_request_itself_and_what_it_says_of_another_does_not_count() {
    let server = behind_a_proxy().await;
    server.user("kavya", &[]).await;
    let (cookie, tokens) = server.client().login_both("kavya").await;
    let envoy = || server.client().header("host", "login.example.org");
    let post = async |client: Client| {
        client.send(Method::POST, "/forward-auth/envoy/orders?mode=status", None, Body::empty()).await.status
    };
    let misled = envoy().header("x-forwarded-method", "GET").cookie(&cookie);
    assert_eq!(post(misled).await, StatusCode::FORBIDDEN);
    assert_eq!(post(envoy().cookie(&cookie).header("origin", "https://evil.example")).await, StatusCode::FORBIDDEN);
    assert_eq!(post(envoy().cookie(&cookie).header("origin", "https://login.example.org")).await, StatusCode::OK);
    assert_eq!(post(envoy().with(&tokens)).await, StatusCode::OK);

    let person = envoy().header("accept", "text/html").get("/forward-auth/envoy/orders?mode=status&a=b").await;
    assert_eq!(person.status, StatusCode::SEE_OTHER);
    let location = "https://login.example.org/login?next=%2Forders%3Fmode%3Dstatus%26a%3Db";
    assert_eq!(person.header("location"), location);
    let elsewhere = envoy().header("accept", "text/html").get("/forward-auth/envoy//evil.example/").await;
    assert_eq!(elsewhere.header("location"), "https://login.example.org/login");
    assert_eq!(envoy().get("/forward-auth/envoy/").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn once_a_session_has_ended_the_proxy_is_told_at_once() {
    let server = behind_a_proxy().await;
    server.user("kavya", &[]).await;
    let (cookie, tokens) = server.client().login_both("kavya").await;
    let clients = [proxy(&server, "GET").cookie(&cookie), proxy(&server, "GET").with(&tokens)];
    for client in &clients {
        assert_eq!(client.get("/forward-auth").await.status, StatusCode::OK);
    }
    assert_eq!(server.client().with(&tokens).post("/logout").await.status, StatusCode::OK);
    server.catch_up().await;
    for client in &clients {
        assert_eq!(client.get("/forward-auth").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn being_let_through_counts_as_use_of_the_session() {
    let server = TestServer::with("trusted_proxies = ['192.0.2.7/32']\nsession.idle = '1h'").await;
    server.user("kavya", &[]).await;
    let (used, _) = server.client().login_both("kavya").await;
    let (idle, _) = server.client().login_both("kavya").await;
    for _ in 0..4 {
        server.advance(Span::minutes(40)).await;
        assert_eq!(proxy(&server, "GET").cookie(&used).get("/forward-auth").await.status, StatusCode::OK);
    }
    assert_eq!(proxy(&server, "GET").cookie(&idle).get("/forward-auth").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_others_signed_with_the_shared_secret_is_no_identity_unless_its_names_are_names() {
    let secret = "vB3kQ9xT7mZ2pL5wR8nC4jH6sD1fG0aY";
    let toml = "trusted_proxies = ['192.0.2.7/32']\ntokens.algorithm = 'HS256'";
    let server = TestServer::with_env(toml, &[("WATCHWORD_TOKENS_SECRET", secret)]).await;
    server.user("kavya", &["admin"]).await;
    let tokens = server.client().login("kavya").await;
    let payload = |change: fn(&mut serde_json::Value)| {
        let mut claims = token::inspect(tokens["access_token"].as_str().unwrap()).unwrap().claims;
        change(&mut claims);
        claims
    };
    let header = tokens["access_token"].as_str().unwrap().split('.').next().unwrap().to_owned();
    let sign = |claims: serde_json::Value| {
        let input = format!("{header}.{}", token::base64url::encode(claims.to_string()));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = aws_lc_rs::hmac::sign(&key, input.as_bytes());
        format!("{input}.{}", token::base64url::encode(tag.as_ref()))
    };
    let status =
        async |token: String| proxy(&server, "GET").bearer(&token).get("/forward-auth?role=admin").await.status;
    assert_eq!(status(sign(payload(|_| ()))).await, StatusCode::OK);
    let bad: [fn(&mut serde_json::Value); 3] = [
        |claims| claims["preferred_username"] = "kavya\r\nRemote-Groups: root".into(),
        |claims| claims["preferred_username"] = "k\u{e4}vya".into(),
        |claims| claims["roles"] = serde_json::json!(["admin", "editor,root"]),
    ];
    for change in bad {
        assert_eq!(status(sign(payload(change))).await, StatusCode::UNAUTHORIZED);
    }
}
