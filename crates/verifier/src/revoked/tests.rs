//! What the parts promise of their speed and their size, which no answer shows.

use std::collections::HashSet;

use super::Revocation;
use super::filter::Filter;
use super::fingerprint::Fingerprint;
use super::table::Table;

/// Spread as a hash spreads them, and the same each time (splitmix64).
fn fingerprints(of: std::ops::Range<u64>) -> Vec<Fingerprint> {
    let mix = |n: u64| {
        let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        Fingerprint((n ^ n >> 31).max(Fingerprint::LEAST))
    };
    of.map(mix).collect()
}

#[test]
fn a_filter_holds_what_it_was_told_and_lets_one_in_25_others_through_at_most() {
    let others = fingerprints(1_000_000..1_050_000);
    for entries in [512, 4_096, 65_536] {
        let filter = Filter::new();
        let told = fingerprints(0..entries);
        let (refilled, added) = told.split_at(told.len() / 2);
        filter.refill(told.len(), refilled.iter().copied());
        for fingerprint in added {
            filter.add(*fingerprint);
        }
        assert!(told.iter().all(|fingerprint| filter.may_hold(*fingerprint)));
        let through = others.iter().filter(|fingerprint| filter.may_hold(**fingerprint)).count();
        assert!(through < others.len() / 25, "{through} with {entries}");
    }
}

#[test]
fn a_filter_grows_up_to_two_megabytes_and_serves_on() {
    let told = fingerprints(0..10_000);
    let filter = Filter::new();
    let memory = allocation_counter::measure(|| filter.refill(1 << 40, told.iter().copied()));
    // All but the first segment, which it began with.
    assert_eq!(memory.bytes_current, (2 << 20) - 64);
    assert!(told.iter().all(|fingerprint| filter.may_hold(*fingerprint)));
}

#[test]
fn shards_have_equal_shares() {
    let mut shares = [0; Fingerprint::SHARDS];
    for fingerprint in fingerprints(0..16_000) {
        shares[fingerprint.shard()] += 1;
    }
    assert!(shares.iter().all(|share| (800..1_200).contains(share)), "{shares:?}");
}

#[test]
fn searches_in_a_table_begin_at_every_eighth_slot() {
    let table = Table::new(700, false);
    let found = fingerprints(0..10_000);
    let begins: HashSet<usize> = found.iter().map(|fingerprint| table.find(*fingerprint).unwrap_err()).collect();
    assert_eq!(begins, (0..table.slots()).step_by(8).collect());
}

#[test]
fn a_table_has_the_room_that_was_asked_for_and_no_more_than_a_bucket_beyond() {
    for capacity in 1..200 {
        let table = Table::new(capacity, true);
        assert!((capacity..capacity + 7).contains(&table.capacity()), "{capacity}");
        assert_eq!(table.slots(), table.capacity() / 7 * 8);
    }
}

#[test]
fn entries_are_alike_that_say_the_same_for_another_time() {
    let all = |keep_until| {
        let client = |id: &str, read_until| Revocation::Client { client_id: id.to_owned(), read_until, keep_until };
        [
            Revocation::Session { sid: [1; 16], keep_until },
            Revocation::Session { sid: [2; 16], keep_until },
            Revocation::Epoch { user: [1; 16], epoch: 1, keep_until },
            Revocation::Epoch { user: [1; 16], epoch: 2, keep_until },
            Revocation::Epoch { user: [2; 16], epoch: 1, keep_until },
            Revocation::Key { kid: "1".to_owned(), keep_until },
            Revocation::Key { kid: "2".to_owned(), keep_until },
            Revocation::Everybody { read_until: 1, keep_until },
            Revocation::Everybody { read_until: 2, keep_until },
            client("1", 1),
            client("1", 2),
            client("2", 1),
        ]
    };
    for (at, one) in all(5).iter().enumerate() {
        for (other_at, other) in all(9).iter().enumerate() {
            assert_eq!(one.is_like(other), at == other_at, "{one:?} and {other:?}");
        }
        assert_eq!(one.keep_until(), 5);
    }
}
