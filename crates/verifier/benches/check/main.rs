//! What a check costs, alone and beside another thread: `cargo xtask bench verifier`.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program for people at a terminal")]

mod floor;
#[path = "../../tests/support/mod.rs"]
mod support;
mod threads;
mod tokens;

use std::hint::black_box;

use support::{KEEP, NOW};
use threads::{BATCH, measure, timed};
use tokens::Tokens;
use verifier::{Marks, Revocation, Revoked};

fn main() {
    // `cargo test --benches` and the like pass flags of their own; only `cargo bench` means it.
    if std::env::args().any(|argument| argument == "--bench") {
        floor::of_the_machine();
        revoked_set();
        tokens();
    }
}

fn tokens() {
    for count in [1, 1_000, 100_000, 1_000_000] {
        let tokens = Tokens::new(count);
        println!("{:<36} {}", format!("{count} tokens, borrowed"), measure(|seed| tokens.checks(seed)));
        println!("{:<36} {}", format!("{count} tokens, shared"), measure(|seed| tokens.verifications(seed)));
        if count == 1 {
            revoke(&tokens, 1_000_000);
            println!("{:<36} {}", "1 token, 1000000 revoked, borrowed", measure(|seed| tokens.checks(seed)));
        }
    }
}

fn revoke(tokens: &Tokens, count: u32) {
    for n in 0..count {
        let mut sid = [0xff; 16];
        sid[..4].copy_from_slice(&n.to_le_bytes());
        tokens.checker.revoked().insert(&Revocation::Session { sid, keep_until: KEEP }, NOW);
    }
}

fn revoked_set() {
    let revoked = Revoked::new(Revoked::CAPACITY, 5);
    revoked.insert(&Revocation::Session { sid: [1; 16], keep_until: KEEP }, NOW);
    revoked.insert(&Revocation::Epoch { user: [1; 16], epoch: 1, keep_until: KEEP }, NOW);
    revoked.insert(&Revocation::Key { kid: "k".into(), keep_until: KEEP }, NOW);
    let marks = Marks {
        sid: [2; 16],
        user: Some([2; 16]),
        uep: 0,
        rat: NOW,
        kid: Some("a thumbprint of 43 characters"),
        client_id: None,
    };
    let asked =
        measure(|_| || timed(|| (0..BATCH).for_each(|_| assert!(!black_box(&revoked).is_revoked(black_box(&marks))))));
    println!("{:<36} {asked}", "is_revoked");
}
