//! A verifier that serves on what it hears, from an issuer whose every answer is written by the test.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, Response};
use serde_json::json;
use tower::ServiceExt;
use verifier::feed::{Frame, Frames, Position, Watermark};
use verifier::test_support::TestIssuer;
use verifier::{Clock, Relay, RelayError, Revocation, Verifier};

use crate::support::{METADATA, Odd, metadata, reply};

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
const START: i64 = 1_700_000_000_000;

/// An issuer that tells what it is told to tell; without that it is silent.
pub(crate) struct Scene {
    odd: Odd,
    clock: Clock,
    told: Arc<Mutex<Option<Vec<u8>>>>,
    /// Who signs.
    issuer: TestIssuer,
    has_keys: Arc<AtomicBool>,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        let told = Arc::new(Mutex::new(None::<Vec<u8>>));
        let issuer = TestIssuer::start().await;
        let (telling, jwks, has_keys) = (Arc::clone(&told), issuer.jwks(), Arc::new(AtomicBool::new(true)));
        let publishes = Arc::clone(&has_keys);
        let odd = Odd::start(move |url, path| -> Response<Body> {
            match path {
                METADATA => {
                    let mut metadata = metadata(url);
                    metadata["watchword_revocations_endpoint"] = json!(format!("{url}/revocations"));
                    reply(200, metadata.to_string())
                }
                "/jwks" if publishes.load(Ordering::Acquire) => reply(200, jwks.clone()),
                "/revocations" => match &*telling.lock().unwrap() {
                    Some(bytes) => reply(200, bytes.clone()),
                    None => reply(503, ""),
                },
                _ => reply(404, ""),
            }
        })
        .await;
        let scene = Self { odd, clock: issuer.clock().clone(), told, issuer, has_keys };
        scene.tell(&[], 20, START);
        scene
    }

    /// From now on it answers this.
    fn tell(&self, frames: &[Frame], age_ms: u32, now_ms: i64) {
        let mut bytes = Vec::new();
        let watermark = Watermark { age_ms, now_ms, position: Position::parse("1.db.7:0").unwrap() };
        for frame in frames.iter().chain([&Frame::Watermark(watermark)]) {
            frame.encode(now_ms, &mut bytes);
        }
        *self.told.lock().unwrap() = Some(bytes);
    }

    fn is_silent(&self) {
        *self.told.lock().unwrap() = None;
    }

    /// A token that stands for ten minutes from now.
    fn token(&self) -> String {
        let url = self.odd.url.clone();
        let of_odd = |claims: &mut token::Claims| (claims.iss, claims.aud) = (url.clone(), vec![url]);
        self.issuer.user("kavya").with(of_odd).token()
    }

    pub(crate) async fn verifier(&self) -> Verifier {
        let connect = Verifier::from_issuer(&self.odd.url).follow("wwv_x").clock(self.clock.clone());
        connect.bound(Duration::from_millis(60)).keep_for_relay(100).await.unwrap()
    }
}

