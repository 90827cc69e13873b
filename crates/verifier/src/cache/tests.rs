//! The cache against a plain map, and what a map does not have: a bound, and who gives way.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use token::{Claims, Expectation, Profile};

use super::*;

fn entry(generation: u64) -> Entry {
    Entry::new(Claims::default(), "k", &Expectation::new(Profile::Rfc9068, "i", "a"), generation)
}

/// A token of so many bytes.
fn named(n: usize, length: usize) -> String {
    format!("{n:0>length$}")
}

fn keep(cache: &Verified, token: &str, generation: u64) {
    cache.insert(cache.address(token), token, entry(generation));
}

fn found(cache: &Verified, token: &str) -> Option<u64> {
    cache.lookup(cache.address(token), token).map(|entry| entry.generation)
}

fn in_state(cache: &Verified, state: State) -> usize {
    cache.buckets.iter().map(|bucket| (0..PLACES).filter(|place| bucket.state(*place) == state).count()).sum()
}

#[derive(Clone, Debug)]
enum Step {
    Insert(usize, u64),
    Remove(usize),
    Lookup(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..40_usize, any::<u64>()).prop_map(|(n, generation)| Step::Insert(n, generation)),
        1 => (0..40_usize).prop_map(Step::Remove),
        2 => (0..40_usize).prop_map(Step::Lookup),
    ];
    prop::collection::vec(step, 0..200)
}

/// Every third token takes the room of two.
fn token(n: usize) -> String {
    named(n, if n.is_multiple_of(3) { 1_500 } else { 400 })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_room_for_all_it_is_a_map(steps in steps()) {
        let (cache, mut map) = (Verified::new(1_000), HashMap::new());
        for step in steps {
            match step {
                Step::Insert(n, generation) => {
                    keep(&cache, &token(n), generation);
                    map.insert(n, generation);
                }
                Step::Remove(n) => {
                    cache.remove(cache.address(&token(n)), &token(n));
                    map.remove(&n);
                }
                Step::Lookup(n) => prop_assert_eq!(found(&cache, &token(n)), map.get(&n).copied()),
            }
            prop_assert_eq!(cache.len(), map.len());
        }
    }

    #[test]
    fn without_it_is_a_part_of_a_map_within_its_bound(steps in steps(), capacity in 0..20_usize) {
        let (cache, mut map) = (Verified::new(capacity), HashMap::new());
        for step in steps {
            match step {
                Step::Insert(n, generation) => {
                    keep(&cache, &token(n), generation);
                    map.insert(n, generation);
                    let fits = weight(token(n).len()) <= capacity;
                    prop_assert_eq!(found(&cache, &token(n)), fits.then_some(generation), "what came last is there");
                }
                Step::Remove(n) => {
                    cache.remove(cache.address(&token(n)), &token(n));
                    map.remove(&n);
                }
                Step::Lookup(n) => {
                    let found = found(&cache, &token(n));
                    prop_assert!(found.is_none() || found == map.get(&n).copied());
                }
            }
            let kept: Vec<usize> = map.keys().copied().filter(|n| found(&cache, &token(*n)).is_some()).collect();
            prop_assert_eq!(kept.len(), cache.len());
            prop_assert!(kept.iter().map(|n| weight(token(*n).len())).sum::<usize>() <= capacity);
        }
    }
}

#[test]
fn it_is_filled_to_its_capacity_and_no_further() {
    for capacity in [0, 1, 2, 14] {
        let cache = Verified::new(capacity);
        for n in 0..50 {
            keep(&cache, &named(n, 400), 0);
            assert_eq!(cache.len(), capacity.min(n + 1));
        }
    }
}

#[test]
fn a_token_weighs_one_for_each_kibibyte_begun() {
    assert_eq!([0, 1_023, 1_024, 5_000].map(weight), [1, 1, 2, 5]);
}

#[test]
fn the_room_of_a_long_token_can_be_used_again() {
    let cache = Verified::new(10);
    keep(&cache, &named(0, 9_500), 0);
    keep(&cache, &named(1, 400), 0);
    assert_eq!(cache.len(), 1, "both weigh eleven");
    for n in 2..11 {
        keep(&cache, &named(n, 400), 0);
    }
    assert_eq!(cache.len(), 10);
}

