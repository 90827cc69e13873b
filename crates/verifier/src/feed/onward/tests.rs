//! What a relay tells, beside what it was told.

use proptest::prelude::*;

use super::*;
use crate::Marks;
use crate::feed::{Answer, Frame, Frames, Position};

fn onward(capacity: usize) -> Onward {
    Onward::new(capacity, 5, "r", || Some(View { now_ms: 0, age_ms: 0 }))
}

fn session(sid: u8, keep_until: i64) -> Revocation {
    Revocation::Session { sid: [sid; 16], keep_until }
}

fn told(onward: &Onward, position: Option<&Position>, now_ms: i64) -> (Vec<Revocation>, Position) {
    let Answer { bytes, position, .. } = onward.feed().log().answer(position, 0, now_ms);
    let (mut frames, mut entries) = (Frames::default(), Vec::new());
    frames.push(&bytes);
    while let Some(frame) = frames.next(now_ms) {
        if let Frame::Entry(entry) = frame {
            entries.push(entry);
        }
    }
    (entries, position)
}

/// Up to when everybody is refused.
fn everybody_until(onward: &Onward, now_ms: i64) -> Option<i64> {
    told(onward, None, now_ms).0.iter().find_map(|entry| match entry {
        Revocation::Everybody { read_until, .. } => Some(*read_until),
        _ => None,
    })
}

#[test]
fn what_is_heard_again_is_told_once_and_what_says_more_is_told_again() {
    let onward = onward(10);
    onward.hear(vec![session(1, 60_000)], 0);
    let (_, position) = told(&onward, None, 0);
    onward.hear(vec![session(1, 60_900)], 0);
    assert_eq!(told(&onward, Some(&position), 0).0, [], "estimated anew");
    onward.hear(vec![session(1, 90_000)], 0);
    let (again, _) = told(&onward, Some(&position), 0);
    assert!(again[0].keep_until() >= 90_000, "{again:?}");
    assert_eq!(onward.feed().log().len(), 1, "one entry takes the place of the other");
}

#[test]
fn entries_are_told_by_their_maximum() {
    let onward = onward(10);
    let epoch = |epoch, keep_until| Revocation::Epoch { user: [1; 16], epoch, keep_until };
    onward.hear(vec![epoch(7, 60_000)], 0);
    onward.hear(vec![epoch(3, 200_000)], 0);
    onward.hear(vec![epoch(9, 50_000)], 0);
    let (entries, _) = told(&onward, None, 0);
    let [Revocation::Epoch { epoch: 9, keep_until, .. }] = entries[..] else { panic!("{entries:?}") };
    assert!(keep_until >= 200_000);
}

#[test]
fn an_answer_says_no_earlier_time_than_the_end_of_what_was_dropped() {
    let onward = onward(10);
    onward.hear(vec![session(1, 60_000)], 0);
    onward.expire(80_000);
    assert!(onward.feed().log().is_empty());
    let answer = onward.feed().log().answer(None, 0, 1_000);
    let mut frames = Frames::default();
    frames.push(&answer.bytes);
    let Some(Frame::Watermark(watermark)) = frames.next(0) else { panic!("only a watermark") };
    assert_eq!(watermark.now_ms, 80_000);
    onward.hear(vec![session(1, 100_000)], 80_000);
    assert_eq!(onward.feed().log().len(), 1, "it may come back");
}

#[test]
fn beyond_the_cap_everybody_is_refused_and_memory_stays_as_it_is() {
    let onward = onward(2);
    onward.hear((0..200).map(|sid| session(sid, 60_000)).collect(), 1_000);
    assert_eq!(onward.feed().log().len(), 3);
    let revoked = Revoked::new(10, 5);
    for entry in told(&onward, None, 1_000).0 {
        revoked.insert(&entry, 1_000);
    }
    let marks = |sid: u8, rat| Marks { sid: [sid; 16], user: None, uep: 0, rat, kid: None, client_id: None };
    for sid in 0..200 {
        assert!(revoked.is_revoked(&marks(sid, 1_000)), "{sid}");
    }
    assert!(revoked.is_revoked(&marks(250, 1_000)), "more than was asked for");
    assert!(!revoked.is_revoked(&marks(250, 7_000)), "whoever refreshes goes on");
}

