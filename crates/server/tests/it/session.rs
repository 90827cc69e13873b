//! Sessions: what the cookie is, when it stops working, and that nothing brings it back.

use std::collections::HashSet;

use axum::http::StatusCode;
use domain::{EndedWhy, SessionId, Span};
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestServer};

/// What a program with this cookie is answered.
async fn status(client: &Client, cookie: &str) -> StatusCode {
    client.clone().cookie(cookie).get("/api/v1/session").await.status
}

fn session_id(tokens: &Value) -> &str {
    tokens["session_id"].as_str().unwrap()
}

fn claims(tokens: &Value) -> Value {
    token::inspect(tokens["access_token"].as_str().unwrap()).unwrap().claims
}

#[tokio::test]
async fn every_cookie_is_bound_to_host_path_and_tls_and_hidden_from_scripts() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let mut browser = server.browser();
    let mut set = browser.get("/login").await.set_cookies;
    set.extend(browser.login("kavya").await.set_cookies);
    assert!(set.iter().any(|text| text.starts_with("__Host-session=")) && set.len() >= 2, "{set:?}");
    for text in set {
        let mut parts = text.split("; ");
        let pair = parts.next().unwrap();
        assert!(pair.starts_with("__Host-") && pair.len() <= 4096, "{text}");
        let flags: HashSet<&str> = parts.collect();
        assert_eq!(flags, HashSet::from(["Path=/", "Secure", "HttpOnly", "SameSite=Lax"]), "{text}");
    }
}

#[tokio::test]
async fn on_plain_http_which_is_only_for_loopback_the_cookie_is_still_hidden_from_scripts() {
    let server = TestServer::with("public_url = 'http://127.0.0.1:8080'").await;
    server.user("kavya", &[]).await;
    let body = json!({"username": "kavya", "password": PASSWORD, "cookie": true});
    let reply = server.client().post_json("/login", &body).await;
    let (pair, flags) = reply.header("set-cookie").split_once("; ").unwrap();
    assert!(pair.starts_with("session="));
    assert_eq!(flags, "Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(server.client().header("cookie", pair).get("/dashboard").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_login_in_the_same_browser_makes_a_new_session_and_ends_the_one_before() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let mut browser = server.browser();
    let second_tab = browser.get("/login").await.form("/login").fill("username", "kavya").fill("password", PASSWORD);
    browser.login("kavya").await;
    let first = browser.session().unwrap().to_owned();
    let page = browser.submit(&second_tab).await;
    assert_eq!((page.status, page.path.as_str()), (StatusCode::OK, "/dashboard"));
    let second = browser.session().unwrap().to_owned();
    assert_ne!(first, second);
    assert_ne!(first[..22], second[..22], "the session id is new too");
    assert_eq!(status(&server.client(), &first).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&server.client(), &second).await, StatusCode::OK);
}

#[tokio::test]
async fn a_json_login_that_sets_a_cookie_ends_the_session_of_the_cookie_before() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let (first, tokens) = server.client().login_both("kavya").await;
    let (second, _) = server.client().cookie(&first).login_both("kavya").await;
    assert_eq!(status(&server.client(), &first).await, StatusCode::UNAUTHORIZED);
    assert_eq!(server.client().refresh(&tokens).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&server.client(), &second).await, StatusCode::OK);
    server.client().cookie(&second).login("kavya").await;
    assert_eq!(status(&server.client(), &second).await, StatusCode::OK, "no cookie was asked for, so it stays");
}

#[tokio::test]
async fn a_cookie_that_the_client_chose_is_never_adopted() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let chosen = token::base64url::encode([7; 48]);
    let mut browser = server.browser();
    browser.cookies.insert("__Host-session".to_owned(), chosen.clone());
    let page = browser.login("kavya").await;
    assert_eq!((page.status, page.path.as_str()), (StatusCode::OK, "/dashboard"));
    let given = browser.session().unwrap();
    assert_ne!(given, chosen);
    assert_ne!(given[..22], chosen[..22]);
    assert_eq!(status(&server.client(), &chosen).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_id_alone_or_with_another_sessions_secret_admits_nobody() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let ((one, tokens), (two, _)) = (client.login_both("kavya").await, client.login_both("kavya").await);
    // 16 bytes of id and 32 of secret are 21⅓ and 42⅔ characters, so the parts are put together as bytes.
    let bytes = |cookie: &str| token::base64url::decode_array::<48>(cookie).unwrap();
    let mixed = [&bytes(&one)[..16], &bytes(&two)[16..]].concat();
    let blank = [&bytes(&one)[..16], &[0; 32]].concat();
    for forged in [token::base64url::encode(mixed), token::base64url::encode(blank), session_id(&tokens).to_owned()] {
        assert_eq!(status(&client, &forged).await, StatusCode::UNAUTHORIZED);
    }
    let only_tokens = client.login("kavya").await;
    let id: SessionId = session_id(&only_tokens).parse().unwrap();
    let forged = token::base64url::encode([&id.0[..], &[0; 32]].concat());
    assert_eq!(status(&client, &forged).await, StatusCode::UNAUTHORIZED, "a session without a cookie has no secret");
}

