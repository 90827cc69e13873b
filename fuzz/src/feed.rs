//! What must hold for whatever comes in on the revocation feed: frames, positions, questions. Not part of this package's library, which is
//! about `crates/token` alone.

use verifier::feed::{Frame, Frames, LONGEST_WAIT, Log, Onward, Position, Question, Seen, View};
use verifier::{Marks, Revocation, Revoked};

/// A check of this file.
pub type Target = fn(&[u8]) -> bool;

/// Each of them has a program in `targets`.
pub const TARGETS: [(&str, Target); 3] =
    [("feed_frames", frames), ("feed_position", position), ("feed_question", question)];

/// Bytes as an answer. It is accepted if every frame is whole and known.
pub fn frames(bytes: &[u8]) -> bool {
    let (read, is_between) = split(bytes, bytes.len().max(1));
    let size = bytes.first().map_or(1, |first| usize::from(*first % 13) + 1);
    assert_eq!(split(bytes, size), (read.clone(), is_between), "however it is cut into parts");
    assert!(read.len() * 3 <= bytes.len());
    for frame in &read {
        let mut again = Vec::new();
        frame.encode(0, &mut again);
        let expected = if *frame == Frame::Unknown { Vec::new() } else { vec![frame.clone()] };
        assert_eq!(split(&again, again.len().max(1)), (expected, true), "what was read can be written");
    }
    passes_on(&read);
    is_between && !read.is_empty() && !read.contains(&Frame::Unknown)
}

fn split(bytes: &[u8], size: usize) -> (Vec<Frame>, bool) {
    let (mut frames, mut read) = (Frames::default(), Vec::new());
    for part in bytes.chunks(size) {
        frames.push(part);
        while let Some(frame) = frames.next(0) {
            read.push(frame);
        }
    }
    (read, frames.is_between())
}

/// Whoever follows a relay refuses whatever the relay was told to refuse, however little the relay can keep.
fn passes_on(read: &[Frame]) {
    let heard: Vec<&Revocation> =
        read.iter().filter_map(|frame| if let Frame::Entry(one) = frame { Some(one) } else { None }).collect();
    let (near, far) = (Revoked::new(10_000, 5), Revoked::new(10_000, 5));
    let onward = Onward::new(heard.len() / 2, 5, "r", || Some(View { now_ms: 0, age_ms: 0 }));
    for entry in &heard {
        near.insert(entry, 0);
        onward.hear(vec![(*entry).clone()], 0);
    }
    let has_own_room = |entry: &&&Revocation| matches!(entry, Revocation::Key { .. } | Revocation::Client { .. });
    let named = heard.iter().filter(has_own_room).count();
    assert!(onward.feed().log().len() <= heard.len() / 2 + named + 1, "memory is bounded");
    let (told, is_whole) = split_answer(&onward.feed().log().answer(None, 0, 0).bytes);
    assert!(is_whole);
    for entry in &told {
        far.insert(entry, 0);
    }
    let is_live = |sid: &[u8; 16]| !told_of(&heard, *sid);
    let Some(sid) = (0..=u8::MAX).map(|byte| [byte; 16]).find(is_live) else { return };
    for entry in &heard {
        // What was read more than the leeway after a session's end was announced cannot be that session's.
        let is_dated = matches!(entry, Revocation::Session { .. } | Revocation::Epoch { .. });
        for rat in [i64::MIN, -1, 0, 1, 5_000, 5_001, i64::MAX].into_iter().filter(|rat| !is_dated || *rat <= 5_000) {
            for marks in marks_of(entry, sid, rat) {
                assert!(!near.is_revoked(&marks) || far.is_revoked(&marks), "{entry:?} at {rat}");
            }
        }
    }
}

fn told_of(heard: &[&Revocation], session: [u8; 16]) -> bool {
    heard.iter().any(|entry| matches!(entry, Revocation::Session { sid, .. } if *sid == session))
}

fn split_answer(bytes: &[u8]) -> (Vec<Revocation>, bool) {
    let (frames, is_between) = split(bytes, bytes.len());
    let ends_well = matches!(frames.last(), Some(Frame::Watermark(_)));
    let entries = frames.into_iter().filter_map(|frame| if let Frame::Entry(one) = frame { Some(one) } else { None });
    (entries.collect(), is_between && ends_well)
}

/// Credentials that an entry is about, or nearly, of this session if of no other.
fn marks_of(entry: &Revocation, sid: [u8; 16], rat: i64) -> Vec<Marks<'_>> {
    let nobody = Marks { sid, user: None, uep: 0, rat, kid: None, client_id: None };
    match entry {
        Revocation::Session { sid, .. } => vec![Marks { sid: *sid, ..nobody }],
        Revocation::Epoch { user, epoch, .. } => [epoch.saturating_sub(1), *epoch, epoch.saturating_add(1)]
            .map(|uep| Marks { user: Some(*user), uep, ..nobody })
            .to_vec(),
        Revocation::Key { kid, .. } => vec![Marks { kid: Some(kid), ..nobody }],
        Revocation::Everybody { read_until, .. } => vec![nobody, Marks { rat: *read_until, ..nobody }],
        Revocation::Client { client_id, read_until, .. } => {
            vec![
                Marks { client_id: Some(client_id), ..nobody },
                Marks { client_id: Some(client_id), rat: *read_until, ..nobody },
            ]
        }
    }
}

/// Bytes as a position in the log of `db`.
pub fn position(bytes: &[u8]) -> bool {
    let Some(position) = std::str::from_utf8(bytes).ok().and_then(Position::parse) else { return false };
    assert_eq!(Position::parse(position.as_str()).as_ref(), Some(&position));
    let log = Log::default();
    let entry = |sid| Revocation::Session { sid: [sid; 16], keep_until: 60_000 };
    log.extend([(7, entry(7)), (740, entry(74)), (u64::MAX - 1, entry(9))], "db", Seen::below(u64::MAX));
    let (told, is_whole) = split_answer(&log.answer(Some(&position), 0, 0).bytes);
    assert!(is_whole);
    assert!(log.has_news_since(&position) || told.is_empty() || position == log.answer(None, 0, 0).position);
    let Some(seen) = Seen::parse(&position, "db") else {
        assert_eq!(told.len(), 3, "a position that cannot be placed is answered with everything");
        return false;
    };
    assert!(!seen.has(seen.lowest_missing()) && !seen.has(u64::MAX));
    assert_eq!(told.len(), [7, 740, u64::MAX - 1].iter().filter(|number| !seen.has(**number)).count());
    let again = Seen::parse(&seen.position("db"), "db").expect("what was read can be written");
    let near = [0, 7, 740, seen.lowest_missing(), again.lowest_missing(), u64::MAX - 1];
    for number in near.into_iter().flat_map(|number| [number.saturating_sub(1), number, number.saturating_add(1)]) {
        assert!(!again.has(number) || seen.has(number), "it never says more than was seen: {number}");
    }
    true
}

/// Bytes as the query of a question.
pub fn question(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(question) = Question::parse(text) else { return false };
    assert!(question.wait <= LONGEST_WAIT && question.wait.subsec_nanos() % 1_000_000 == 0);
    let mut again = format!("wait={}", question.wait.as_millis());
    for (name, value) in
        [("position", question.position.as_ref().map(Position::as_str)), ("name", question.name.as_deref())]
    {
        if let Some(value) = value {
            again.extend(["&", name, "=", value]);
        }
    }
    assert_eq!(Question::parse(&again), Ok(question), "it needs no escapes");
    assert_eq!(Question::parse(&format!("{again}&wait=1")), Err("a parameter is there twice."));
    true
}