#[test]
fn between_a_half_and_three_quarters_of_the_table_stay_empty() {
    for capacity in [14, 15, 100, 1_000, 5_000] {
        let places = Verified::new(capacity).buckets.len() * PLACES;
        assert!((capacity * 2..=capacity * 4).contains(&places), "{places} for {capacity}");
    }
}

#[test]
fn who_is_asked_for_stays_while_others_pass() {
    let cache = Verified::new(100);
    keep(&cache, "asked", 7);
    for n in 0..2_000 {
        assert_eq!(found(&cache, "asked"), Some(7), "after {n} others");
        keep(&cache, &named(n, 400), 0);
    }
}

#[test]
fn who_is_asked_for_no_longer_gives_way() {
    let cache = Verified::new(10);
    keep(&cache, "asked", 7);
    assert_eq!(found(&cache, "asked"), Some(7));
    for n in 0..100 {
        keep(&cache, &named(n, 400), 0);
    }
    assert_eq!(found(&cache, "asked"), None);
}

#[test]
fn where_all_are_asked_for_one_gives_way_after_a_bounded_search() {
    let cache = Verified::new(100);
    for n in 0..100 {
        keep(&cache, &named(n, 400), 0);
        assert!(found(&cache, &named(n, 400)).is_some());
    }
    assert_eq!(in_state(&cache, State::Used), 100);
    keep(&cache, "one more", 0);
    assert_eq!(cache.len(), 100);
    assert_eq!(in_state(&cache, State::Used), 100 - PATIENCE as usize - 1);
    // The hand has gone on: what it forgave goes when it comes round, not at once.
    assert!(found(&cache, "one more").is_some());
    keep(&cache, "another", 0);
    assert_eq!(in_state(&cache, State::Used), 101 - 2 * (PATIENCE as usize + 1));
}

#[test]
fn of_tokens_that_belong_in_one_place_as_many_are_kept_as_fit_and_the_last_always() {
    let (cache, address) = (Verified::new(1_000), Address(u64::MAX));
    let names: Vec<String> = (0..60).map(|n| named(n, 400)).collect();
    for (n, name) in names.iter().enumerate() {
        cache.insert(address, name, entry(0));
        assert!(cache.lookup(address, name).is_some());
        assert_eq!(cache.len(), (n + 1).min(NEAR * PLACES));
    }
    let kept = names.iter().filter(|name| cache.lookup(address, name).is_some()).count();
    assert_eq!(kept, NEAR * PLACES);
}

#[test]
fn a_hit_counts_no_reference_and_from_the_second_on_writes_nothing() {
    let cache = Verified::new(10);
    keep(&cache, "token", 0);
    assert_eq!(in_state(&cache, State::Unused), 1);
    for _ in 0..2 {
        let found = cache.lookup(cache.address("token"), "token").unwrap();
        assert_eq!(Kept::strong_count(found.0.as_ref().unwrap()), 1);
        assert_eq!(std::sync::Arc::strong_count(&found.claims), 1);
        assert_eq!(in_state(&cache, State::Used), 1);
    }
}

#[test]
fn an_entry_stays_what_it_is_while_somebody_looks_at_it() {
    let cache = Verified::new(10);
    keep(&cache, "token", 7);
    let looks: Vec<Found> = (0..20).map(|_| cache.lookup(cache.address("token"), "token").unwrap()).collect();
    cache.remove(cache.address("token"), "token");
    keep(&cache, "token", 8);
    assert!(looks.iter().all(|found| found.generation == 7));
    assert_eq!(found(&cache, "token"), Some(8));
}

#[test]
fn tokens_are_told_apart_by_their_ends_whatever_their_length() {
    let cache = Verified::new(10);
    for (one, other) in [("a.b.c".to_owned(), "a.b.d".to_owned()), (format!("{:a>100}", "x"), format!("{:a>100}", "y"))]
    {
        assert_eq!(cache.address(&one).0, cache.address(&one.clone()).0);
        assert_ne!(cache.address(&one).0, cache.address(&other).0);
    }
}

#[test]
fn tags_are_many_and_never_that_of_a_free_place() {
    let cache = Verified::new(10);
    let tags: HashSet<u8> = (0..2_000).map(|n| cache.address(&named(n, 40)).tag()).collect();
    assert!(tags.len() > 100 && !tags.contains(&0));
}
