//! What the checker promises, above all with a warm cache.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{Issuer, KEEP, LIFE, NOW, USER, claims};
use token::{KeySet, Refused as Token};
use verifier::{Checker, Refused, Revocation};

const SID: [u8; 16] = [7; 16];

#[test]
fn a_token_seen_before_is_answered_from_memory() {
    let issuer = Issuer::new();
    let checker = issuer.checker();
    let token = issuer.token(SID);
    let first = checker.verify(&token, NOW).unwrap();
    let second = checker.verify(&token, NOW + 1).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(*first, claims(SID));
    assert_eq!(checker.cached(), 1);
}

#[test]
fn only_verified_tokens_are_remembered() {
    let issuer = Issuer::new();
    let checker = issuer.checker();
    let forged = Issuer::new().token(SID);
    let mut altered = issuer.token(SID);
    altered.pop();
    for (token, refused) in [(&*forged, Token::UnknownKey), (&altered, Token::Encoding), ("", Token::Segments)] {
        assert_eq!(checker.verify(token, NOW), Err(Refused::Invalid(refused)));
    }
    assert_eq!(checker.verify(&issuer.token(SID), KEEP), Err(Refused::Expired));
    assert_eq!(checker.cached(), 0);
}

#[test]
fn another_token_with_the_same_end_is_not_a_hit() {
    let issuer = Issuer::new();
    let checker = issuer.checker();
    let token = issuer.token(SID);
    checker.verify(&token, NOW).unwrap();
    let other = issuer.sign(&token::Claims { roles: vec!["root".into()], ..claims(SID) });
    let (body, _) = other.rsplit_once('.').unwrap();
    let (_, signature) = token.rsplit_once('.').unwrap();
    assert_eq!(other.len(), token.len());
    assert_eq!(checker.verify(&format!("{body}.{signature}"), NOW), Err(Refused::Invalid(Token::Signature)));
    assert!(checker.verify(&token, NOW).is_ok());
}

#[test]
fn a_replay_after_revocation_is_refused_although_the_cache_is_warm() {
    let issuer = Issuer::new();
    let kid = issuer.key.kid().to_owned();
    for revocation in [
        Revocation::Session { sid: SID, keep_until: KEEP },
        Revocation::Epoch { user: USER, epoch: 4, keep_until: KEEP },
        Revocation::Key { kid, keep_until: KEEP },
    ] {
        let checker = issuer.checker();
        let token = issuer.token(SID);
        assert!(checker.verify(&token, NOW).is_ok());
        checker.revoked().insert(&revocation, NOW);
        for _ in 0..3 {
            assert_eq!(checker.verify(&token, NOW + 1), Err(Refused::Revoked), "{revocation:?}");
        }
        assert_eq!(checker.cached(), 0);
    }
}

#[test]
fn revoking_one_leaves_the_others_alone() {
    let issuer = Issuer::new();
    let checker = issuer.checker();
    checker.revoked().insert(&Revocation::Session { sid: [8; 16], keep_until: KEEP }, NOW);
    checker.revoked().insert(&Revocation::Epoch { user: USER, epoch: 3, keep_until: KEEP }, NOW);
    checker.revoked().insert(&Revocation::Epoch { user: [9; 16], epoch: 99, keep_until: KEEP }, NOW);
    checker.revoked().insert(&Revocation::Key { kid: "other".into(), keep_until: KEEP }, NOW);
    assert!(checker.verify(&issuer.token(SID), NOW).is_ok());
}

#[test]
fn a_token_expires_although_the_cache_is_warm() {
    let issuer = Issuer::new();
    let checker = issuer.checker();
    let token = issuer.token(SID);
    assert!(checker.verify(&token, NOW).is_ok());
    // The leeway of 5 seconds is part of its life; not a millisecond more.
    assert!(checker.verify(&token, NOW + LIFE + 4_999).is_ok());
    assert_eq!(checker.verify(&token, NOW + LIFE + 5_000), Err(Refused::Expired));
    assert_eq!(checker.cached(), 0);
}

#[test]
fn a_token_whose_key_is_gone_is_refused_although_the_cache_is_warm() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let checker = old.checker();
    let token = old.token(SID);
    assert!(checker.verify(&token, NOW).is_ok());
    checker.replace_keys(new.keys());
    assert_eq!(checker.verify(&token, NOW), Err(Refused::Invalid(Token::UnknownKey)));
    assert!(checker.verify(&new.token(SID), NOW).is_ok());
}

#[test]
fn a_token_whose_key_stays_survives_a_rotation() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let checker = old.checker();
    let token = old.token(SID);
    assert!(checker.verify(&token, NOW).is_ok());
    let mut both = old.keys();
    both.insert(new.key.verifying_key()).unwrap();
    checker.replace_keys(both);
    assert!(checker.verify(&token, NOW).is_ok());
    assert!(checker.verify(&new.token(SID), NOW).is_ok());
}

