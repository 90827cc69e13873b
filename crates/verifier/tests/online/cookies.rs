//! Cookies: asked about, remembered for seconds, forgotten with their session.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use verifier::test_support::TestIssuer;
use verifier::{Revocation, Verifier};

use crate::support::{METADATA, Odd, metadata, reply};

const SECOND: Duration = Duration::from_secs(1);

fn value(cookie: &str) -> &str {
    cookie.strip_prefix("session=").unwrap()
}

#[tokio::test]
async fn a_cookie_says_what_a_token_of_its_session_would() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    let cookie = issuer.user("kavya").role("clerk").with(|claims| claims.sid = [7; 16]).cookie();
    let by_cookie = verifier.verify_cookie(value(&cookie)).await.unwrap();
    let token = issuer.user("kavya").role("clerk").with(|claims| claims.sid = [7; 16]).token();
    let by_token = verifier.verify(&token).await.unwrap();
    let all = |claims: &token::Claims| {
        let claims = claims.clone();
        (
            claims.iss,
            claims.sub,
            claims.aud,
            claims.exp,
            claims.sid,
            claims.roles,
            claims.auth_time,
            claims.amr,
            claims.rat,
        )
    };
    assert_eq!(all(&by_cookie), all(&by_token));
    assert_eq!(by_cookie.preferred_username, by_token.preferred_username);
}

#[tokio::test]
async fn a_logout_is_noticed_within_five_seconds() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    let cookie = issuer.user("kavya").cookie();
    verifier.verify_cookie(value(&cookie)).await.unwrap();
    issuer.end(&cookie);
    issuer.clock().advance(Duration::from_millis(4_999));
    verifier.verify_cookie(value(&cookie)).await.unwrap();
    assert_eq!(issuer.cookie_checks(), 1);
    issuer.clock().advance(Duration::from_millis(1));
    for _ in 0..2 {
        assert_eq!(verifier.verify_cookie(value(&cookie)).await.unwrap_err().code(), "ended");
    }
    assert_eq!(issuer.cookie_checks(), 2, "what opens nothing is remembered too");
}

#[tokio::test]
async fn an_application_may_have_every_cookie_asked_about_every_time() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.connect().cookies_fresh_for(Duration::ZERO).await.unwrap();
    let cookie = issuer.user("kavya").cookie();
    verifier.verify_cookie(value(&cookie)).await.unwrap();
    issuer.clock().advance(Duration::from_millis(1));
    verifier.verify_cookie(value(&cookie)).await.unwrap();
    issuer.end(&cookie);
    issuer.clock().advance(Duration::from_millis(1));
    assert_eq!(verifier.verify_cookie(value(&cookie)).await.unwrap_err().code(), "ended");
}

#[tokio::test]
async fn a_revocation_ends_a_remembered_cookie_at_once() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    let cookie = issuer.user("kavya").cookie();
    let sid = verifier.verify_cookie(value(&cookie)).await.unwrap().sid;
    let now_ms = issuer.clock().now_ms();
    verifier.checker().revoked().insert(&Revocation::Session { sid, keep_until: now_ms + 900_000 }, now_ms);
    assert_eq!(verifier.verify_cookie(value(&cookie)).await.unwrap_err().code(), "ended");
}

#[tokio::test]
async fn a_raised_epoch_ends_a_remembered_cookie_at_once() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    let now_ms = issuer.clock().now_ms();
    for (uep, admits) in [(3, false), (4, true)] {
        let cookie = issuer.user("kavya").with(|claims| claims.uep = uep).cookie();
        let user = verifier.verify_cookie(value(&cookie)).await.unwrap().user().unwrap();
        let raised = Revocation::Epoch { user, epoch: 4, keep_until: now_ms + 900_000 };
        verifier.checker().revoked().insert(&raised, now_ms);
        assert_eq!(verifier.verify_cookie(value(&cookie)).await.is_ok(), admits);
    }
    assert_eq!(issuer.cookie_checks(), 3, "the session might go on with other roles");
}

#[tokio::test]
async fn a_cookie_may_be_believed_for_ever() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.connect().cookies_fresh_for(Duration::MAX).await.unwrap();
    let cookie = issuer.user("kavya").cookie();
    verifier.verify_cookie(value(&cookie)).await.unwrap();
    issuer.clock().advance(599 * SECOND);
    verifier.verify_cookie(value(&cookie)).await.unwrap();
    assert_eq!(issuer.cookie_checks(), 1);
}

#[tokio::test]
async fn a_cookie_that_the_issuer_will_not_look_at_silences_no_other() {
    let issuer = TestIssuer::start().await;
    let (jwks, asked) = (issuer.jwks(), Arc::new(AtomicUsize::new(0)));
    let odd = Odd::start(move |url, path| match path {
        METADATA => {
            let mut metadata = metadata(url);
            metadata["watchword_session_endpoint"] = json!(format!("{url}/session"));
            metadata["watchword_session_cookie"] = json!("session");
            reply(200, metadata.to_string())
        }
        "/session" => reply([403, 429, 401][asked.fetch_add(1, Ordering::AcqRel) % 3], ""),
        _ => reply(200, jwks.clone()),
    })
    .await;
    let verifier = Verifier::from_issuer(&odd.url).await.unwrap();
    for (value, code) in [("a", "unavailable"), ("b", "unavailable"), ("c", "ended")] {
        assert_eq!(verifier.verify_cookie(value).await.unwrap_err().code(), code);
    }
}

