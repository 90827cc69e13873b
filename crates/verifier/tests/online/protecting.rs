//! Layers and extractors in an axum application: who comes in, and how the others are told.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use serde::Deserialize;
use verifier::test_support::TestIssuer;
use verifier::{Authenticated, Kind, Policy, Rejection, Verifier};

use crate::support::{ask, send};

fn app(verifier: &Verifier) -> Router {
    let require = |policy| verifier.require(policy);
    let lately = Policy::new().authenticated_within(Duration::from_mins(10));
    let name = async |who: Authenticated| who.username().to_owned();
    Router::new()
        .route("/me", get(name).post(name))
        .route(
            "/welcome",
            get(async |who: Option<Authenticated>| who.map_or("stranger".to_owned(), |who| who.username().to_owned())),
        )
        .route("/books", get(name).layer(require(Policy::new().any_role(["clerk", "admin"]))))
        .route("/orders", post(name).layer(require(Policy::new().scope("orders:read").scope("orders:write"))))
        .route("/transfer", post(name).layer(require(lately)))
        .route("/api", get(name).layer(require(Policy::new().only(Kind::Token))))
        .route("/page", get(name).layer(require(Policy::new().only(Kind::Cookie))))
        .layer(verifier.provide())
}

struct World {
    issuer: TestIssuer,
    app: Router,
}

