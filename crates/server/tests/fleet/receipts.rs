//! Waiting for those who follow the revocations, whichever node they ask and whichever ends the session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use verifier::feed::{Frame, Frames, Position};

use crate::support::{Front, SOON};

/// Follows the revocations for ever, each time by another node, as a process of this name. With its bound no stall of this machine
/// makes it late.
async fn follow(front: Arc<Front>, credential: String, name: &'static str) {
    let mut position: Option<Position> = None;
    loop {
        let since = position.map(|position| format!("&position={}", position.as_str())).unwrap_or_default();
        let request = Request::get(format!("/revocations?wait=10000&bound=20000&name={name}{since}"))
            .header(header::AUTHORIZATION, format!("Bearer {credential}"))
            .body(Body::empty())
            .unwrap();
        let response = front.send(request, ([192, 0, 2, 7], 40_000).into()).await;
        assert_eq!(response.status(), StatusCode::OK);
        position = None;
        let mut frames = Frames::default();
        frames.push(&response.into_body().collect().await.unwrap().to_bytes());
        while let Some(frame) = frames.next(0) {
            if let Frame::Watermark(watermark) = frame {
                position = Some(watermark.position);
            }
        }
    }
}

#[tokio::test]
async fn a_logout_on_any_node_waits_for_verifiers_that_ask_all_of_them() {
    let front = Front::start(2, "").await;
    front.fleet.add_user("kavya");
    let added = front.fleet.run(&["verifier", "add", "orders", "--json"], "");
    let added: serde_json::Value = serde_json::from_str(&added).unwrap();
    let credential = added["credential"].as_str().unwrap();
    let following: Vec<_> =
        ["a", "b"].map(|name| tokio::spawn(follow(Arc::clone(&front), credential.to_owned(), name))).into();
    let log_out = async || {
        let tokens = front.client().login("kavya").await;
        let began = Instant::now();
        let reply = front.client().with(&tokens).post("/logout?wait=all").await.json();
        (reply, began.elapsed())
    };
    let begun = Instant::now();
    while log_out().await.0["verifiers"].as_array().unwrap().len() < 2 {
        assert!(begun.elapsed() < SOON, "both follow");
    }
    let mut delays = Vec::new();
    for _ in 0..ROUNDS {
        let (reply, delay) = log_out().await;
        assert_eq!((reply["late"].as_i64(), reply["verifiers"].as_array().unwrap().len()), (Some(0), 2), "{reply}");
        delays.push(delay);
    }
    delays.sort();
    let (half, most) = (delays[ROUNDS / 2], delays[ROUNDS - 1]);
    println!("answered once both refuse: after {half:?} (p50), {most:?} (max of {ROUNDS})");
    // Half of what a question waits that hears of nothing.
    assert!(half < Duration::from_secs(5), "{delays:?}");
    for task in following {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
}

const ROUNDS: usize = 20;