/// Until an issuer that does not answer was asked about so many cookies; false if that took so long that who asked has given up.
async fn asked(issuer: &TestIssuer, count: usize, began: Instant) -> bool {
    while issuer.cookie_checks() < count && is_patient(began) {
        tokio::task::yield_now().await;
    }
    is_patient(began)
}

/// An answer is waited for two seconds. Where this test itself stood still for so long, it is done again.
fn is_patient(began: Instant) -> bool {
    began.elapsed() < Duration::from_millis(1_800)
}

/// Tries until a trial was not held up.
async fn unhindered(trial: impl AsyncFn() -> Option<()>) {
    for _ in 0..30 {
        if trial().await.is_some() {
            return;
        }
    }
    panic!("every trial was held up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_up_cookies_take_no_place_from_those_who_are_logged_in() {
    unhindered(made_up_cookies_beside_a_known_one).await;
}

async fn made_up_cookies_beside_a_known_one() -> Option<()> {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    let cookie = issuer.user("kavya").cookie();
    verifier.verify_cookie(value(&cookie)).await.unwrap();
    issuer.clock().advance(5 * SECOND);
    issuer.set_hanging(true);
    let began = Instant::now();
    let strangers: Vec<_> = (0..64)
        .map(|n| {
            let verifier = verifier.clone();
            tokio::spawn(async move { verifier.verify_cookie(&format!("stranger{n}")).await.is_ok() })
        })
        .collect();
    if !asked(&issuer, 33, began).await {
        return None;
    }
    let known = tokio::spawn({
        let (verifier, cookie) = (verifier.clone(), cookie.clone());
        async move { verifier.verify_cookie(value(&cookie)).await.is_ok() }
    });
    let is_asked = asked(&issuer, 34, began).await;
    issuer.set_hanging(false);
    let admits = known.await.unwrap();
    if !is_asked || (!admits && !is_patient(began)) {
        return None;
    }
    assert!(admits);
    for stranger in strangers {
        assert!(!stranger.await.unwrap());
    }
    Some(())
}

#[tokio::test]
async fn whoever_leaves_while_a_cookie_is_asked_about_costs_no_second_question() {
    unhindered(twenty_leave_while_a_cookie_is_asked_about).await;
}

async fn twenty_leave_while_a_cookie_is_asked_about() -> Option<()> {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    let cookie = issuer.user("kavya").cookie();
    issuer.set_hanging(true);
    let began = Instant::now();
    for _ in 0..20 {
        let mut checking = Box::pin(verifier.verify_cookie(value(&cookie)));
        tokio::select! {
            biased;
            outcome = &mut checking => {
                assert!(!is_patient(began), "{outcome:?}");
                return None;
            }
            _ = asked(&issuer, 1, began) => {}
        }
    }
    issuer.set_hanging(false);
    let outcome = verifier.verify_cookie(value(&cookie)).await;
    if !is_patient(began) {
        return None;
    }
    outcome.unwrap();
    assert_eq!(issuer.cookie_checks(), 1);
    Some(())
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_not_waited_for_beyond_two_seconds() {
    // A busy machine adds to that, but not every time.
    unhindered(async || {
        let issuer = TestIssuer::start().await;
        let verifier = issuer.verifier().await;
        let cookie = issuer.user("kavya").cookie();
        issuer.set_hanging(true);
        let begun = Instant::now();
        assert_eq!(verifier.verify_cookie(value(&cookie)).await.unwrap_err().code(), "unavailable");
        (begun.elapsed() < Duration::from_secs(4)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_at_its_time_although_its_cookie_is_remembered() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.connect().cookies_fresh_for(3_600 * SECOND).await.unwrap();
    let cookie = issuer.user("kavya").expires_in(60 * SECOND).cookie();
    verifier.verify_cookie(value(&cookie)).await.unwrap();
    issuer.clock().advance(60 * SECOND);
    assert_eq!(verifier.verify_cookie(value(&cookie)).await.unwrap_err().code(), "ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_one_cookie_asks_once() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    let cookie = issuer.user("kavya").cookie();
    let all: Vec<_> = (0..50)
        .map(|_| {
            let (verifier, cookie) = (verifier.clone(), cookie.clone());
            tokio::spawn(async move { verifier.verify_cookie(value(&cookie)).await.is_ok() })
        })
        .collect();
    for one in all {
        assert!(one.await.unwrap());
    }
    assert_eq!(issuer.cookie_checks(), 1);
}

#[tokio::test]
async fn while_the_issuer_is_away_no_cookie_is_believed_beyond_its_time_and_none_is_called_dead() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    let cookie = issuer.user("kavya").cookie();
    verifier.verify_cookie(value(&cookie)).await.unwrap();
    issuer.set_down(true);
    issuer.clock().advance(5 * SECOND);
    assert_eq!(verifier.verify_cookie(value(&cookie)).await.unwrap_err().code(), "unavailable");
    issuer.set_down(false);
    assert_eq!(verifier.verify_cookie(value(&cookie)).await.unwrap_err().code(), "unavailable", "left alone a moment");
    issuer.clock().advance(SECOND);
    verifier.verify_cookie(value(&cookie)).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_a_cookie_of_ours_is_not_sent_on() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    for value in ["", "a b", "x\r\nEvil: 1", "x; session=y", &"a".repeat(129)] {
        assert_eq!(verifier.verify_cookie(value).await.unwrap_err().code(), "ended");
    }
    assert_eq!(issuer.cookie_checks(), 0);
}
