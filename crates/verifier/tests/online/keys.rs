//! Keys over time: renewed, looked for, outdated.

use std::time::Duration;

use verifier::test_support::TestIssuer;

const SECOND: Duration = Duration::from_secs(1);

/// Lets what was spawned aside come to its end: until the issuer has seen so many fetches.
async fn settled(issuer: &TestIssuer, fetches: usize) {
    while issuer.key_fetches() < fetches {
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
    let token = issuer.user("kavya").token();
    assert_eq!(verifier.verify(&token).await.unwrap_err().code(), "unavailable");
    issuer.set_down(false);
    assert_eq!(verifier.verify(&token).await.unwrap_err().code(), "unavailable", "not again within a second");
    assert_eq!(issuer.key_fetches(), 1);
    issuer.clock().advance(SECOND);
    verifier.verify(&token).await.unwrap();
}
