//! What signing and verifying cost, beside the bare primitive and another library: `cargo xtask bench token`.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program for people at a terminal")]

mod primitive;
#[path = "../../tests/support/mod.rs"]
mod support;
mod theirs;

use std::hint::black_box;
use std::time::{Duration, Instant};

use support::{KEYS, NOW, claims, expectation, key_set};
use token::{Claims, Profile, SigningKey};

/// Something to be timed.
type Work = Box<dyn Fn()>;

/// Primitive, this crate, the other library.
type Contest = [Work; 3];

fn main() {
    // `cargo test --benches` and the like pass flags of their own; only `cargo bench` means it.
    if std::env::args().any(|argument| argument == "--bench") {
        table("verify", verifying);
        table("sign", signing);
    }
}

fn table(title: &str, contest: fn(&'static SigningKey) -> Contest) {
    println!("{title:<8}{:>14}{:>14}{:>9}{:>14}{:>9}", "primitive", "watchword", "ratio", "jsonwebtoken", "ratio");
    for key in KEYS.iter() {
        let [floor, ours, theirs] = best_of_rounds(&contest(key));
        println!(
            "{:<8}{floor:>11.3} µs{ours:>11.3} µs{:>9.3}{theirs:>11.3} µs{:>9.3}",
            key.algorithm().name(),
            ours / floor,
            theirs / floor,
        );
    }
}

fn verifying(key: &'static SigningKey) -> Contest {
    let token = token::sign(key, Profile::Rfc9068, &lasting());
    let (keys, expect) = (key_set(), expectation());
    [
        primitive::verifies(key, &token),
        work({
            let token = token.clone();
            move || token::verify(black_box(&token), &keys, &expect, NOW * 1000).unwrap()
        }),
        theirs::verifies(key, token),
    ]
}

fn signing(key: &'static SigningKey) -> Contest {
    let claims = lasting();
    let token = token::sign(key, Profile::Rfc9068, &claims);
    [
        primitive::signs(key, &token),
        work(move || token::sign(key, Profile::Rfc9068, black_box(&claims))),
        theirs::signs(key, &token),
    ]
}

/// Claims that are still good when the other library looks at the clock.
fn lasting() -> Claims {
    Claims { exp: NOW * 2, ..claims() }
}

fn work<T>(call: impl Fn() -> T + 'static) -> Work {
    Box::new(move || drop(black_box(call())))
}

/// Microseconds for one call of each. They take turns, so that a machine that drifts drifts for all.
fn best_of_rounds(contest: &Contest) -> [f64; 3] {
    let calls = contest.each_ref().map(|one| calls_in(one, Duration::from_millis(4)));
    let mut best = [f64::INFINITY; 3];
    for _ in 0..ROUNDS {
        for (best, (work, calls)) in best.iter_mut().zip(contest.iter().zip(calls)) {
            *best = best.min(time(work, calls).as_secs_f64() * 1e6 / f64::from(calls));
        }
    }
    best
}

/// How many calls fill about that time.
fn calls_in(work: &Work, span: Duration) -> u32 {
    let mut calls = 1;
    while time(work, calls) < span {
        calls *= 2;
    }
    calls
}

fn time(work: &Work, calls: u32) -> Duration {
    let start = Instant::now();
    (0..calls).for_each(|_| work());
    start.elapsed()
}

const ROUNDS: u32 = 60;
