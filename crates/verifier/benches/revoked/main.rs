//! What the revoked set costs, in time and in memory: `cargo xtask bench revoked`.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program for people at a terminal")]

mod readers;

use std::time::Instant;

use readers::{Readers, ids};
use verifier::{Revocation, Revoked};

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    // `cargo test --benches` and the like pass flags of their own; only `cargo bench` means it.
    if !has("--bench") {
        return;
    }
    if has("--brief") {
        return brief(has("--json"));
    }
    println!("making up an id takes {:.1} ns, which is part of each figure", readers::floor());
    for entries in [0, 10_000, 1_000_000, 10_000_000] {
        measure(entries);
    }
}

/// A set with so many entries.
struct Filled {
    revoked: Revoked,
    bytes: f64,
    bytes_at_most: f64,
    seconds: f64,
}

fn fill(entries: u64) -> Filled {
    let mut filled = None;
    let mut seconds = 0.0;
    let memory = allocation_counter::measure(|| {
        let revoked = Revoked::new(entries as usize + 10_000_000, 5);
        let start = Instant::now();
        for n in 0..entries {
            revoked.insert(&session(n), NOW);
        }
        seconds = start.elapsed().as_secs_f64();
        filled = Some(revoked);
    });
    let revoked = filled.unwrap();
    assert_eq!(revoked.len() as u64, entries);
    Filled { revoked, bytes: memory.bytes_current as f64, bytes_at_most: memory.bytes_max as f64, seconds }
}

/// What a check costs, and an entry, for whoever has seen how soon one is known: `cargo xtask bench forgetting`.
fn brief(is_json: bool) {
    let floor = readers::floor();
    let mut found = Vec::new();
    for entries in [10_000, 1_000_000, 10_000_000] {
        let Filled { revoked, bytes, .. } = fill(entries);
        let check = Readers::new(&revoked, false).strange();
        found.push((entries, check, bytes / entries as f64));
    }
    if is_json {
        let sizes = found.iter().map(|(entries, check, bytes)| {
            format!("{{\"entries\":{entries},\"check_ns\":{check:.2},\"bytes_per_entry\":{bytes:.2}}}")
        });
        let sizes: Vec<_> = sizes.collect();
        println!("{{\"making_up_an_id_ns\":{floor:.2},\"sizes\":[{}]}}", sizes.join(","));
        return;
    }
    println!("{:>10} {:>12} {:>16}", "entries", "ns a check", "bytes an entry");
    for (entries, check, bytes) in found {
        println!("{entries:>10} {check:>12.1} {bytes:>16.1}");
    }
    println!("Making up an id takes {floor:.1} ns of each check.");
}

fn measure(entries: u64) {
    let Filled { revoked, bytes, bytes_at_most, seconds } = fill(entries);
    if entries == 0 {
        println!("\nnothing revoked: {:.0} kB, {:.1} ns", bytes / 1e3, Readers::new(&revoked, false).strange());
        return;
    }
    println!(
        "\n{entries} sessions revoked: {:.1} bytes each, at most {:.1}; {:.2} million inserted per second",
        bytes / entries as f64,
        bytes_at_most / entries as f64,
        entries as f64 / seconds / 1e6,
    );
    let readers = Readers::new(&revoked, false);
    println!("  not revoked: {:.1} ns", readers.strange());
    println!("  revoked: {:.1} ns", readers.known(entries));
    println!("  not revoked, two threads at once: {}", readers.side_by_side());
    println!("  not revoked, while 500 per second are inserted: {}", readers.beside_a_writer(|n| session(entries + n)));

    for n in 0..entries / 100 {
        let (user, _) = ids(n);
        revoked.insert(&Revocation::Epoch { user, epoch: 1, keep_until: NOW + KEPT }, NOW);
    }
    let readers = Readers::new(&revoked, true);
    println!("  not revoked, nor the user, {} users having been: {:.1} ns", entries / 100, readers.strange());
    let start = Instant::now();
    revoked.expire(NOW);
    println!("  looking for what has expired, in vain: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    revoked.expire(NOW + KEPT / 2);
    println!("  dropping half: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
}

/// Revoked one after the other within [`KEPT`].
fn session(n: u64) -> Revocation {
    let (sid, _) = ids(n);
    Revocation::Session { sid, keep_until: NOW + 1 + (n as i64).wrapping_mul(7919) % KEPT }
}

const NOW: i64 = 1_800_000_000_000;
const KEPT: i64 = 905_000;
