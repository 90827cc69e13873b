//! What is remembered changes no answer, whatever goes on beside.

mod support;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;
use support::{Issuer, KEEP, LIFE, NOW, USER, claims, expectation};
use token::{Claims, KeySet};
use verifier::{Checker, Refused, Revocation};

const OTHER_USER: &str = "0190a5c4-7d2e-7000-8000-000000000002";

#[derive(Clone, Debug)]
enum Step {
    Check { token: usize, at: i64 },
    EndSession(u8),
    RaiseEpoch(u64),
    KillKey(usize),
    Expire { at: i64 },
    Trust { first: bool, second: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Around the ends of the two lives that there are, with the leeway of five seconds.
    let at = || prop_oneof![-6_000..6_000_i64, LIFE / 2 - 1..LIFE / 2 + 6_000, LIFE - 1..LIFE + 6_000];
    let step = prop_oneof![
        20 => (0..24_usize, at()).prop_map(|(token, at)| Step::Check { token, at }),
        2 => (0..6_u8).prop_map(Step::EndSession),
        1 => (0..5_u64).prop_map(Step::RaiseEpoch),
        1 => (0..2_usize).prop_map(Step::KillKey),
        1 => at().prop_map(|at| Step::Expire { at }),
        2 => any::<(bool, bool)>().prop_map(|(first, second)| Step::Trust { first, second }),
    ];
    prop::collection::vec(step, 0..120)
}

/// Of two issuers, six sessions, two users, two lives.
fn tokens(issuers: &[Issuer; 2]) -> Vec<String> {
    let sign = |n: usize| {
        let mut claims = Claims { jti: n.to_string(), uep: n as u64 % 5, ..claims([n as u8 % 6; 16]) };
        if n.is_multiple_of(5) {
            OTHER_USER.clone_into(&mut claims.sub);
        }
        if n.is_multiple_of(4) {
            claims.exp -= LIFE / 2000;
        }
        issuers[n % 2].sign(&claims)
    };
    (0..24).map(sign).collect()
}

fn keys<'a>(issuers: impl IntoIterator<Item = &'a Issuer>) -> KeySet {
    let mut keys = KeySet::new();
    issuers.into_iter().for_each(|issuer| keys.insert(issuer.key.verifying_key()).expect("two keys"));
    keys
}

fn tell(checker: &Checker, step: &Step, issuers: &[Issuer; 2]) {
    let revoked = checker.revoked();
    let keep_until = KEEP;
    match *step {
        Step::Check { .. } => {}
        Step::EndSession(n) => revoked.insert(&Revocation::Session { sid: [n; 16], keep_until }, NOW),
        Step::RaiseEpoch(epoch) => revoked.insert(&Revocation::Epoch { user: USER, epoch, keep_until }, NOW),
        Step::KillKey(n) => revoked.insert(&Revocation::Key { kid: issuers[n].key.kid().to_owned(), keep_until }, NOW),
        Step::Expire { at } => revoked.expire(NOW + at),
        Step::Trust { first, second } => {
            let trusted = issuers.iter().zip([first, second]).filter_map(|(issuer, is)| is.then_some(issuer));
            checker.replace_keys(keys(trusted));
        }
    }
}

/// Tells the other threads to end, even when this one fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_remembered_never_changes_an_answer(steps in steps(), capacity in prop_oneof![Just(1_000), 1..8_usize]) {
        let issuers = [Issuer::new(), Issuer::new()];
        let tokens = tokens(&issuers);
        let checkers = [capacity, 0].map(|capacity| Checker::new(expectation(), keys(&issuers), capacity));
        let [remembering, forgetful] = &checkers;
        for step in steps {
            if let Step::Check { token, at } = step {
                let token = &tokens[token];
                let [answer, expected] = checkers.each_ref().map(|checker| checker.check(token, NOW + at, Claims::clone));
                prop_assert_eq!(&answer, &expected);
                prop_assert_eq!(remembering.verify(token, NOW + at).map(|claims| (*claims).clone()), expected);
            } else {
                for checker in &checkers {
                    tell(checker, &step, &issuers);
                }
            }
            prop_assert!(remembering.cached() <= capacity);
            prop_assert_eq!(forgetful.cached(), 0);
        }
    }
}

#[test]
fn a_check_lends_what_verify_shares() {
    let issuer = Issuer::new();
    let checker = issuer.checker();
    let token = issuer.token([7; 16]);
    for _ in 0..2 {
        assert_eq!(checker.check(&token, NOW, Claims::clone), Ok(claims([7; 16])));
    }
    assert_eq!(checker.cached(), 1);
}

