//! The parts of the revoked set that threads share, run through every interleaving and every order in which the memory model lets
//! their writes be seen. The sources are the crate's own; only [`sync`] is a stand-in.

#[path = "../../src/revoked/filter.rs"]
mod filter;
#[path = "../../src/revoked/fingerprint.rs"]
#[allow(dead_code, reason = "the models make up their own")]
mod fingerprint;
#[path = "../../src/revoked/shard.rs"]
#[allow(dead_code, reason = "the set asks more")]
mod shard;
mod sync;
#[path = "../../src/revoked/table.rs"]
mod table;

use std::sync::Arc;

use filter::Filter;
use fingerprint::Fingerprint;
use loom::thread;
use shard::{Entry, Ledger, Shard};
use sync::{AtomicU64, Ordering};

/// As many as a new shard holds before it must grow.
const FULL: u64 = 7;

#[test]
fn whoever_is_revoked_stays_so_while_the_table_grows() {
    every_interleaving(|| {
        let (shard, mut ledger) = filled(FULL, false);
        let growing = Arc::clone(&shard);
        let writer = thread::spawn(move || growing.insert(&mut ledger, entry(FULL, 1, KEPT), true));
        assert!(shard.lookup(fingerprint(0)).is_some());
        assert!(writer.join().unwrap());
        assert!((0..=FULL).all(|n| shard.lookup(fingerprint(n)).is_some()));
    });
}

#[test]
fn once_an_insertion_has_returned_it_is_seen_even_if_the_table_had_to_grow() {
    for before in [0, FULL] {
        every_interleaving(move || {
            let (shard, mut ledger) = filled(before, false);
            let has_returned = Arc::new(AtomicU64::new(0));
            let (growing, returns) = (Arc::clone(&shard), Arc::clone(&has_returned));
            let writer = thread::spawn(move || {
                growing.insert(&mut ledger, entry(before, 1, KEPT), true);
                returns.store(1, Ordering::Release);
            });
            let must_be_seen = has_returned.load(Ordering::Acquire) == 1;
            assert!(shard.lookup(fingerprint(before)).is_some() || !must_be_seen);
            writer.join().unwrap();
        });
    }
}

#[test]
fn an_epoch_is_seen_with_its_user_and_only_ever_rises() {
    every_interleaving(|| {
        let (shard, mut ledger) = filled(0, true);
        shard.insert(&mut ledger, Entry { fingerprint: TWIN, ..entry(0, 1, KEPT) }, true);
        let has_returned = Arc::new(AtomicU64::new(0));
        let (raising, returns) = (Arc::clone(&shard), Arc::clone(&has_returned));
        let writer = thread::spawn(move || {
            for epoch in [5, 6] {
                raising.insert(&mut ledger, entry(0, epoch, KEPT), true);
                returns.store(epoch, Ordering::Release);
            }
        });
        let least = has_returned.load(Ordering::Acquire);
        let seen = shard.lookup(fingerprint(0));
        assert!(seen.is_none_or(|epoch| epoch >= 5), "no user without an epoch");
        assert!(seen.unwrap_or(0) >= least);
        writer.join().unwrap();
    });
}

#[test]
fn whoever_misses_an_entry_that_has_been_dropped_sees_the_horizon_raised() {
    every_interleaving(|| {
        let (shard, mut ledger) = filled(1, false);
        shard.insert(&mut ledger, entry(1, 1, KEPT * 2), true);
        let horizon = Arc::new(AtomicU64::new(0));
        let (dropping, raised) = (Arc::clone(&shard), Arc::clone(&horizon));
        let writer = thread::spawn(move || {
            raised.store(1, Ordering::Relaxed);
            dropping.expire(&mut ledger, KEPT);
        });
        let is_found = shard.lookup(fingerprint(0)).is_some();
        assert!(is_found || horizon.load(Ordering::Relaxed) == 1);
        assert!(shard.lookup(fingerprint(1)).is_some(), "it had longer to live");
        writer.join().unwrap();
        assert!(shard.lookup(fingerprint(0)).is_none());
    });
}

#[test]
fn a_filter_that_grows_and_shrinks_again_never_denies_what_it_was_told() {
    every_interleaving(|| {
        let filter = Arc::new(Filter::new());
        filter.add(fingerprint(0));
        let refilled = Arc::clone(&filter);
        let writer = thread::spawn(move || {
            for capacity in [65, 1] {
                refilled.refill(capacity, [fingerprint(1), fingerprint(0)]);
            }
        });
        assert!(filter.may_hold(fingerprint(0)));
        writer.join().unwrap();
    });
}

fn every_interleaving(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // Without a bound they take a minute and show nothing more.
    builder.preemption_bound = Some(3);
    builder.max_branches = 10_000;
    builder.check(model);
}

fn filled(entries: u64, has_epochs: bool) -> (Arc<Shard>, Ledger) {
    let (shard, mut ledger) = Shard::new(has_epochs);
    for n in 0..entries {
        assert!(shard.insert(&mut ledger, entry(n, 1, KEPT), true));
    }
    (Arc::new(shard), ledger)
}

fn entry(n: u64, epoch: u64, keep_until: i64) -> Entry {
    Entry { fingerprint: fingerprint(n), epoch, keep_until }
}

/// All have the last place, in the filter as in the table, so that they meet each other's traces; in the filter each has its own bit.
fn fingerprint(n: u64) -> Fingerprint {
    Fingerprint(LAST + n * 0o1_01_01_01)
}

/// Another that no filter can tell from the first.
const TWIN: Fingerprint = Fingerprint(LAST + (1 << 30));
const LAST: u64 = 0x0f80_0000_0000_0000;
const KEPT: i64 = 9_000;
