//! What signing and verifying cost, beside the bare primitive and two other libraries: `cargo xtask bench token`.
//!
//! `borrowed`, `owned` and `cached` are this project's; each figure is followed by its ratio to the primitive alone.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program for people at a terminal")]

mod contest;
mod primitive;
#[path = "../../../token/tests/support/mod.rs"]
mod support;
mod table;
mod with_jsonwebtoken;
mod with_jwt_simple;

use std::time::{Duration, Instant};

use contest::{Contest, Work};
use table::{Table, is_meant};

fn main() {
    if is_meant() {
        let mut table = Table::new("µs", "microseconds");
        for contest in contest::all() {
            table.row(&contest, &best_of_rounds(&contest));
        }
    }
}

/// Microseconds for one call of each. They take turns, so that a machine that drifts drifts for all.
fn best_of_rounds(contest: &Contest) -> Vec<f64> {
    let rivals = contest.rivals.iter().map(|rival| (&rival.work, calls_in(&rival.work, Duration::from_millis(4))));
    let mut rivals: Vec<_> = rivals.map(|(work, calls)| (work, calls, f64::INFINITY)).collect();
    for _ in 0..ROUNDS {
        for (work, calls, best) in &mut rivals {
            *best = best.min(time(work, *calls).as_secs_f64() * 1e6 / f64::from(*calls));
        }
    }
    rivals.into_iter().map(|(_, _, best)| best).collect()
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