impl World {
    async fn new() -> Self {
        let issuer = TestIssuer::start().await;
        let app = app(&issuer.verifier().await);
        Self { issuer, app }
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test]
async fn one_route_takes_either_credential() {
    let World { issuer, app } = World::new().await;
    let token = bearer(&issuer.user("kavya").token());
    assert_eq!(ask(&app, "/me", &[("authorization", &token)]).await.body, "kavya");
    let cookie = issuer.user("kavya").cookie();
    assert_eq!(ask(&app, "/me", &[("cookie", &cookie)]).await.body, "kavya");
}

#[tokio::test]
async fn nobody_is_told_to_log_in_without_an_error() {
    let World { app, .. } = World::new().await;
    let answer = ask(&app, "/me", &[]).await;
    assert_eq!((answer.status, answer.challenge.as_deref()), (401, Some("Bearer realm=\"login\"")));
    assert_eq!(answer.problem()["code"], "missing");
}

#[tokio::test]
async fn a_token_that_does_not_admit_is_named_invalid_and_no_cookie_helps() {
    let World { issuer, app } = World::new().await;
    let cookie = issuer.user("kavya").cookie();
    let expired = issuer.user("kavya").expires_in(Duration::ZERO).token();
    issuer.clock().advance(Duration::from_secs(5));
    for (token, code) in [(expired, "expired"), (issuer.user("kavya").token_of_a_stranger(), "unknown_key")] {
        for uri in ["/me", "/welcome", "/books"] {
            let answer = ask(&app, uri, &[("authorization", &bearer(&token)), ("cookie", &cookie)]).await;
            assert_eq!(answer.status, 401, "{uri}");
            assert!(
                answer.challenge.as_deref().unwrap().starts_with("Bearer error=\"invalid_token\", error_description=")
            );
            assert_eq!(answer.problem()["code"], code);
        }
    }
}

#[tokio::test]
async fn an_unclear_request_is_a_bad_one() {
    let World { issuer, app } = World::new().await;
    let token = bearer(&issuer.user("kavya").token());
    let answer = ask(&app, "/me", &[("authorization", &token), ("authorization", &token)]).await;
    assert_eq!(answer.status, 400);
    assert!(answer.challenge.unwrap().contains("error=\"invalid_request\""));
}

#[tokio::test]
async fn where_anybody_may_come_a_dead_cookie_is_nobody() {
    let World { issuer, app } = World::new().await;
    let cookie = issuer.user("kavya").cookie();
    assert_eq!(ask(&app, "/welcome", &[]).await.body, "stranger");
    assert_eq!(ask(&app, "/welcome", &[("cookie", &cookie)]).await.body, "kavya");
    issuer.end(&cookie);
    issuer.clock().advance(Duration::from_secs(5));
    assert_eq!(ask(&app, "/welcome", &[("cookie", &cookie)]).await.body, "stranger");
    assert_eq!(ask(&app, "/me", &[("cookie", &cookie)]).await.status, 401);
    issuer.set_down(true);
    issuer.clock().advance(Duration::from_secs(5));
    let answer = ask(&app, "/welcome", &[("cookie", &cookie)]).await;
    assert_eq!(
        (answer.status, answer.retry_after.as_deref()),
        (503, Some("1")),
        "nobody knows, so nobody is a stranger"
    );
}

#[tokio::test]
async fn a_role_is_demanded_of_either_credential() {
    let World { issuer, app } = World::new().await;
    for role in ["clerk", "admin"] {
        let token = bearer(&issuer.user("kavya").role("reader").role(role).token());
        assert_eq!(ask(&app, "/books", &[("authorization", &token)]).await.status, 200);
        let cookie = issuer.user("kavya").role(role).cookie();
        assert_eq!(ask(&app, "/books", &[("cookie", &cookie)]).await.status, 200);
    }
    for role in ["reader", "Clerk", "clerk ", ""] {
        let token = bearer(&issuer.user("kavya").role(role).token());
        let answer = ask(&app, "/books", &[("authorization", &token)]).await;
        assert_eq!((answer.status, &answer.problem()["code"]), (403, &"insufficient_role".into()), "{role}");
        let challenge = "Bearer error=\"insufficient_scope\", error_description=\"this needs the role clerk or admin\"";
        assert_eq!(answer.challenge.as_deref(), Some(challenge));
    }
    assert_eq!(ask(&app, "/books", &[]).await.status, 401);
}

#[tokio::test]
async fn scopes_are_all_demanded_and_a_cookie_has_none() {
    let World { issuer, app } = World::new().await;
    for (scope, status) in [
        ("orders:read orders:write", 200),
        ("orders:write x orders:read", 200),
        ("orders:read", 403),
        ("", 403),
        ("orders", 403),
    ] {
        let token = bearer(&issuer.user("kavya").scope(scope).token());
        let answer = send(&app, "POST", "/orders", &[("authorization", &token)]).await;
        assert_eq!(answer.status, status, "{scope}");
        if status == 403 {
            assert!(answer.challenge.unwrap().ends_with(", scope=\"orders:read orders:write\""));
        }
    }
    let cookie = issuer.user("kavya").scope("orders:read orders:write").cookie();
    let headers = [("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
    assert_eq!(send(&app, "POST", "/orders", &headers).await.status, 403);
}

#[tokio::test]
async fn a_login_long_ago_asks_for_another() {
    let World { issuer, app } = World::new().await;
    for (age, status) in [(0, 200), (600, 200), (605, 200), (606, 401)] {
        let token = bearer(&issuer.user("kavya").authenticated_ago(Duration::from_secs(age)).token());
        let answer = send(&app, "POST", "/transfer", &[("authorization", &token)]).await;
        assert_eq!(answer.status, status, "{age}");
        if status == 401 {
            let challenge = answer.challenge.unwrap();
            assert!(challenge.contains("insufficient_user_authentication") && challenge.ends_with("max_age=\"600\""));
        }
    }
    let token = bearer(&issuer.user("kavya").with(|claims| claims.auth_time = None).token());
    assert_eq!(send(&app, "POST", "/transfer", &[("authorization", &token)]).await.status, 401);
}

#[tokio::test]
async fn a_route_may_take_one_kind_of_credential_only() {
    let World { issuer, app } = World::new().await;
    let (token, cookie) = (bearer(&issuer.user("kavya").token()), issuer.user("kavya").cookie());
    let by_token = [("authorization", token.as_str())];
    let by_cookie = [("cookie", cookie.as_str())];
    assert_eq!(ask(&app, "/api", &by_token).await.status, 200);
    assert_eq!(ask(&app, "/api", &by_cookie).await.status, 403);
    assert_eq!(ask(&app, "/page", &by_token).await.status, 403);
    assert_eq!(ask(&app, "/page", &by_cookie).await.status, 200);
}

#[tokio::test]
async fn another_sites_page_changes_nothing_with_a_cookie_but_a_token_may_come_from_anywhere() {
    let World { issuer, app } = World::new().await;
    let cookie = issuer.user("kavya").cookie();
    let post = async |headers: &[(&str, &str)]| send(&app, "POST", "/me", headers).await;
    assert_eq!(post(&[("cookie", &cookie), ("sec-fetch-site", "same-origin")]).await.status, 200);
    assert_eq!(post(&[("cookie", &cookie), ("origin", "http://app.example")]).await.status, 200);
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "http://evil.example"), ("x", "y")] {
        let answer = post(&[("cookie", &cookie), (name, value)]).await;
        assert_eq!((answer.status, &answer.problem()["code"]), (403, &"cross_site".into()), "{name}");
    }
    assert_eq!(issuer.cookie_checks(), 1, "a forged request is not even asked about");
    let token = bearer(&issuer.user("kavya").token());
    assert_eq!(post(&[("authorization", &token), ("sec-fetch-site", "cross-site")]).await.status, 200);
}

#[tokio::test]
async fn pages_of_an_origin_that_is_allowed_by_name_may_change_something() {
    let issuer = TestIssuer::start().await;
    let app = app(&issuer.connect().allow_origin("https://www.example").await.unwrap());
    let cookie = issuer.user("kavya").cookie();
    for (origin, status) in [("https://www.example", 200), ("https://www.example.evil", 403)] {
        let headers = [("cookie", cookie.as_str()), ("origin", origin), ("sec-fetch-site", "cross-site")];
        assert_eq!(send(&app, "POST", "/me", &headers).await.status, status);
    }
}

#[tokio::test]
async fn a_handler_may_demand_a_role_or_scope_by_itself() {
    let issuer = TestIssuer::start().await;
    let handler = async |who: Authenticated| {
        who.require_role("clerk")?;
        who.require_scope("orders:write")?;
        Ok::<_, Rejection>("ordered")
    };
    let app = Router::new().route("/", get(handler)).layer(issuer.verifier().await.provide());
    for (role, scope, code) in [("clerk", "x", "insufficient_scope"), ("reader", "orders:write", "insufficient_role")] {
        let token = bearer(&issuer.user("kavya").role(role).scope(scope).token());
        let answer = ask(&app, "/", &[("authorization", &token)]).await;
        assert_eq!((answer.status, &answer.problem()["code"]), (403, &code.into()));
    }
    let token = bearer(&issuer.user("kavya").role("clerk").scope("orders:write").token());
    assert_eq!(ask(&app, "/", &[("authorization", &token)]).await.body, "ordered");
}

#[tokio::test]
async fn an_inner_verifier_trusts_no_outer_ones_users() {
    let (ours, theirs) = (TestIssuer::start().await, TestIssuer::start().await);
    let (ours_verifier, their_verifier) = (ours.verifier().await, theirs.verifier().await);
    let name = async |who: Authenticated| who.username().to_owned();
    let required = Router::new()
        .route("/", get(name).layer(ours_verifier.require(Policy::new())))
        .layer(their_verifier.require(Policy::new()));
    let provided =
        Router::new().route("/", get(name)).layer(ours_verifier.provide()).layer(their_verifier.require(Policy::new()));
    let token = bearer(&theirs.user("mallory").token());
    for app in [required, provided] {
        assert_eq!(ask(&app, "/", &[("authorization", &token)]).await.status, 401);
    }
}

#[tokio::test]
async fn a_route_without_a_verifier_is_the_applications_fault() {
    let app = Router::new().route("/", get(async |_: Authenticated| ()));
    let answer = ask(&app, "/", &[]).await;
    assert_eq!(answer.status, 500);
    assert!(!answer.body.contains("verifier"), "{}", answer.body);
    assert!(Rejection::NoVerifier.to_string().contains("verifier.provide()"));
}

#[tokio::test]
async fn claims_can_be_read_as_a_type_of_ones_own() {
    #[derive(Deserialize, PartialEq, Debug)]
    struct Mine {
        preferred_username: String,
        roles: Vec<String>,
        aud: Vec<String>,
        tenant: Option<String>,
    }
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    let mine = async |who: Authenticated| format!("{:?}", who.claims_as::<Mine>().unwrap());
    let app = Router::new().route("/", get(mine)).layer(verifier.provide());
    for roles in [&["clerk"][..], &[]] {
        let user = || roles.iter().fold(issuer.user("kavya"), |user, role| user.role(role));
        let (token, cookie) = (bearer(&user().claim("tenant", "north").token()), user().cookie());
        for (header, tenant) in [(("authorization", &*token), Some("north")), (("cookie", &*cookie), None)] {
            let expected = Mine {
                preferred_username: "kavya".to_owned(),
                roles: roles.iter().map(|role| (*role).to_owned()).collect(),
                aud: vec![issuer.url().to_owned()],
                tenant: tenant.map(str::to_owned),
            };
            assert_eq!(ask(&app, "/", &[header]).await.body, format!("{expected:?}"));
        }
    }
}
