//! How fast the store is, beside the engine alone, and how it grows: `cargo xtask bench store`. Bounded in time.
//!
//! Callers and database share this machine, so the ratios mean more than the figures.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program for people at a terminal")]

extern crate watchword_store as store;

mod bare_postgres;
mod bare_sqlite;
mod growth;
mod hints;
mod ours;
mod place;
mod rows;
mod texts;

use std::time::Duration;

use place::Place;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Login,
    Refresh,
    Read,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` and the like pass flags of their own; only `cargo bench` means it.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    // A part by its name; without one, all of them.
    let named: Vec<&String> = arguments[1..].iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |part: &str| named.is_empty() || named.iter().any(|name| *name == part);
    let is_large = arguments.iter().any(|argument| argument == "--large");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if is_wanted("bare") {
            for place in [Place::file(), Place::server()] {
                against_bare(&place).await;
            }
        }
        if is_wanted("hints") {
            hints::measure().await;
        }
        if is_wanted("growth") {
            growth::measure(is_large).await;
        }
    });
}

/// Each thing with each number of callers, in turns with the bare engine, so that a drifting machine drifts for both.
async fn against_bare(place: &Place) {
    println!("\n{}: per second, and of what the engine alone does with the same statements", place.name());
    println!("{:<10} {:>8} {:>10} {:>10} {:>7}", "", "callers", "store", "bare", "ratio");
    let mut ours = ours::Ours::on(place).await;
    place.settle();
    let mut bare = place.bare().await;
    for what in [What::Login, What::Refresh, What::Read] {
        for callers in [1, 8, 24] {
            let (mut by_us, mut by_bare) = (0.0, 0.0);
            for _ in 0..ROUNDS {
                by_us += ours.rate(what, callers, SPAN).await / f64::from(ROUNDS);
                by_bare += bare.rate(what, callers, SPAN).await / f64::from(ROUNDS);
            }
            let name = format!("{what:?}").to_lowercase();
            println!("{name:<10} {callers:>8} {by_us:>10.0} {by_bare:>10.0} {:>7.2}", by_us / by_bare);
        }
    }
    ours.close().await;
}

/// How long each figure is measured for, in one turn.
pub const SPAN: Duration = Duration::from_millis(800);

/// In how many turns.
const ROUNDS: u32 = 3;
