//! What the revoked set promises: any order, any repetition, no silent loss, bounded memory.

use proptest::prelude::*;
use verifier::{Marks, Revocation, Revoked};

const NOW: i64 = 1_800_000_000_000;
const KEEP: i64 = NOW + 605_000;

fn marks(sid: u8, user: u8, uep: u64, rat: i64, kid: &str) -> Marks<'_> {
    Marks { sid: [sid; 16], user: Some([user; 16]), uep, rat, kid: Some(kid), client_id: None }
}

fn session(sid: u8) -> Revocation {
    Revocation::Session { sid: [sid; 16], keep_until: KEEP }
}

#[test]
fn at_the_cap_a_floor_is_raised_and_nothing_is_evicted() {
    let revoked = Revoked::new(3, 5);
    for sid in 0..3 {
        revoked.insert(&session(sid), NOW);
    }
    assert_eq!((revoked.len(), revoked.floor()), (3, None));
    assert!(!revoked.is_revoked(&marks(9, 9, 0, NOW - 1, "k")));

    revoked.insert(&session(3), NOW + 10);
    assert_eq!((revoked.len(), revoked.floor()), (3, Some(NOW + 10 + 5_000)));
    for sid in 0..4 {
        assert!(revoked.is_revoked(&marks(sid, 9, 0, NOW, "k")), "session {sid} is still refused");
    }
    assert!(revoked.is_revoked(&marks(9, 9, 0, NOW + 10, "k")), "and so is everybody else read by then");
    assert!(revoked.is_revoked(&marks(9, 9, 0, NOW + 10 + 5_000, "k")), "whatever clocks differ by");
    assert!(!revoked.is_revoked(&marks(9, 9, 0, NOW + 10 + 5_001, "k")), "who refreshes goes on");
    for sid in 0..3 {
        assert!(
            revoked.is_revoked(&marks(sid, 9, 0, NOW + 60_000, "k")),
            "what is stored does not depend on the floor"
        );
    }
}

#[test]
fn at_the_cap_a_raised_epoch_is_not_lost_either() {
    let revoked = Revoked::new(1, 0);
    revoked.insert(&session(1), NOW);
    revoked.insert(&Revocation::Epoch { user: [2; 16], epoch: 5, keep_until: KEEP }, NOW);
    assert!(revoked.is_revoked(&marks(9, 2, 4, NOW, "k")));
    assert!(!revoked.is_revoked(&marks(9, 2, 5, NOW + 1, "k")));
}

#[test]
fn at_the_cap_what_is_known_can_still_be_raised() {
    let revoked = Revoked::new(1, 0);
    revoked.insert(&Revocation::Epoch { user: [2; 16], epoch: 5, keep_until: KEEP }, NOW);
    revoked.insert(&Revocation::Epoch { user: [2; 16], epoch: 6, keep_until: KEEP }, NOW);
    assert_eq!(revoked.floor(), None);
    assert!(revoked.is_revoked(&marks(9, 2, 5, NOW + 1, "k")));
}

#[test]
fn a_dead_key_is_stored_even_when_the_set_is_full() {
    let revoked = Revoked::new(0, 0);
    revoked.insert(&Revocation::Key { kid: "stolen".into(), keep_until: KEEP }, NOW);
    assert_eq!(revoked.floor(), None);
    assert!(revoked.is_revoked(&marks(1, 1, 0, NOW + 500_000, "stolen")), "its thief can sign any time");
    assert!(!revoked.is_revoked(&marks(1, 1, 0, NOW, "good")));
}

#[test]
fn more_dead_keys_than_can_be_kept_refuse_everything() {
    let revoked = Revoked::new(10, 0);
    for n in 0..=Revoked::KEY_CAPACITY {
        assert!(!revoked.is_revoked(&marks(1, 1, 0, NOW, "good")));
        revoked.insert(&Revocation::Key { kid: format!("k{n}"), keep_until: KEEP }, NOW);
    }
    assert!(revoked.is_revoked(&marks(1, 1, 0, i64::MAX, "good")));
    assert_eq!(revoked.len(), Revoked::KEY_CAPACITY);
}

#[test]
fn the_floor_falls_only_when_all_it_stands_for_has_expired() {
    let revoked = Revoked::new(0, 0);
    revoked.insert(&session(1), NOW);
    revoked.insert(&Revocation::Session { sid: [2; 16], keep_until: KEEP + 10 }, NOW);
    revoked.expire(KEEP + 9);
    assert!(revoked.is_revoked(&marks(5, 5, 0, NOW, "k")));
    revoked.expire(KEEP + 10);
    assert!(!revoked.is_revoked(&marks(5, 5, 0, NOW, "k")));
}

#[test]
fn room_comes_back_when_entries_expire() {
    let revoked = Revoked::new(1, 0);
    revoked.insert(&session(1), NOW);
    revoked.expire(KEEP);
    revoked.insert(&Revocation::Session { sid: [2; 16], keep_until: KEEP * 2 }, KEEP);
    assert_eq!((revoked.len(), revoked.floor()), (1, None));
}

