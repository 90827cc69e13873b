//! Keys over time: renewed, looked for, outdated.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use verifier::test_support::TestIssuer;
use verifier::{Clock, Rejection, Verifier};

use crate::support::{METADATA, Odd, metadata, reply};

const SECOND: Duration = Duration::from_secs(1);

/// Lets what was spawned aside come to its end: until the issuer has seen so many fetches.
async fn settled(issuer: &TestIssuer, fetches: usize) {
    let began = Instant::now();
    while issuer.key_fetches() < fetches {
        assert!(began.elapsed() < Duration::from_mins(1), "no fetch");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_token_by_a_new_key_is_accepted_after_one_more_fetch() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    let old = issuer.user("kavya").token();
    issuer.rotate_keys();
    issuer.clock().advance(5 * SECOND);
    for token in [issuer.user("kavya").token(), old, issuer.user("kavya").token()] {
        verifier.verify(&token).await.unwrap();
    }
    assert_eq!(issuer.key_fetches(), 2);
}

#[tokio::test]
async fn made_up_key_names_cost_the_issuer_one_fetch_in_five_seconds() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    for round in 1..4 {
        for _ in 0..20 {
            let rejection = verifier.verify(&issuer.user("mallory").token_of_a_stranger()).await.unwrap_err();
            assert_eq!(rejection.code(), "unknown_key");
        }
        assert_eq!(issuer.key_fetches(), round);
        issuer.clock().advance(5 * SECOND);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_need_a_new_key_at_once_share_one_fetch() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    issuer.rotate_keys();
    issuer.clock().advance(5 * SECOND);
    let all: Vec<_> = (0..50)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), issuer.user("kavya").token());
            tokio::spawn(async move { verifier.verify(&token).await.is_ok() })
        })
        .collect();
    for one in all {
        assert!(one.await.unwrap());
    }
    assert_eq!(issuer.key_fetches(), 2);
}

#[tokio::test]
async fn keys_are_renewed_while_old_ones_serve() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    issuer.clock().advance(299 * SECOND);
    verifier.verify(&issuer.user("kavya").token()).await.unwrap();
    assert_eq!(issuer.key_fetches(), 1, "the issuer allows 300 seconds");
    issuer.clock().advance(SECOND);
    verifier.verify(&issuer.user("kavya").token()).await.unwrap();
    settled(&issuer, 2).await;
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_after_the_next_renewal() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    let old = issuer.user("kavya").expires_in(3_600 * SECOND).token();
    verifier.verify(&old).await.unwrap();
    issuer.rotate_keys();
    issuer.withdraw_old_keys();
    issuer.clock().advance(5 * SECOND);
    verifier.verify(&issuer.user("kavya").token()).await.unwrap();
    assert_eq!(verifier.verify(&old).await.unwrap_err().code(), "unknown_key", "although it was remembered");
}

#[tokio::test]
async fn while_the_issuer_is_away_old_keys_serve_for_an_hour_and_then_nobody_is_admitted() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    issuer.set_down(true);
    issuer.clock().advance(3_599 * SECOND);
    let token = issuer.user("kavya").token();
    verifier.verify(&token).await.unwrap();
    issuer.clock().advance(SECOND);
    assert_eq!(verifier.verify(&token).await.unwrap_err().code(), "unavailable");
    issuer.set_down(false);
    issuer.clock().advance(120 * SECOND);
    verifier.verify(&issuer.user("kavya").token()).await.unwrap();
}

#[tokio::test]
async fn a_failing_issuer_is_asked_ever_less_often() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    issuer.set_down(true);
    issuer.clock().advance(3_600 * SECOND);
    let token = issuer.user("kavya").expires_in(3_600 * SECOND).token();
    let code = async || verifier.verify(&token).await.err().map(|rejection| rejection.code());
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        let Err(Rejection::Unavailable { retry_after }) = verifier.verify(&token).await else { panic!("it is down") };
        assert_eq!(retry_after, pause + 1);
        issuer.set_down(false);
        issuer.clock().advance(Duration::from_millis(u64::from(pause) * 1000 - 1));
        assert_eq!(code().await, Some("unavailable"), "not within {pause} s");
        issuer.set_down(true);
        issuer.clock().advance(Duration::from_millis(1));
    }
    issuer.set_down(false);
    assert_eq!(code().await, None);
}

