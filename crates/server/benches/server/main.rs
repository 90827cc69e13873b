//! How fast the whole server is: `cargo xtask bench server`. Bounded in time, on loopback, and ended by itself.
//!
//! Server and load share this machine, so the ratios mean more than the absolute figures.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program for people at a terminal")]

mod argon;
mod connection;
mod load;
mod process;

use std::time::Duration;

use load::{Load, Measured};
use process::Server;

fn main() {
    // `cargo test --benches` and the like pass flags of their own; only `cargo bench` means it.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run());
}

async fn run() {
    let server = Server::start(&[]);
    println!("idle: {:.1} MiB resident\n", server.resident_mib());
    println!("{:<34} {:>10} {:>9} {:>9} {:>9} {:>9}", "", "req/s", "p50 ms", "p99 ms", "of floor", "MiB");
    checks(&server).await;
    let grouped = refresh(&server, "refresh, group commit", 64).await;
    let of_bare = logins(&server).await;
    drop(server);

    let single = Server::start(&[("WATCHWORD_GROUP_COMMIT", "1")]);
    let one_by_one = refresh(&single, "refresh, one commit per request", 64).await;
    println!("\ngroup commit: {:.1} times one commit per request", grouped / one_by_one);
    println!("login: {of_bare:.2} of bare Argon2id at the same cost on all processors");
}

/// The floor and the two ways to be known, in turns, so that a drifting machine drifts for all.
async fn checks(server: &Server) {
    let tokens = server.login().await;
    let cases = [
        ("static answer (the floor)", Load::get("/health/live", "")),
        ("dashboard by cookie", Load::get("/dashboard", &format!("Cookie: {}\r\n", tokens.cookie))),
        ("dashboard by Bearer", Load::get("/dashboard", &format!("Authorization: Bearer {}\r\n", tokens.access))),
    ];
    let mut rounds: Vec<Vec<Measured>> = cases.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for ((_, load), measured) in cases.iter().zip(&mut rounds) {
            measured.push(load.run(server.address, 32, SPAN / ROUNDS).await);
        }
    }
    let merged: Vec<Measured> = rounds.into_iter().map(Measured::merge).collect();
    for ((name, _), measured) in cases.iter().zip(&merged) {
        print(name, measured, Some(&merged[0]), server);
    }
}

async fn refresh(server: &Server, name: &str, clients: usize) -> f64 {
    let mut chains = Vec::new();
    for _ in 0..clients {
        chains.push(server.login().await.refresh);
    }
    let measured = load::refresh(server.address, chains, SPAN).await;
    print(name, &measured, None, server);
    measured.per_second()
}

/// Logins and nothing but their hashes, in turns. The ratio of the two.
async fn logins(server: &Server) -> f64 {
    let mut rounds = Vec::new();
    let mut bare = 0.0;
    for _ in 0..ROUNDS {
        rounds.push(load::logins(server.address, &server.password, 4, SPAN / 2).await);
        bare += argon::hashes_per_second(SPAN / 2) / f64::from(ROUNDS);
    }
    let measured = Measured::merge(rounds);
    print("login", &measured, None, server);
    measured.per_second() / bare
}

fn print(name: &str, measured: &Measured, floor: Option<&Measured>, server: &Server) {
    let ratio = floor.map_or(String::new(), |floor| format!("{:.2}", measured.per_second() / floor.per_second()));
    println!(
        "{name:<34} {:>10.0} {:>9.2} {:>9.2} {ratio:>9} {:>9.1}",
        measured.per_second(),
        measured.percentile(50),
        measured.percentile(99),
        server.resident_mib()
    );
}

/// How long each figure is measured for.
const SPAN: Duration = Duration::from_secs(6);

/// In how many turns.
const ROUNDS: u32 = 4;