#[test]
fn checks_can_be_made_within_checks() {
    fn nested(checker: &Checker, token: &str, depth: u32) -> u32 {
        if depth == 0 { 0 } else { checker.check(token, NOW, |_| nested(checker, token, depth - 1) + 1).unwrap() }
    }
    let issuer = Issuer::new();
    assert_eq!(nested(&issuer.checker(), &issuer.token([7; 16]), 20), 20);
}

#[test]
fn the_bound_holds_under_ten_times_as_many_tokens_from_four_threads() {
    let issuer = Issuer::new();
    let checker = Checker::new(expectation(), issuer.keys(), 64);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                assert!(checker.cached() <= 64);
            }
        });
        let from = |thread: u8| {
            let (checker, issuer) = (&checker, &issuer);
            scope.spawn(move || {
                for n in 0..160 {
                    let sid = [[thread; 8], [n; 8]].concat().try_into().unwrap();
                    let token = issuer.token(sid);
                    for _ in 0..2 {
                        assert_eq!(checker.check(&token, NOW, |claims| claims.sid), Ok(sid));
                    }
                }
            })
        };
        let _over = Over(&is_over);
        for thread in (0..4).map(from).collect::<Vec<_>>() {
            thread.join().unwrap();
        }
        is_over.store(true, Ordering::Release);
        watching.join().unwrap();
    });
    assert!((1..=64).contains(&checker.cached()));
}

#[test]
fn a_refused_token_does_not_come_back_while_many_still_ask_for_it() {
    let issuer = Issuer::new();
    for round in 0..30_u8 {
        let checker = issuer.checker();
        let token = issuer.token([round; 16]);
        let (start, is_revoked) = (Barrier::new(3), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    let mut must_refuse = false;
                    while checker.check(&token, NOW, |_| ()).is_ok() {
                        assert!(!must_refuse);
                        must_refuse = is_revoked.load(Ordering::Acquire);
                    }
                    for _ in 0..20 {
                        assert_eq!(checker.check(&token, NOW, |_| ()), Err(Refused::Revoked));
                    }
                });
            }
            start.wait();
            checker.revoked().insert(&Revocation::Session { sid: [round; 16], keep_until: KEEP }, NOW);
            is_revoked.store(true, Ordering::Release);
        });
        // Whoever began before the revocation has long put in what it had; and each refusal took that out.
        assert_eq!(checker.cached(), 0);
    }
}

#[test]
fn no_answer_is_older_than_what_was_settled_before_the_question() {
    const ROUNDS: usize = 60;
    let (old, new) = (Issuer::new(), Issuer::new());
    // So small that entries come and go all the time.
    let checker = Checker::new(expectation(), keys([&old, &new]), 16);
    let old_tokens: Vec<String> = (0..8).map(|n| old.token([200 + n; 16])).collect();
    let tokens: Vec<String> = (0..ROUNDS).map(|n| new.token([n as u8; 16])).collect();
    let [announced, settled] = [(); 2].map(|()| -> Vec<AtomicBool> { (0..ROUNDS).map(|_| false.into()).collect() });
    // Odd while the keys are being replaced; the old ones count when half of it is even.
    let phase = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    let check = |n: usize| {
        let must_refuse = settled[n].load(Ordering::SeqCst);
        let answer = checker.check(&tokens[n], NOW, |claims| claims.sid);
        let may_refuse = announced[n].load(Ordering::SeqCst);
        match answer {
            Ok(sid) => assert!(sid == [n as u8; 16] && !must_refuse),
            Err(refused) => assert!(refused == Refused::Revoked && may_refuse),
        }
    };
    let check_old = |token: &str| {
        let before = phase.load(Ordering::SeqCst);
        let answer = checker.check(token, NOW, |_| ());
        if before.is_multiple_of(2) && before == phase.load(Ordering::SeqCst) {
            assert_eq!(answer.is_ok(), before.is_multiple_of(4));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let is_last = is_over.load(Ordering::SeqCst);
                    (0..ROUNDS).for_each(check);
                    for token in &old_tokens {
                        check_old(token);
                    }
                    if is_last {
                        return;
                    }
                }
            });
        }
        let _over = Over(&is_over);
        for n in 0..ROUNDS {
            announced[n].store(true, Ordering::SeqCst);
            checker.revoked().insert(&Revocation::Session { sid: [n as u8; 16], keep_until: KEEP }, NOW);
            settled[n].store(true, Ordering::SeqCst);
            phase.fetch_add(1, Ordering::SeqCst);
            checker.replace_keys(if n % 2 == 0 { keys([&new]) } else { keys([&old, &new]) });
            phase.fetch_add(1, Ordering::SeqCst);
            std::thread::yield_now();
        }
    });
    assert!(checker.cached() <= 16);
}
