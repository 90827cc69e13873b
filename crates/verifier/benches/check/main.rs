//! What a check costs: `cargo xtask bench verifier`.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program for people at a terminal")]

mod many;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::Instant;

use support::{Issuer, KEEP, NOW, claims};
use verifier::{Marks, Revocation, Revoked};

fn nanoseconds(mut check: impl FnMut()) -> f64 {
    const ROUNDS: u32 = 1_000_000;
    let best = (0..5).map(|_| {
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| check());
        start.elapsed()
    });
    best.min().expect("five rounds").as_secs_f64() * 1e9 / f64::from(ROUNDS)
}

fn main() {
    // `cargo test --benches` and the like pass flags of their own; only `cargo bench` means it.
    if std::env::args().any(|argument| argument == "--bench") {
        cache_hit();
        revoked_set();
        many::tokens();
    }
}

fn cache_hit() {
    let issuer = Issuer::new();
    let checker = issuer.checker();
    let token = issuer.sign(&claims([7; 16]));
    for entries in [0, 10_000, 1_000_000_u32] {
        for n in 0..entries {
            let mut sid = [0; 16];
            sid[..4].copy_from_slice(&n.to_le_bytes());
            sid[15] = 1;
            checker.revoked().insert(&Revocation::Session { sid, keep_until: KEEP }, NOW);
        }
        let cost = nanoseconds(|| assert!(black_box(&checker).verify(black_box(&token), NOW).is_ok()));
        println!("hit, {} characters, {entries} revoked: {cost:.0} ns", token.len());
    }
}

fn revoked_set() {
    let revoked = Revoked::new(Revoked::CAPACITY, 5);
    revoked.insert(&Revocation::Session { sid: [1; 16], keep_until: KEEP }, NOW);
    revoked.insert(&Revocation::Epoch { user: [1; 16], epoch: 1, keep_until: KEEP }, NOW);
    revoked.insert(&Revocation::Key { kid: "k".into(), keep_until: KEEP }, NOW);
    let marks =
        Marks { sid: [2; 16], user: Some([2; 16]), uep: 0, rat: NOW, kid: Some("a thumbprint of 43 characters") };
    println!("is_revoked: {:.0} ns", nanoseconds(|| assert!(!black_box(&revoked).is_revoked(black_box(&marks)))));
}
