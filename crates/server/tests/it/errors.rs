//! Errors: problem details for programs, pages for people, and in neither anything that helps an attacker.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Client, PASSWORD, Reply, TestServer};

const JSON: Option<&str> = Some("application/json");
const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

fn assert_problem(what: &str, reply: &Reply) {
    assert_eq!(reply.header("content-type"), "application/problem+json", "{what}: {}", reply.body);
    let problem = reply.json();
    assert_eq!(problem["status"], reply.status.as_u16(), "{what}");
    assert_eq!(problem["type"], "about:blank", "{what}");
    assert_eq!(problem["title"], reply.status.canonical_reason().unwrap(), "{what}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with(['.', ':']) || !detail.is_empty()));
    assert_eq!(problem["request_id"], reply.header("x-request-id"), "{what}");
    let known = ["type", "title", "status", "detail", "error", "errors", "request_id"];
    assert!(problem.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{what}: {problem}");
}

/// What can be done wrong, with the status that it is answered with.
fn mistakes() -> Vec<(u16, Method, &'static str, Option<&'static str>, String)> {
    let none = String::new;
    vec![
        (400, Method::POST, "/login", JSON, "{".to_owned()),
        (400, Method::POST, "/login", JSON, none()),
        (400, Method::POST, "/refresh", JSON, "\u{0}".to_owned()),
        (401, Method::GET, "/api/v1/session", None, none()),
        (401, Method::DELETE, "/api/v1/sessions", None, none()),
        (401, Method::POST, "/login", JSON, json!({"username": "nobody", "password": "violet kettles"}).to_string()),
        (401, Method::POST, "/refresh", JSON, json!({"refresh_token": "wwr_x"}).to_string()),
        (403, Method::POST, "/login", FORM, "username=a&password=b".to_owned()),
        (403, Method::POST, "/signup", FORM, "username=a&password=b".to_owned()),
        (400, Method::POST, "/login", FORM, "csrf=a&csrf=b".to_owned()),
        (404, Method::GET, "/nowhere", None, none()),
        (404, Method::GET, "/api/v1/nowhere", None, none()),
        (404, Method::GET, "/static/nothing", None, none()),
        (404, Method::GET, "/static/%ff", None, none()),
        (404, Method::GET, "/setup/%ff", None, none()),
        (404, Method::POST, "/account/sessions/%ff/end", FORM, none()),
        (404, Method::POST, "/account/sessions/x/end", FORM, none()),
        (400, Method::GET, "/login?next=a&next=b", None, none()),
        (405, Method::PUT, "/login", None, none()),
        (405, Method::GET, "/refresh", None, none()),
        (405, Method::DELETE, "/dashboard", None, none()),
        (413, Method::POST, "/login", JSON, " ".repeat(70_000)),
        (413, Method::POST, "/login", FORM, "x".repeat(70_000)),
        (413, Method::POST, "/refresh", JSON, " ".repeat(70_000)),
        (415, Method::POST, "/login", Some("text/plain"), "x".to_owned()),
        (415, Method::POST, "/login", None, none()),
        (415, Method::POST, "/refresh", FORM, "refresh_token=x".to_owned()),
        (415, Method::POST, "/signup", JSON, "{}".to_owned()),
        (422, Method::POST, "/login", JSON, "{}".to_owned()),
        (422, Method::POST, "/login", JSON, "[]".to_owned()),
        (422, Method::POST, "/login", JSON, json!({"username": 1, "password": "violet kettles"}).to_string()),
        (422, Method::POST, "/refresh", JSON, json!({"refresh_token": 7}).to_string()),
    ]
}

#[tokio::test]
async fn a_program_reads_every_error_as_problem_details() {
    let server = TestServer::start().await;
    for (status, method, path, media_type, body) in mistakes() {
        let what = format!("{method} {path} {media_type:?}");
        for client in [server.client(), server.client().header("accept", "application/json")] {
            let reply = client.send(method.clone(), path, media_type, Body::from(body.clone())).await;
            assert_eq!(reply.status.as_u16(), status, "{what}: {}", reply.body);
            assert_problem(&what, &reply);
        }
    }
}

#[tokio::test]
async fn a_person_reads_every_error_as_a_page_with_the_same_request_id() {
    let server = TestServer::start().await;
    let person = server.client().header("accept", "text/html,*/*;q=0.8");
    for (status, method, path, media_type, body) in mistakes() {
        let what = format!("{method} {path} {media_type:?}");
        let reply = person.send(method, path, media_type, Body::from(body)).await;
        assert_eq!(reply.status.as_u16(), status, "{what}: {}", reply.body);
        if path.starts_with("/api/") {
            assert_problem(&what, &reply);
            continue;
        }
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8", "{what}");
        assert!(reply.body.contains("<h1>") && reply.body.contains("</html>"), "{what}");
        assert!(reply.body.contains(&format!("<code>{}</code>", reply.header("x-request-id"))), "{what}");
    }
}

#[tokio::test]
async fn each_request_has_a_number_of_its_own_whatever_the_client_sends() {
    let server = TestServer::start().await;
    let client = server.client().header("x-request-id", "0000000000000000");
    let (one, two) = (client.get("/nowhere").await, client.get("/nowhere").await);
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    for reply in [&one, &two] {
        assert_ne!(reply.header("x-request-id"), "0000000000000000");
        assert_eq!(reply.headers.get_all("x-request-id").iter().count(), 1);
        assert!(server.logged().contains(reply.header("x-request-id")), "it finds the request in the log");
    }
}

#[tokio::test]
async fn a_wrong_login_says_so_in_the_words_that_clients_look_for() {
    let server = TestServer::start().await;
    let reply = server.client().try_login("nobody", "violet kettles hum").await;
    assert_snapshot!(reply.brief(), @r#"401 {"detail":"The username or password is not right.","error":"Invalid credentials","status":401,"title":"Unauthorized","type":"about:blank"}"#);
}

#[tokio::test]
async fn a_field_that_is_wrong_is_named_and_no_value_is_repeated() {
    let server = TestServer::start().await;
    let client = server.client();
    let secret = "violet kettles hum at noon";
    let bodies = [
        json!({"password": secret}).to_string(),
        json!({"username": "kavya", "password": [secret]}).to_string(),
        json!({"username": {"password": secret}}).to_string(),
        json!({"username": "kavya", "password": secret, "cookie": secret}).to_string(),
        format!("{{\"username\": \"kavya\", \"password\": \"{secret}\", \"password\": \"{secret}\"}}"),
        format!("{{\"username\": \"kavya\", \"password\": \"{secret}\""),
        format!("{{\"username\": \"kavya\", {secret}}}"),
        format!("\"{secret}\""),
        json!({"username": "kavya", "password": secret.repeat(50)}).to_string(),
        json!({"username": secret, "password": secret}).to_string(),
    ];
    for body in bodies {
        let reply = client.send(Method::POST, "/login", JSON, Body::from(body.clone())).await;
        assert!(reply.status.is_client_error());
        assert_problem(&body, &reply);
        assert!(!reply.body.contains("violet"), "{}", reply.body);
    }
    assert!(!server.logged().contains("violet"));
    let missing = client.send(Method::POST, "/login", JSON, Body::from("{}")).await.json();
    assert!(missing["errors"][0]["detail"].as_str().unwrap().contains("missing field `username`"));
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_repeated_and_the_reason_is_given() {
    let server = TestServer::start().await;
    let reply = server.client().bearer("abc.violet.def").get("/api/v1/session").await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert_problem("garbage", &reply);
    assert!(reply.header("www-authenticate").starts_with("Bearer error=\"invalid_token\", error_description=\""));
    assert!(!format!("{} {:?}", reply.body, reply.headers).contains("violet"));
}

#[tokio::test]
async fn a_defect_shows_its_number_and_nothing_else() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    server.execute("update users set roles = 'NOT ROLES'");
    let client = server.client();
    let reply = client.try_login("kavya", PASSWORD).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_problem("defect", &reply);
    let id = reply.header("x-request-id").to_owned();
    assert_snapshot!(reply.brief(), @r#"500 {"detail":"The request id helps whoever runs this service to find out why.","status":500,"title":"Internal Server Error","type":"about:blank"}"#);
    let logged = server.logged();
    let line = logged.lines().find(|line| line.contains("ERROR")).unwrap();
    assert!(line.contains(&id) && line.contains("users.roles"), "the log says what the answer does not: {line}");
    server.claim_failures();
}

#[tokio::test]
async fn without_its_database_the_server_says_when_to_try_again_and_has_changed_nothing() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let (cookie, tokens) = client.login_both("kavya").await;
    server.lose_database().await;
    let replies = [
        client.try_login("kavya", PASSWORD).await,
        client.refresh(&tokens).await,
        client.with(&tokens).post("/logout").await,
        client.with(&tokens).get("/api/v1/sessions").await,
        client.get("/health/ready").await,
    ];
    for reply in &replies {
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_problem("away", reply);
        assert_eq!(reply.header("retry-after"), "1");
    }
    assert_eq!(client.with(&tokens).get("/dashboard").await.status, StatusCode::OK, "tokens are checked from memory");
    assert_eq!(client.get("/health/live").await.status, StatusCode::OK);
    assert_eq!(server.claim_failures().len(), replies.len());
    drop((client, cookie));

    let server = server.restart("").await;
    let refreshed: Client = server.client();
    assert_eq!(refreshed.refresh(&tokens).await.status, StatusCode::OK, "a refresh that failed has consumed nothing");
}