#[test]
fn an_entry_told_twice_is_kept_for_the_longer_time() {
    let revoked = Revoked::new(10, 0);
    revoked.insert(&session(1), NOW);
    revoked.insert(&Revocation::Session { sid: [1; 16], keep_until: NOW }, NOW);
    assert_eq!(revoked.len(), 1);
    revoked.expire(KEEP - 1);
    assert!(revoked.is_revoked(&marks(1, 1, 0, NOW, "k")));
}

#[test]
fn a_cookie_session_is_revoked_by_the_same_set() {
    let revoked = Revoked::new(10, 0);
    revoked.insert(&session(1), NOW);
    assert!(revoked.is_revoked(&Marks { sid: [1; 16], user: None, uep: 0, rat: NOW, kid: None, client_id: None }));
}

#[test]
fn an_entry_of_each_kind_is_dropped_at_its_time_and_not_before() {
    let entries = [
        session(1),
        Revocation::Epoch { user: [1; 16], epoch: 5, keep_until: KEEP },
        Revocation::Key { kid: "k".into(), keep_until: KEEP },
    ];
    for entry in entries {
        let revoked = Revoked::new(10, 0);
        assert!(revoked.is_empty());
        revoked.insert(&entry, NOW);
        assert!(!revoked.is_empty());
        revoked.expire(KEEP - 1);
        assert_eq!((revoked.len(), revoked.is_empty()), (1, false), "{entry:?}");
        assert!(revoked.is_revoked(&marks(1, 1, 0, NOW, "k")), "{entry:?}");
        revoked.expire(KEEP);
        assert_eq!((revoked.len(), revoked.is_empty()), (0, true), "{entry:?}");
        assert!(!revoked.is_revoked(&marks(1, 1, 0, NOW, "k")), "{entry:?}");
    }
}

fn any_revocation() -> impl Strategy<Value = Revocation> {
    let keep = KEEP..KEEP + 50;
    prop_oneof![
        (0..6_u8, keep.clone()).prop_map(|(sid, keep_until)| Revocation::Session { sid: [sid; 16], keep_until }),
        (0..6_u8, 0..6_u64, keep.clone()).prop_map(|(user, epoch, keep_until)| Revocation::Epoch {
            user: [user; 16],
            epoch,
            keep_until
        }),
        (0..3_u8, keep.clone()).prop_map(|(kid, keep_until)| Revocation::Key { kid: kid.to_string(), keep_until }),
        (0..3_u8, 0..NOW, keep).prop_map(|(client, read_until, keep_until)| Revocation::Client {
            client_id: client.to_string(),
            read_until,
            keep_until
        }),
    ]
}

proptest! {
    #[test]
    fn neither_order_nor_repetition_matters(entries in prop::collection::vec(any_revocation(), 0..20), seed: usize) {
        let (one, other) = (Revoked::new(100, 0), Revoked::new(100, 0));
        for entry in &entries {
            one.insert(entry, NOW);
        }
        let turn = seed % entries.len().max(1);
        for entry in entries.iter().rev().cycle().skip(turn).take(entries.len() * 2) {
            other.insert(entry, NOW);
        }
        for now in [NOW, KEEP + 25, KEEP + 50] {
            prop_assert_eq!(one.len(), other.len());
            for id in 0..6 {
                for uep in 0..6 {
                    let marks = marks(id, id, uep, NOW, ["0", "1", "2"][usize::from(id) % 3]);
                    prop_assert_eq!(one.is_revoked(&marks), other.is_revoked(&marks));
                }
            }
            one.expire(now);
            other.expire(now);
        }
    }

    #[test]
    fn whatever_the_capacity_nothing_told_is_ever_accepted(
        entries in prop::collection::vec(any_revocation(), 0..30),
        capacity in 0..8_usize,
    ) {
        let revoked = Revoked::new(capacity, 0);
        for entry in &entries {
            revoked.insert(entry, NOW);
        }
        prop_assert!(revoked.len() <= capacity + 3 + 3);
        for entry in &entries {
            let stopped = match entry {
                Revocation::Session { sid, .. } => Marks { sid: *sid, user: None, uep: 0, rat: NOW, kid: None, client_id: None },
                Revocation::Epoch { user, epoch, .. } if *epoch > 0 =>
                    Marks { sid: [99; 16], user: Some(*user), uep: epoch - 1, rat: NOW, kid: None, client_id: None },
                Revocation::Epoch { .. } => continue,
                Revocation::Key { kid, .. } => Marks { sid: [99; 16], user: None, uep: 0, rat: i64::MAX - 1, kid: Some(kid), client_id: None },
                Revocation::Everybody { read_until, .. } => Marks { sid: [99; 16], user: None, uep: 0, rat: *read_until, kid: None, client_id: None },
                Revocation::Client { client_id, read_until, .. } => Marks { sid: [99; 16], user: None, uep: 0, rat: *read_until, kid: None, client_id: Some(client_id) },
            };
            prop_assert!(revoked.is_revoked(&stopped), "{entry:?}");
        }
    }
}