#[tokio::test]
async fn a_verifier_that_was_idle_waits_a_moment_for_new_keys() {
    // The moment is half a second. An issuer on a machine that was busy for longer is given another chance.
    for _ in 0..20 {
        let issuer = TestIssuer::start().await;
        let verifier = issuer.verifier().await;
        let old = issuer.user("mallory").expires_in(3_600 * SECOND).token();
        issuer.rotate_keys();
        issuer.withdraw_old_keys();
        issuer.clock().advance(360 * SECOND);
        let began = Instant::now();
        let verified = verifier.verify(&old).await;
        if verified.is_err() || began.elapsed() < Duration::from_millis(450) {
            assert_eq!(verified.unwrap_err().code(), "unknown_key");
            return;
        }
    }
    panic!("it never waits for as long as a fetch takes");
}

#[tokio::test]
async fn whoever_leaves_while_keys_are_fetched_costs_the_issuer_no_second_fetch() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    issuer.clock().advance(5 * SECOND);
    issuer.set_hanging(true);
    for _ in 0..20 {
        let token = issuer.user("mallory").token_of_a_stranger();
        let mut verifying = Box::pin(verifier.verify(&token));
        tokio::select! {
            biased;
            outcome = &mut verifying => panic!("{outcome:?}"),
            () = settled(&issuer, 2) => {}
        }
    }
    issuer.set_hanging(false);
    let token = issuer.user("mallory").token_of_a_stranger();
    assert_eq!(verifier.verify(&token).await.unwrap_err().code(), "unknown_key");
    assert_eq!(issuer.key_fetches(), 2);
}

#[tokio::test]
async fn while_the_issuer_is_away_nobody_says_that_an_unknown_key_is_wrong() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    issuer.rotate_keys();
    issuer.set_down(true);
    issuer.clock().advance(5 * SECOND);
    let token = issuer.user("kavya").token();
    assert_eq!(verifier.verify(&token).await.unwrap_err().code(), "unavailable");
    issuer.set_down(false);
    issuer.clock().advance(SECOND);
    verifier.verify(&token).await.unwrap();
}

#[tokio::test]
async fn how_long_old_keys_serve_can_be_chosen() {
    let issuer = TestIssuer::start().await;
    for (stale, admits) in [(60 * SECOND, false), (61 * SECOND, true), (Duration::MAX, true)] {
        let verifier = issuer.connect().keys_stale_for(stale).await.unwrap();
        issuer.set_down(true);
        issuer.clock().advance(60 * SECOND);
        assert_eq!(verifier.verify(&issuer.user("kavya").token()).await.is_ok(), admits, "{stale:?}");
        issuer.set_down(false);
    }
}

#[tokio::test]
async fn the_issuer_says_how_often_to_renew_within_bounds() {
    for (max_age, due) in [(0, 60_u64), (59, 60), (120, 120), (1_200, 1_200), (9_999, 1_800)] {
        let clock = Clock::manual(1_700_000_000_000);
        let jwks = TestIssuer::start().await.jwks();
        let odd = Odd::start(move |url, path| {
            if path == METADATA {
                return reply(200, metadata(url).to_string());
            }
            let mut response = reply(200, jwks.clone());
            let value = format!("public, Max-Age={max_age}");
            response.headers_mut().insert("cache-control", value.try_into().unwrap());
            response
        })
        .await;
        let verifier = Verifier::from_issuer(&odd.url).clock(clock.clone()).await.unwrap();
        let verify = async || verifier.verify("x").await.unwrap_err();
        clock.advance(Duration::from_millis(due * 1_000 - 1));
        verify().await;
        assert_eq!(odd.asked.load(Ordering::Acquire), 2, "{max_age}");
        clock.advance(Duration::from_secs(61));
        verify().await;
        assert_eq!(odd.asked.load(Ordering::Acquire), 3, "{max_age}");
    }
}

#[tokio::test]
async fn a_key_set_that_became_empty_changes_nothing() {
    let issuer = TestIssuer::start().await;
    let jwks = issuer.jwks();
    let is_empty = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_empty);
    let odd = Odd::start(move |url, path| match path {
        METADATA => reply(200, metadata(url).to_string()),
        _ if seen.load(Ordering::Acquire) => reply(200, r#"{"keys":[]}"#),
        _ => reply(200, jwks.clone()),
    })
    .await;
    let verifier = Verifier::from_issuer(&odd.url).audience(issuer.url()).clock(issuer.clock().clone()).await.unwrap();
    let token = async || {
        let claims = issuer.user("kavya").with(|claims| claims.iss.clone_from(&odd.url));
        verifier.verify(&claims.token()).await.err().map(|rejection| rejection.code())
    };
    assert_eq!(token().await, None);
    is_empty.store(true, Ordering::Release);
    issuer.clock().advance(361 * SECOND);
    assert_eq!(token().await, None);
    assert_eq!(odd.asked.load(Ordering::Acquire), 3);
}
