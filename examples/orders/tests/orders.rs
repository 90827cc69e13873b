//! Who may do what with orders, tested without a server.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;
use verifier::test_support::TestIssuer;

struct World {
    issuer: TestIssuer,
    app: Router,
}

impl World {
    async fn new() -> Self {
        let issuer = TestIssuer::start().await;
        let app = orders::app(&issuer.verifier().await);
        Self { issuer, app }
    }

    async fn get(&self, path: &str, (name, value): (&str, &str)) -> (StatusCode, Value) {
        self.send(Request::get(path).header(name, value).body(Body::empty()).unwrap()).await
    }

    async fn order(&self, item: &str, (name, value): (&str, &str)) -> StatusCode {
        let request = Request::post("/orders")
            .header(name, value)
            .header("content-type", "application/json")
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(json!({ "item": item }).to_string()));
        self.send(request.unwrap()).await.0
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}

#[tokio::test]
async fn everybody_sees_their_own_orders_by_whichever_credential() {
    let world = World::new().await;
    let token = format!("Bearer {}", world.issuer.user("kavya").token());
    let kavya_in_a_browser = world.issuer.user("kavya").cookie();
    let arjun = world.issuer.user("arjun").cookie();
    assert_eq!(world.order("tea", ("authorization", &token)).await, 201);
    assert_eq!(world.order("cake", ("cookie", &kavya_in_a_browser)).await, 201);
    assert_eq!(world.order("ink", ("cookie", &arjun)).await, 201);
    for credential in [("authorization", token.as_str()), ("cookie", kavya_in_a_browser.as_str())] {
        let (status, orders) = world.get("/orders", credential).await;
        assert_eq!(
            (status, &orders[0]["item"], &orders[1]["item"], &orders[2]),
            (StatusCode::OK, &json!("tea"), &json!("cake"), &Value::Null)
        );
    }
}

#[tokio::test]
async fn strangers_order_nothing() {
    let world = World::new().await;
    let forged = format!("Bearer {}", world.issuer.user("kavya").token_of_a_stranger());
    assert_eq!(world.order("tea", ("authorization", &forged)).await, 401);
    assert_eq!(world.order("tea", ("x", "y")).await, 401);
}

#[tokio::test]
async fn only_administrators_see_all() {
    let world = World::new().await;
    let (admin, kavya) = (world.issuer.user("mira").role("admin").cookie(), world.issuer.user("kavya").cookie());
    world.order("tea", ("cookie", &kavya)).await;
    assert_eq!(world.get("/all", ("cookie", &admin)).await.1.as_array().unwrap().len(), 1);
    assert_eq!(world.get("/all", ("cookie", &kavya)).await.0, 403);
    assert_eq!(world.get("/all", ("x", "y")).await.0, 401);
}