/// What a relay answers now: its entries and its watermark.
fn answer(relay: &Relay) -> (Vec<Revocation>, Watermark) {
    let view = relay.verifier().age().unwrap();
    let answer = relay.feed().log().answer(None, 0, 0);
    let (mut frames, mut entries) = (Frames::default(), Vec::new());
    frames.push(&answer.bytes);
    loop {
        match frames.next(0).unwrap() {
            Frame::Entry(entry) => entries.push(entry),
            Frame::Watermark(watermark) => {
                return (entries, Watermark { age_ms: u32::try_from(view.as_millis()).unwrap(), ..watermark });
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn asked(relay: &Relay) -> Watermark {
    let request = Request::get("/revocations").header("authorization", format!("Bearer {SECRET}"));
    let response = relay.router::<()>().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut frames = Frames::default();
    frames.push(&axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap());
    let mut last = None;
    while let Some(frame) = frames.next(0) {
        last = Some(frame);
    }
    let Some(Frame::Watermark(watermark)) = last else { panic!("{last:?}") };
    watermark
}

pub(crate) async fn until(is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_mins(1), "it is not so");
        tokio::task::yield_now().await;
    }
}

fn session(keep_until: i64) -> Revocation {
    Revocation::Session { sid: [7; 16], keep_until }
}

#[tokio::test]
async fn a_relays_ages_add_up_and_its_time_goes_on() {
    let scene = Scene::set().await;
    let relay = scene.verifier().await.relay().unwrap().listener("orders", SECRET).unwrap();
    assert_eq!(asked(&relay).await.age_ms, 20);
    scene.is_silent();
    let silent_since = scene.odd.asked.load(Ordering::Acquire);
    until(async || scene.odd.asked.load(Ordering::Acquire) > silent_since + 2).await;
    scene.clock.advance(Duration::from_millis(700));
    let watermark = asked(&relay).await;
    assert_eq!((watermark.age_ms, watermark.now_ms), (720, START + 700));
}

#[tokio::test]
async fn a_relay_that_is_told_what_it_does_not_know_passes_on_what_it_does_and_grows_old() {
    let scene = Scene::set().await;
    let relay = scene.verifier().await.relay().unwrap();
    scene.tell(&[Frame::Entry(session(START + 60_000))], 20, START);
    // A frame of a type that does not exist.
    scene.told.lock().unwrap().as_mut().unwrap().splice(0..0, [0x70, 0, 1, 9]);
    until(async || answer(&relay).0.len() == 1).await;
    scene.clock.advance(Duration::from_millis(900));
    let asked = scene.odd.asked.load(Ordering::Acquire);
    until(async || scene.odd.asked.load(Ordering::Acquire) > asked + 2).await;
    assert_eq!(answer(&relay).1.age_ms, 920, "no question proves anything");
}

#[tokio::test]
async fn what_a_relay_has_dropped_stays_expired_although_the_issuers_time_was_estimated_too_high() {
    let scene = Scene::set().await;
    let relay = scene.verifier().await.relay().unwrap().listener("orders", SECRET).unwrap();
    scene.tell(&[Frame::Entry(session(START + 60_000))], 0, START);
    until(async || relay.feed().log().len() == 1).await;
    scene.tell(&[], 0, START + 200_000);
    until(async || relay.feed().log().is_empty()).await;
    scene.tell(&[], 0, START + 1_000);
    let asked_so_far = scene.odd.asked.load(Ordering::Acquire);
    until(async || scene.odd.asked.load(Ordering::Acquire) > asked_so_far + 3).await;
    assert!(asked(&relay).await.now_ms >= START + 60_000);
}

#[tokio::test]
async fn whoever_waits_for_a_withdrawal_is_told_when_it_may_have_been_missed() {
    let scene = Scene::set().await;
    let issuer = TestIssuer::start().await;
    let verifier = scene.verifier().await;
    // Of another issuer, but a session all the same.
    let request = Request::get("/").header("authorization", format!("Bearer {}", issuer.user("k").token()));
    let who = issuer.verifier().await.authenticate(&request.body(()).unwrap().into_parts().0).await.unwrap();
    assert_eq!(who.claims().rat, START);
    let waiting = verifier.clone();
    let open = tokio::spawn(async move { waiting.until_withdrawn(&who).await });
    scene.is_silent();
    scene.clock.advance(Duration::from_secs(899));
    let asked = scene.odd.asked.load(Ordering::Acquire);
    until(async || scene.odd.asked.load(Ordering::Acquire) > asked + 2).await;
    assert!(!open.is_finished(), "an entry would still be told");
    scene.clock.advance(Duration::from_secs(2));
    tokio::time::timeout(Duration::from_mins(1), open).await.unwrap().unwrap();
}

#[tokio::test]
async fn whoever_slept_through_a_withdrawal_is_told_so_by_the_first_answer() {
    let scene = Scene::set().await;
    let issuer = TestIssuer::start().await;
    let verifier = scene.verifier().await;
    let who = |token: String| {
        let request = Request::get("/").header("authorization", format!("Bearer {token}"));
        request.body(()).unwrap().into_parts().0
    };
    let of_issuer = issuer.verifier().await;
    let before = of_issuer.authenticate(&who(issuer.user("k").token())).await.unwrap();
    issuer.clock().advance(Duration::from_secs(1_000));
    let after = of_issuer.authenticate(&who(issuer.user("k").token())).await.unwrap();
    // Nothing fails: the whole process stood still, and then goes on.
    scene.tell(&[], 0, START + 1_000_000);
    scene.clock.advance(Duration::from_secs(1_000));
    tokio::time::timeout(Duration::from_mins(1), verifier.until_withdrawn(&before)).await.unwrap();
    let goes_on = tokio::time::timeout(Duration::from_millis(300), verifier.until_withdrawn(&after)).await;
    assert!(goes_on.is_err(), "its session was read after the silence");
}

#[tokio::test]
async fn a_withdrawn_key_counts_for_nothing_although_the_issuer_tells_of_it_no_more_and_a_cache_still_has_it() {
    let scene = Scene::set().await;
    let verifier = scene.verifier().await;
    assert!(verifier.verify(&scene.token()).await.is_ok());
    let relay = verifier.relay().unwrap();
    assert!(relay.keys().await.is_some());
    let kid = token::inspect(&scene.token()).unwrap().header["kid"].as_str().unwrap().to_owned();
    scene.tell(&[Frame::Entry(Revocation::Key { kid, keep_until: START + 990_000 })], 0, START);
    until(async || verifier.verify(&scene.token()).await.is_err()).await;
    assert!(relay.keys().await.is_none(), "it may be one of these");
    for minutes in 1..7 {
        scene.clock.advance(Duration::from_mins(10));
        scene.tell(&[], 0, START + minutes * 600_000);
        until(async || verifier.age().unwrap() < Duration::from_secs(1)).await;
        let code = verifier.verify(&scene.token()).await.map_err(|rejection| rejection.code());
        assert_eq!(code.map(drop), Err("revoked"), "after {minutes} times ten minutes");
    }
    // They are asked for anew, for which nobody waits long.
    until(async || relay.keys().await.is_some()).await;
}

#[tokio::test]
async fn after_a_silence_in_which_a_key_may_have_been_withdrawn_and_forgotten_keys_are_fetched_before_anybody_is_admitted()
 {
    let scene = Scene::set().await;
    let verifier = scene.verifier().await;
    assert!(verifier.verify(&scene.token()).await.is_ok());
    scene.has_keys.store(false, Ordering::Release);
    scene.clock.advance(Duration::from_secs(1_000));
    scene.tell(&[], 0, START + 1_000_000);
    until(async || verifier.age().unwrap() < Duration::from_secs(1)).await;
    assert_eq!(verifier.verify(&scene.token()).await.unwrap_err().code(), "unavailable");
    scene.has_keys.store(true, Ordering::Release);
    scene.clock.advance(Duration::from_secs(5));
    scene.tell(&[], 0, START + 1_005_000);
    until(async || verifier.verify(&scene.token()).await.is_ok()).await;
}

#[tokio::test]
async fn a_relay_that_was_cut_off_hands_out_no_keys_before_it_hears_again_what_was_withdrawn() {
    let scene = Scene::set().await;
    let relay = scene.verifier().await.relay().unwrap();
    assert!(relay.keys().await.is_some());
    scene.is_silent();
    scene.clock.advance(Duration::from_secs(1_000));
    assert!(relay.keys().await.is_none(), "they were just fetched, but one may have been withdrawn and that forgotten");
    scene.tell(&[], 0, START + 1_000_000);
    until(async || relay.keys().await.is_some()).await;
}

#[tokio::test]
async fn behind_a_relay_that_is_itself_cut_off_keys_are_fetched_once_when_it_hears_again() {
    let scene = Scene::set().await;
    let verifier = scene.verifier().await;
    scene.clock.advance(Duration::from_secs(1_000));
    scene.tell(&[], 1_000_000, START + 1_000_000);
    let asked = scene.odd.asked.load(Ordering::Acquire);
    until(async || scene.odd.asked.load(Ordering::Acquire) > asked + 6).await;
    scene.has_keys.store(false, Ordering::Release);
    let code = verifier.verify(&scene.token()).await.unwrap_err().code();
    assert_eq!(code, "stale", "the keys are no more doubtful than before");
    scene.tell(&[], 0, START + 1_000_000);
    until(async || verifier.age().unwrap() < Duration::from_secs(1)).await;
    assert_eq!(verifier.verify(&scene.token()).await.unwrap_err().code(), "unavailable");
}

#[tokio::test]
async fn a_verifier_that_is_dropped_asks_nothing_more() {
    let scene = Scene::set().await;
    let verifier = scene.verifier().await;
    let asked = || scene.odd.asked.load(Ordering::Acquire);
    until(async || asked() > 20).await;
    drop(verifier);
    let under_way = 2;
    let last = asked() + under_way;
    let goes_on = tokio::time::timeout(Duration::from_secs(1), until(async || asked() > last)).await;
    assert!(goes_on.is_err(), "{} more", asked() - last);
}

#[tokio::test]
async fn only_a_secret_that_cannot_be_guessed_lets_anybody_in() {
    let scene = Scene::set().await;
    let relay = scene.verifier().await.relay().unwrap();
    assert_eq!(relay.clone().listener("orders", "short").unwrap_err(), RelayError::Secret);
    assert_eq!(relay.clone().listener("a b", SECRET).unwrap_err(), RelayError::Name);
    let headers = |shown: &str| {
        let request = Request::get("/").header("authorization", shown);
        request.body(()).unwrap().into_parts().0.headers
    };
    assert_eq!(relay.admits(&headers(&format!("Bearer {SECRET}"))), None, "nobody was named");
    let relay = relay.listener("orders", SECRET).unwrap().admit(|shown| (shown == "ours").then(|| "shop".to_owned()));
    assert_eq!(relay.admits(&headers(&format!("bearer {SECRET}"))).as_deref(), Some("orders"));
    assert_eq!(relay.admits(&headers("Bearer ours")).as_deref(), Some("shop"));
    for shown in ["Bearer", "Bearer ", "Basic ours", &format!("Bearer {SECRET}x"), &format!("Bearer {}", &SECRET[1..])]
    {
        assert_eq!(relay.admits(&headers(shown)), None, "{shown}");
    }
    let mut twice = headers("Bearer ours");
    twice.append("authorization", "Bearer ours".parse().unwrap());
    assert_eq!(relay.admits(&twice), None);
}
