//! Long answers of a relay: how many are on their way, and to whom.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;
use tower::ServiceExt;
use verifier::feed::Seen;
use verifier::{Relay, Revocation};

use crate::relaying::{SECRET, Scene, until};

const OTHER: &str = "fedcba9876543210fedcba9876543210";

/// Has so many entries that an answer is a long one.
fn fill(relay: &Relay, entries: u64) {
    let entry = |number: u64| {
        let sid = u128::from(number).to_be_bytes();
        (number, Revocation::Session { sid, keep_until: i64::MAX })
    };
    relay.feed().extend((0..entries).map(entry).collect(), "test", Seen::below(entries));
}

#[tokio::test]
async fn a_relay_sends_only_so_many_long_answers_at_a_time_and_short_ones_always() {
    let scene = Scene::set().await;
    let relay = scene.verifier().await.relay().unwrap().listener("orders", SECRET).unwrap();
    let relay = relay.listener("shop", OTHER).unwrap();
    fill(&relay, 10_001);
    let router = relay.router::<()>();
    let send = async |secret: &str, path: &str| {
        let request = Request::get(path).header("authorization", format!("Bearer {secret}"));
        router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    let mut on_their_way = Vec::new();
    for (secret, places) in [(SECRET, 6), (OTHER, 2)] {
        for path in ["/revocations", "/revocations/stream"].into_iter().cycle().take(places) {
            let response = send(secret, path).await;
            assert_eq!(response.status(), 200);
            on_their_way.push(response);
        }
        for path in ["/revocations", "/revocations/stream?position=made-up"] {
            let response = send(secret, path).await;
            assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
        }
    }
    let latest = Seen::below(10_001).position("test");
    assert_eq!(send(SECRET, &format!("/revocations?position={}", latest.as_str())).await.status(), 200);
    let whole = axum::body::to_bytes(on_their_way.remove(0).into_body(), usize::MAX).await.unwrap();
    assert!(whole.len() > 200_000, "{}", whole.len());
    assert_eq!(send(SECRET, "/revocations").await.status(), 200, "there is a place again");
}

#[tokio::test]
async fn what_comes_while_a_question_is_held_back_is_a_long_answer_too() {
    let scene = Scene::set().await;
    let relay = scene.verifier().await.relay().unwrap().listener("orders", SECRET).unwrap();
    fill(&relay, 1);
    let router = relay.router::<()>();
    let send = |query: &str| {
        let request = Request::get(format!("/revocations{query}")).header("authorization", format!("Bearer {SECRET}"));
        router.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    let latest = Seen::below(1).position("test");
    let mut held_back = std::pin::pin!(send(&format!("?wait=25000&position={}", latest.as_str())));
    assert!(timeout(Duration::ZERO, &mut held_back).await.is_err(), "there is nothing to tell");
    fill(&relay, 10_002);
    let mut on_their_way = Vec::new();
    for _ in 0..6 {
        on_their_way.push(send("").await.unwrap());
    }
    assert_eq!(held_back.await.unwrap().status(), 503);
}

#[tokio::test]
async fn whoever_reads_nothing_keeps_six_of_eight_places_at_most_and_others_are_answered() {
    let scene = Scene::set().await;
    let relay = scene.verifier().await.relay().unwrap().listener("slow", SECRET).unwrap();
    let relay = relay.listener("orders", OTHER).unwrap();
    // More than the server and the system hold for a socket that is not read.
    fill(&relay, 60_000);
    let socket = || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(4_096).unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        socket
    };
    let listening = socket();
    listening.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listening.listen(64).unwrap();
    let address = listener.local_addr().unwrap();
    let router = relay.router::<()>();
    tokio::spawn(async move { axum::serve(listener, router).await });
    // What is read of it is the status, and no more.
    let ask = async |secret: &str| {
        let mut socket = socket().connect(address).await.unwrap();
        let question = format!("GET /revocations HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {secret}\r\n\r\n");
        socket.write_all(question.as_bytes()).await.unwrap();
        let mut status = [0; "HTTP/1.1 200".len()];
        socket.read_exact(&mut status).await.unwrap();
        (String::from_utf8(status.to_vec()).unwrap(), socket)
    };
    let mut unread = Vec::new();
    for number in 0..8 {
        let (status, socket) = ask(SECRET).await;
        assert_eq!(status, if number < 6 { "HTTP/1.1 200" } else { "HTTP/1.1 503" }, "{number}");
        unread.push(socket);
    }
    assert_eq!(ask(OTHER).await.0, "HTTP/1.1 200");
    drop(unread);
    until(async || ask(SECRET).await.0 == "HTTP/1.1 200").await;
}