#[test]
fn at_the_cap_a_key_and_a_client_are_withdrawn_alone() {
    let onward = onward(2);
    let key = |number: usize| Revocation::Key { kid: format!("k{number}"), keep_until: 60_000 };
    let client =
        |number: usize| Revocation::Client { client_id: number.to_string(), read_until: 9_000, keep_until: 60_000 };
    let all = |of: &dyn Fn(usize) -> Revocation| (0..Revoked::KEY_CAPACITY).map(of).collect();
    onward.hear(vec![session(1, 60_000), session(2, 60_000)], 1_000);
    onward.hear(all(&key), 1_000);
    onward.hear(all(&client), 1_000);
    assert_eq!(onward.feed().log().len(), 2 + 2 * Revoked::KEY_CAPACITY);
    assert_eq!(everybody_until(&onward, 1_000), None);
    onward.hear(vec![client(Revoked::KEY_CAPACITY)], 1_000);
    assert_eq!(everybody_until(&onward, 1_000), Some(9_000));
    onward.hear(vec![key(Revoked::KEY_CAPACITY)], 1_000);
    assert_eq!(everybody_until(&onward, 1_000), Some(i64::MAX), "a thief's token may say anything");
    onward.expire(80_000);
    let new = Revocation::Client { client_id: "new".into(), read_until: 79_000, keep_until: 90_000 };
    onward.hear(vec![Revocation::Key { kid: "new".into(), keep_until: 90_000 }, new], 80_000);
    let entries = told(&onward, None, 80_000).0;
    assert!(
        matches!(entries[..], [Revocation::Key { .. }, Revocation::Client { .. }]),
        "there is room again: {entries:?}"
    );
}

#[test]
fn what_has_room_of_its_own_takes_none_from_sessions_and_what_is_known_needs_none() {
    let onward = onward(2);
    let client = Revocation::Client { client_id: "web".into(), read_until: 500, keep_until: 60_000 };
    let everybody = Revocation::Everybody { read_until: 400, keep_until: 60_000 };
    onward.hear(vec![Revocation::Key { kid: "k".into(), keep_until: 60_000 }, client, everybody], 1_000);
    onward.hear(vec![session(1, 60_000), session(2, 60_000)], 1_000);
    assert_eq!((onward.feed().log().len(), everybody_until(&onward, 1_000)), (5, Some(400)));
    onward.hear(vec![session(1, 90_000)], 1_000);
    assert_eq!((onward.feed().log().len(), everybody_until(&onward, 1_000)), (5, Some(400)));
    onward.hear(vec![session(3, 60_000)], 1_000);
    assert_eq!(everybody_until(&onward, 1_000), Some(6_000), "now there is no room");
}

proptest! {
    #[test]
    fn whoever_follows_step_by_step_refuses_whatever_was_heard(
        heard in prop::collection::vec((0u8..4, 0u8..6, 0i64..50), 0..60), capacity in 1usize..8,
    ) {
        let onward = onward(capacity);
        let (ours, theirs) = (Revoked::new(100, 5), Revoked::new(100, 5));
        let mut position = None;
        for (kind, of, level) in heard {
            let keep_until = 60_000 + level;
            let entry = match kind {
                0 => Revocation::Session { sid: [of; 16], keep_until },
                1 => Revocation::Epoch { user: [of; 16], epoch: level as u64, keep_until },
                2 => Revocation::Client { client_id: of.to_string(), read_until: level, keep_until },
                _ => Revocation::Everybody { read_until: level - 20, keep_until },
            };
            ours.insert(&entry, 0);
            onward.hear(vec![entry], 0);
            let (entries, next) = told(&onward, position.as_ref(), 0);
            position = Some(next);
            for entry in &entries {
                theirs.insert(entry, 0);
            }
        }
        let clients = 6;
            prop_assert!(onward.feed().log().len() <= capacity + clients + 1);
        for of in 0..6u8 {
            let name = of.to_string();
            for rat in 0..50 {
                let marks = Marks { sid: [of; 16], user: Some([of; 16]), uep: 20, rat, kid: None, client_id: Some(&name) };
                prop_assert!(!ours.is_revoked(&marks) || theirs.is_revoked(&marks));
            }
        }
    }
}