#[tokio::test]
async fn logout_on_one_node_ends_the_session_on_every_node() {
    let here = TestServer::start().await;
    here.user("kavya", &[]).await;
    let there = here.beside("").await;
    let (cookie, tokens) = here.client().login_both("kavya").await;
    assert_eq!(status(&there.client(), &cookie).await, StatusCode::OK);
    assert_eq!(there.client().with(&tokens).get("/dashboard").await.status, StatusCode::OK);

    here.client().with(&tokens).post("/logout").await;
    there.catch_up().await;

    for client in [here.client(), there.client()] {
        assert_eq!(status(&client, &cookie).await, StatusCode::UNAUTHORIZED);
        assert_eq!(client.with(&tokens).get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(client.refresh(&tokens).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_change_of_password_or_standing_ends_every_session_at_once_on_every_node() {
    let here = TestServer::start().await;
    let there = here.beside("").await;
    let user_id = here.user("kavya", &[]).await;
    for change in ["password", "disabled"] {
        let (cookie, tokens) = here.client().login_both("kavya").await;
        let (other_cookie, other_tokens) = there.client().login_both("kavya").await;
        for client in [here.client(), there.client()] {
            assert_eq!(status(&client, &cookie).await, StatusCode::OK);
            assert_eq!(status(&client, &other_cookie).await, StatusCode::OK);
        }
        // As the command line does it: on the database, beside the servers that run.
        let now = here.app.clock.now();
        let keep = domain::revocation::keep_until(now);
        let store = &here.app.store;
        let receipt = match change {
            "password" => {
                let hash = here.app.passwords.hash(PASSWORD.to_owned().into()).await.unwrap();
                store.set_password(user_id, hash, keep, now).await
            }
            _ => store.set_disabled(user_id, true, keep, now).await,
        };
        assert!(receipt.unwrap().is_some());
        here.catch_up().await;
        there.catch_up().await;
        for client in [here.client(), there.client()] {
            for (cookie, tokens) in [(&cookie, &tokens), (&other_cookie, &other_tokens)] {
                assert_eq!(status(&client, cookie).await, StatusCode::UNAUTHORIZED, "{change}");
                let by_token = client.with(tokens).get("/dashboard").await;
                assert_eq!(by_token.status, StatusCode::UNAUTHORIZED, "{change}");
                assert_eq!(client.refresh(tokens).await.status, StatusCode::UNAUTHORIZED, "{change}");
            }
        }
    }
    let refused = here.client().try_login("kavya", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "the account is disabled");
}

#[tokio::test]
async fn an_administrator_ends_cookie_and_tokens_alike_and_no_access_token_outlives_a_quarter_of_an_hour() {
    let server = TestServer::with("tokens.access_lifetime = '15m'").await;
    server.user("kavya", &[]).await;
    let (cookie, tokens) = server.client().login_both("kavya").await;
    let claims = claims(&tokens);
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 15 * 60);
    let now = server.app.clock.now();
    let id = session_id(&tokens).parse().unwrap();
    let keep = domain::revocation::keep_until(now);
    server.app.store.end_session(id, EndedWhy::EndedByAdmin, keep, now).await.unwrap();
    server.catch_up().await;
    assert_eq!(status(&server.client(), &cookie).await, StatusCode::UNAUTHORIZED);
    assert_eq!(server.client().with(&tokens).get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.client().refresh(&tokens).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_that_is_not_used_ends() {
    let server = TestServer::with("session.idle = '1h'").await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let (cookie, tokens) = client.login_both("kavya").await;
    for _ in 0..3 {
        server.advance(Span::minutes(59)).await;
        assert_eq!(status(&client, &cookie).await, StatusCode::OK, "use keeps it");
        server.advance(Span::ZERO).await;
    }
    // A minute later than configured at most, because that is how far behind the note of its last use may be.
    server.advance(Span::minutes(61)).await;
    assert_eq!(status(&client, &cookie).await, StatusCode::UNAUTHORIZED);
    assert_eq!(client.refresh(&tokens).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_ends_at_its_last_moment_however_much_it_is_used() {
    let server = TestServer::with("session.idle = '2h'\nsession.absolute = '6h'").await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let (cookie, mut tokens) = client.login_both("kavya").await;
    let end = claims(&tokens)["iat"].as_i64().unwrap() + 6 * 3600;
    for _ in 0..5 {
        server.advance(Span::hours(1)).await;
        assert_eq!(status(&client, &cookie).await, StatusCode::OK);
        tokens = client.refresh(&tokens).await.json();
    }
    server.advance(Span::minutes(59)).await;
    tokens = client.refresh(&tokens).await.json();
    assert!(claims(&tokens)["exp"].as_i64().unwrap() <= end, "no token outlives its session");
    assert!(tokens["refresh_expires_in"].as_i64().unwrap() <= 60);
    assert_eq!(status(&client, &cookie).await, StatusCode::OK);
    server.advance(Span::minutes(1)).await;
    assert_eq!(status(&client, &cookie).await, StatusCode::UNAUTHORIZED);
    assert_eq!(client.refresh(&tokens).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_clock_stepped_back_revives_neither_session_nor_token() {
    let server = TestServer::with("session.idle = '1h'").await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let ((seen, tokens), (unseen, _)) = (client.login_both("kavya").await, client.login_both("kavya").await);
    server.advance(Span::hours(2)).await;
    assert_eq!(status(&client, &seen).await, StatusCode::UNAUTHORIZED);
    server.step_back(Span::hours(2));
    assert_eq!(status(&client, &seen).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&client, &unseen).await, StatusCode::UNAUTHORIZED);
    assert_eq!(client.with(&tokens).get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.refresh(&tokens).await.status, StatusCode::UNAUTHORIZED);
    drop(client);

    let server = server.restart("session.idle = '1h'").await;
    let told = status(&server.client(), &seen).await;
    assert_eq!(told, StatusCode::UNAUTHORIZED, "what was seen to be over stays so, whatever the clock says");
    assert_eq!(server.client().refresh(&tokens).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_restart_keeps_sessions_and_forgets_no_revocation() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let ((kept, kept_tokens), (ended, ended_tokens)) =
        (client.login_both("kavya").await, client.login_both("kavya").await);
    client.with(&ended_tokens).post("/logout").await;
    drop(client);

    let server = server.restart("").await;
    let client = server.client();
    assert_eq!(client.with(&ended_tokens).get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&client, &ended).await, StatusCode::UNAUTHORIZED);
    assert_eq!(client.refresh(&ended_tokens).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&client, &kept).await, StatusCode::OK);
    assert_eq!(client.with(&kept_tokens).get("/dashboard").await.status, StatusCode::OK);
    assert_eq!(client.refresh(&kept_tokens).await.status, StatusCode::OK);
}

#[tokio::test]
async fn no_secret_that_was_handed_out_is_in_the_database_or_its_log() {
    let server = TestServer::start().await;
    let link = watchword::setup::offer(&server.app).await.unwrap().unwrap();
    server.user("kavya", &[]).await;
    let client = server.client();
    let (cookie, first) = client.login_both("kavya").await;
    let second = client.refresh(&first).await.json();
    let setup = link.rsplit_once("wws_").unwrap().1;
    let mut secrets: Vec<Vec<u8>> = vec![PASSWORD.into(), cookie.clone().into(), setup.into()];
    secrets.push(token::base64url::decode_array::<48>(&cookie).unwrap()[16..].to_vec());
    secrets.push(token::base64url::decode_array::<32>(setup).unwrap().to_vec());
    for tokens in [&first, &second] {
        let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
        secrets.extend([access.into(), access.rsplit_once('.').unwrap().1.into(), refresh.into()]);
        let bytes = token::base64url::decode(refresh.strip_prefix("wwr_").unwrap()).unwrap();
        secrets.push(bytes[bytes.len() - 16..].to_vec());
    }
    let hexed = |secret: &Vec<u8>| secret.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    secrets.extend(secrets.clone().iter().map(|secret| hexed(secret).into_bytes()));

    let stored = server.database_bytes();
    let contains = |wanted: &[u8]| stored.windows(wanted.len()).any(|window| window == wanted);
    let id: SessionId = session_id(&first).parse().unwrap();
    assert!(contains(&id.0) && contains(b"$argon2id$"), "what may be stored is found, so the search works");
    for secret in secrets {
        assert!(!contains(&secret), "{}", String::from_utf8_lossy(&secret));
    }
}

#[tokio::test]
async fn ids_and_secrets_never_repeat() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let (cookie, tokens) = server.client().login_both("kavya").await;
        let bytes = token::base64url::decode_array::<48>(&cookie).unwrap();
        let new = [bytes[..16].to_vec(), bytes[16..].to_vec(), claims(&tokens)["jti"].to_string().into()];
        assert!(new.into_iter().all(|value| seen.insert(value)));
        assert!(seen.insert(tokens["refresh_token"].to_string().into()));
    }
}

#[tokio::test]
async fn two_session_cookies_in_one_request_are_refused_everywhere() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let (cookie, _) = server.client().login_both("kavya").await;
    let (other, _) = server.client().login_both("kavya").await;
    let named = |value: &str| format!("__Host-session={value}");
    for pair in [[&cookie, "junk"], ["junk", &cookie], [&cookie, &cookie], [&cookie, &other]] {
        let [first, second] = pair.map(named);
        let one_header = server.client().header("cookie", &format!("{first}; {second}"));
        let two_headers = server.client().header("cookie", &first).header("cookie", &second);
        for client in [one_header, two_headers] {
            for path in ["/dashboard", "/account/sessions", "/api/v1/session", "/api/v1/sessions"] {
                assert_eq!(client.get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
            }
            let out = client.post("/logout").await;
            assert_eq!(out.json()["ended"], false);
        }
    }
    assert_eq!(status(&server.client(), &cookie).await, StatusCode::OK, "nothing was ended");
}

#[tokio::test]
async fn use_is_noted_at_most_once_a_minute_and_never_on_the_way() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let (cookie, _) = server.client().login_both("kavya").await;
    let by_cookie = server.client().cookie(&cookie);
    let seen_at = || server.cell("select seen_at from sessions").parse::<i64>().unwrap();
    let (began, commits) = (seen_at(), server.commits());
    let mut noted = Vec::new();
    for _ in 0..9 {
        server.advance(Span::seconds(20)).await;
        for _ in 0..10 {
            by_cookie.get("/api/v1/session").await;
        }
        noted.push((seen_at() - began) / 1000);
    }
    server.advance(Span::ZERO).await;
    noted.push((seen_at() - began) / 1000);
    // Written by the job's next turn, which is the next step of this clock.
    assert_eq!(noted, [0, 0, 0, 60, 60, 60, 120, 120, 120, 180]);
    assert_eq!(server.commits() - commits, 3 * server.node_count() as u64, "each node notes what it saw");
}

#[tokio::test]
async fn a_node_that_cannot_ask_the_database_admits_nobody_beyond_the_bound() {
    let server = TestServer::with("session.bound = '8s'").await;
    server.user("kavya", &[]).await;
    // From here on alone, whatever else runs these tests: the database goes away for this node only.
    let other = server.beside("").await;
    let (cookie, tokens) = server.client().login_both("kavya").await;
    let (by_cookie, by_token) = (server.client().cookie(&cookie), server.client().with(&tokens));
    let statuses = async || {
        [
            by_cookie.get("/api/v1/session").await.status,
            by_token.get("/dashboard").await.status,
            by_cookie.get("/dashboard").await.status,
        ]
    };
    assert_eq!(statuses().await, [StatusCode::OK; 3]);

    server.app.store.close().await;
    let [asks, from_token, from_cookie] = statuses().await;
    assert_eq!(asks, StatusCode::SERVICE_UNAVAILABLE, "this one reads the database");
    assert_eq!([from_token, from_cookie], [StatusCode::OK; 2]);
    // It is ended where this node does not hear of it.
    assert_eq!(other.client().with(&tokens).post("/logout").await.status, StatusCode::OK);
    server.wait(Span::seconds(8));
    assert_eq!(statuses().await[1..], [StatusCode::OK; 2], "that is the bound");
    server.wait(Span(1));
    assert_eq!(statuses().await, [StatusCode::SERVICE_UNAVAILABLE; 3]);
    server.claim_failures();
}
