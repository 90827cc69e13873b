//! Questions to an issuer whose answers take their time, or come too soon.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::Response;
use futures_util::stream::unfold;
use serde_json::json;
use tokio::time::{interval, timeout};
use verifier::feed::{Frame, Position, Watermark};
use verifier::test_support::TestIssuer;
use verifier::{Connect, Revocation, Revoked, Verifier};

use crate::support::{METADATA, Odd, metadata, reply};

/// An issuer that has no streams, and whose `n`th answer to a question is as given.
async fn issuer(answer: impl Fn(usize) -> Response<Body> + Clone + Send + Sync + 'static) -> (Odd, Arc<AtomicUsize>) {
    let (jwks, questions) = (TestIssuer::start().await.jwks(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&questions);
    let odd = Odd::start(move |url, path| match path {
        METADATA => {
            let mut metadata = metadata(url);
            metadata["watchword_revocations_endpoint"] = json!(format!("{url}/revocations"));
            reply(200, metadata.to_string())
        }
        "/jwks" => reply(200, jwks.clone()),
        "/revocations" => answer(counter.fetch_add(1, Ordering::AcqRel)),
        _ => reply(404, ""),
    });
    (odd.await, questions)
}

fn follow(odd: &Odd, bound: Duration) -> Connect {
    Verifier::from_issuer(&odd.url).follow("wwv_x").bound(bound)
}

/// An answer that tells of so many sessions.
fn answer(sessions: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for sid in 0..sessions {
        let keep_until = 900_000;
        Frame::Entry(Revocation::Session { sid: [sid; 16], keep_until }).encode(0, &mut bytes);
    }
    let position = Position::parse("1.db.7:0").unwrap();
    Frame::Watermark(Watermark { age_ms: 0, now_ms: 0, position }).encode(0, &mut bytes);
    bytes
}

async fn until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(1), "it is not so");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_first_answer_that_is_cut_off_is_asked_for_again() {
    let (odd, questions) = issuer(|count| {
        let mut bytes = answer(1);
        bytes.truncate(if count == 0 { 9 } else { bytes.len() });
        reply(200, bytes)
    })
    .await;
    let verifier = follow(&odd, Duration::from_mins(1)).await.unwrap();
    assert!(verifier.age().is_some());
    assert!(questions.load(Ordering::Acquire) >= 2);
}

#[tokio::test]
async fn an_answer_that_takes_longer_than_the_pace_is_heard_to_its_end() {
    // Ten parts, each well within the pace of a second, all of them beyond it.
    let slowly = |count| {
        let bytes = Bytes::from(answer(40));
        let part = bytes.len().div_ceil(10);
        let parts = unfold((bytes, interval(Duration::from_millis(200))), move |(mut bytes, mut pace)| async move {
            pace.tick().await;
            let next = bytes.split_to(part.min(bytes.len()));
            (!next.is_empty()).then_some((Ok::<_, Infallible>(next), (bytes, pace)))
        });
        if count == 0 { reply(200, answer(0)) } else { reply(200, Body::from_stream(parts)) }
    };
    let (odd, _) = issuer(slowly).await;
    let verifier = follow(&odd, Duration::from_secs(3)).await.unwrap();
    until(|| verifier.checker().revoked().len() == 40).await;
}

#[tokio::test]
async fn answers_that_say_the_same_at_once_are_asked_for_at_the_pace_where_streams_are_held_back() {
    let (odd, questions) = issuer(|_| reply(200, answer(3))).await;
    let _verifier = follow(&odd, Duration::from_secs(3)).await.unwrap();
    let asked = || questions.load(Ordering::Acquire);
    // One without a position, one at each pace, and one that would have waited.
    until(|| asked() >= 4).await;
    let many = asked() + 10;
    let goes_on = timeout(Duration::from_secs(2), until(|| asked() > many)).await;
    assert!(goes_on.is_err(), "a loop");
}

#[tokio::test]
async fn what_a_full_set_has_no_room_for_is_no_news_each_time_it_is_told() {
    let is_full = Arc::new(AtomicBool::new(false));
    let tells = Arc::clone(&is_full);
    let (odd, questions) = issuer(move |_| reply(200, answer(if tells.load(Ordering::Acquire) { 3 } else { 0 }))).await;
    let verifier = follow(&odd, Duration::from_secs(3)).await.unwrap();
    let revoked = verifier.checker().revoked();
    for number in 0..Revoked::CAPACITY as u128 {
        let sid = (number | 1 << 127).to_be_bytes();
        revoked.insert(&Revocation::Session { sid, keep_until: i64::MAX }, 0);
    }
    is_full.store(true, Ordering::Release);
    let asked = || questions.load(Ordering::Acquire);
    until(|| revoked.floor().is_some()).await;
    let many = asked() + 10;
    let goes_on = timeout(Duration::from_secs(2), until(|| asked() > many)).await;
    assert!(goes_on.is_err(), "a loop");
}

#[tokio::test]
async fn no_question_waits_longer_than_an_issuer_holds_an_answer_back() {
    let (jwks, waits) = (TestIssuer::start().await.jwks(), Arc::new(Mutex::new(Vec::new())));
    let asked = Arc::clone(&waits);
    let odd = Odd::hearing(move |url, uri| match uri.path() {
        METADATA => {
            let mut metadata = metadata(url);
            metadata["watchword_revocations_endpoint"] = json!(format!("{url}/revocations"));
            reply(200, metadata.to_string())
        }
        "/jwks" => reply(200, jwks.clone()),
        "/revocations" => {
            let wait = uri.query().unwrap().split('&').find_map(|pair| pair.strip_prefix("wait=")).unwrap();
            asked.lock().unwrap().push(wait.parse::<u32>().unwrap());
            reply(200, answer(3))
        }
        _ => reply(404, ""),
    });
    let odd = odd.await;
    let _verifier = follow(&odd, Duration::from_hours(1)).await.unwrap();
    until(|| waits.lock().unwrap().len() == 3).await;
    assert_eq!(*waits.lock().unwrap(), [0, 0, 25_000]);
}