#[test]
fn a_clock_that_steps_back_revives_nothing() {
    let issuer = Issuer::new();
    let checker = issuer.checker();
    let token = issuer.token(SID);
    assert!(checker.verify(&token, NOW).is_ok());
    checker.revoked().insert(&Revocation::Session { sid: SID, keep_until: KEEP }, NOW);
    // The clock jumps ahead, the entry is dropped, the clock comes back.
    checker.revoked().expire(KEEP);
    assert!(checker.revoked().is_empty());
    assert_eq!(checker.verify(&token, NOW), Err(Refused::Expired));
}

#[test]
fn a_clock_that_stepped_back_is_not_believed_whether_or_not_the_token_is_remembered() {
    let issuer = Issuer::new();
    for capacity in [0, 10] {
        let checker = Checker::new(support::expectation(), issuer.keys(), capacity);
        checker.revoked().expire(NOW);
        for _ in 0..2 {
            assert!(checker.verify(&issuer.token(SID), NOW - 5_001).is_ok());
        }
    }
}

#[test]
fn a_token_of_a_client_is_never_stopped_or_spared_as_a_user() {
    let issuer = Issuer::new();
    let checker = issuer.checker();
    let token = issuer.sign(&token::Claims { sub: "shop".into(), ..claims(SID) });
    checker.revoked().insert(&Revocation::Epoch { user: USER, epoch: 99, keep_until: KEEP }, NOW);
    assert!(checker.verify(&token, NOW).is_ok());
    checker.revoked().insert(&Revocation::Session { sid: SID, keep_until: KEEP }, NOW);
    assert_eq!(checker.verify(&token, NOW), Err(Refused::Revoked));
}

#[test]
fn the_cache_is_bounded_and_need_not_exist() {
    let issuer = Issuer::new();
    for capacity in [0, 1, 64] {
        let checker = Checker::new(support::expectation(), issuer.keys(), capacity);
        for n in 0..200_u8 {
            assert!(checker.verify(&issuer.token([n; 16]), NOW).is_ok());
        }
        assert!(checker.cached() <= capacity, "{} of {capacity}", checker.cached());
    }
}

#[test]
fn long_tokens_take_the_room_of_several() {
    let issuer = Issuer::new();
    let checker = Checker::new(support::expectation(), issuer.keys(), 64);
    for n in 0..100_u8 {
        let long = token::Claims { scope: "x".repeat(5_000), ..claims([n; 16]) };
        assert!(checker.verify(&issuer.sign(&long), NOW).is_ok());
    }
    assert!(checker.cached() <= 64 / 7);
}

#[test]
fn without_keys_nothing_is_accepted() {
    let checker = Checker::new(support::expectation(), KeySet::new(), 10);
    assert_eq!(checker.verify(&Issuer::new().token(SID), NOW), Err(Refused::Invalid(Token::UnknownKey)));
}

#[test]
fn once_an_insert_has_returned_no_other_thread_accepts() {
    let issuer = Issuer::new();
    let checker = issuer.checker();
    let tokens: Vec<_> = (0..50_u8).map(|n| issuer.token([n; 16])).collect();
    let revoked: Vec<AtomicBool> = (0..50).map(|_| AtomicBool::new(false)).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let checks = scope.spawn(|| {
            let mut checks = 0_u64;
            loop {
                let is_last = is_over.load(Ordering::Acquire);
                for (token, revoked) in tokens.iter().zip(&revoked) {
                    // Read before the check: an insert that returned before it began must be seen.
                    let must_refuse = revoked.load(Ordering::Acquire);
                    let is_refused = checker.verify(token, NOW) == Err(Refused::Revoked);
                    assert!(is_refused || !must_refuse);
                    checks += 1;
                }
                if is_last {
                    return checks;
                }
            }
        });
        for (n, revoked) in revoked.iter().enumerate() {
            checker.revoked().insert(&Revocation::Session { sid: [n as u8; 16], keep_until: KEEP }, NOW);
            revoked.store(true, Ordering::Release);
            checker.revoked().expire(NOW);
            std::thread::yield_now();
        }
        is_over.store(true, Ordering::Release);
        assert!(checks.join().unwrap() > 0);
    });
    for token in &tokens {
        assert_eq!(checker.verify(token, NOW), Err(Refused::Revoked));
    }
}

#[test]
fn keys_can_be_replaced_while_others_verify() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let checker = old.checker();
    let (old_token, new_token) = (old.token(SID), new.token(SID));
    let is_replaced = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2_000 {
                let must_refuse = is_replaced.load(Ordering::Acquire);
                assert!(checker.verify(&old_token, NOW).is_err() || !must_refuse);
            }
        });
        checker.replace_keys(new.keys());
        is_replaced.store(true, Ordering::Release);
        for _ in 0..100 {
            assert!(checker.verify(&old_token, NOW).is_err());
            assert!(checker.verify(&new_token, NOW).is_ok());
        }
    });
}
