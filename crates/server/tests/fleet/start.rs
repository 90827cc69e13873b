//! Many nodes that start at the same moment on an empty database.

use axum::http::StatusCode;

use crate::flows::link;
use crate::support::Front;

#[tokio::test]
async fn ten_nodes_that_start_at_once_on_an_empty_database_serve_with_one_set_of_keys_and_one_set_up_link() {
    let front = Front::start(10, "").await;
    let nodes = front.nodes();
    let published = nodes[0].client().get("/.well-known/jwks.json").await.json();
    assert_eq!(published["keys"].as_array().unwrap().len(), 1, "{published}");
    for node in &nodes {
        assert_eq!(node.client().get("/health/ready").await.status, StatusCode::OK);
        assert_eq!(node.client().get("/.well-known/jwks.json").await.json(), published);
    }
    let counts = "select (select count(*) from signing_keys), (select count(*) from sealed_secrets),
        (select count(*) from setup_offers)";
    assert_eq!(front.fleet.cell(counts), "1|1|1");
    let link = link(&front);
    for node in &nodes {
        assert_eq!(node.client().get(&link).await.status, StatusCode::OK);
    }

    front.fleet.add_user("kavya");
    for node in &nodes {
        let (cookie, tokens) = node.client().login_both("kavya").await;
        let tokens = front.client().refresh(&tokens).await.json();
        for other in &nodes {
            assert_eq!(other.client().cookie(&cookie).get("/dashboard").await.status, StatusCode::OK);
            assert_eq!(other.client().with(&tokens).get("/dashboard").await.status, StatusCode::OK);
        }
    }
}
