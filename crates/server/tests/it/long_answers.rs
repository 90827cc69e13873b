//! Long answers of the revocation feed: how many are on their way, and to whom.

use axum::http::StatusCode;
use domain::Span;
use http_body_util::BodyExt;
use verifier::Revocation;
use verifier::feed::Seen;

use crate::revocation_feed::{Answer, Follower};
use crate::support::TestServer;

/// Has so many entries to tell of.
fn fill(server: &TestServer, entries: u64) {
    let entry = |number: u64| {
        let mut sid = [0; 16];
        sid[..8].copy_from_slice(&number.to_be_bytes());
        (number, Revocation::Session { sid, keep_until: i64::MAX })
    };
    server.app.memory.feed().extend((0..entries).map(entry).collect(), "test", Seen::below(entries));
}

#[tokio::test]
async fn only_so_many_long_answers_are_on_their_way_at_a_time_and_short_ones_always_are() {
    let server = TestServer::start().await;
    let _other = server.beside("").await;
    let follower = Follower::of(&server).await;
    fill(&server, 10_001);
    let mut on_their_way = Vec::new();
    // Whoever comes with a position that cannot be placed is told everything, too.
    let questions =
        ["/revocations", "/revocations/stream", "/revocations?position=made-up", "/revocations?position=1.test.0:0"];
    let (other, third) = (Follower::named("shop", &server).await, Follower::named("stock", &server).await);
    for (follower, places) in [(&follower, 6), (&other, 2)] {
        for question in questions.into_iter().cycle().take(places) {
            let response = follower.send(question).await;
            assert_eq!(response.status(), StatusCode::OK);
            on_their_way.push(response);
        }
        for question in questions {
            let response = follower.send(question).await;
            assert_eq!(
                (response.status(), &response.headers()["retry-after"]),
                (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().unwrap())
            );
        }
    }
    assert_eq!(third.send("/revocations").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.claim_failures().len(), 9);
    let latest = Seen::below(10_001).position("test");
    assert_eq!(follower.ask(&format!("?position={}", latest.as_str())).await.entries, []);

    let whole = on_their_way.remove(0).into_body().collect().await.unwrap().to_bytes();
    assert_eq!(Answer::read(&whole, 0).entries.len(), 10_001);
    let mut stream = follower.send("/revocations/stream").await.into_body();
    assert_eq!(follower.send("/revocations").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    for _ in 0..5 {
        // What is long is in four parts, and the last of them has been taken once the next is asked for.
        stream.frame().await.unwrap().unwrap();
    }
    assert_eq!(follower.send("/revocations").await.status(), StatusCode::OK);
    server.claim_failures();
}

#[tokio::test]
async fn what_comes_while_a_question_is_held_back_is_counted_when_it_is_answered() {
    let server = TestServer::start().await;
    let _other = server.beside("").await;
    let follower = Follower::of(&server).await;
    fill(&server, 1);
    let question = format!("/revocations?wait=25000&bound=77000&position={}", Seen::below(1).position("test").as_str());
    let (held_back, others) = tokio::join!(follower.send(&question), async {
        while server.app.listeners.longest_bound(Span(0), server.app.clock.now()) != Span(77_000) {
            tokio::task::yield_now().await;
        }
        fill(&server, 10_002);
        let mut others = Vec::new();
        for _ in 0..6 {
            others.push(follower.send("/revocations").await);
        }
        others
    });
    let answered = others.iter().filter(|response| response.status() == StatusCode::OK).count();
    let answered = answered + usize::from(held_back.status() == StatusCode::OK);
    assert_eq!((answered, server.claim_failures().len()), (6, 1));
}
