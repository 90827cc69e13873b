//! The vectors of the revocation feed, which verifiers in other languages are held against too.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::{Value, json};
use verifier::feed::{Frame, Frames, Freshness, Position, Watermark};
use verifier::{Marks, Revocation, Revoked};

fn vectors(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/vectors/feed/{file}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A frame that came in when the clock stood at zero, as the vectors write it.
fn written(frame: &Frame) -> Value {
    let seconds = |keep_until: i64| keep_until / 1_000;
    match frame {
        Frame::Entry(Revocation::Session { sid, keep_until }) => {
            json!({"session": {"remaining": seconds(*keep_until), "sid": hex(sid)}})
        }
        Frame::Entry(Revocation::Epoch { user, epoch, keep_until }) => {
            json!({"epoch": {"remaining": seconds(*keep_until), "user": hex(user), "epoch": epoch}})
        }
        Frame::Entry(Revocation::Key { kid, keep_until }) => {
            json!({"key": {"remaining": seconds(*keep_until), "kid": kid}})
        }
        Frame::Entry(Revocation::Everybody { read_until, keep_until }) => {
            json!({"everybody": {"remaining": seconds(*keep_until), "moment": read_until}})
        }
        Frame::Entry(Revocation::Client { client_id, read_until, keep_until }) => {
            json!({"client": {"remaining": seconds(*keep_until), "moment": read_until, "client_id": client_id}})
        }
        Frame::Watermark(Watermark { age_ms, now_ms, position }) => {
            json!({"watermark": {"age": age_ms, "now": now_ms, "position": position.as_str()}})
        }
        Frame::End => json!("end"),
        Frame::Unknown => json!("unknown"),
    }
}

#[test]
fn frames_are_read_as_the_vectors_say_however_they_are_cut_into_parts() {
    for vector in vectors("frames") {
        let bytes = bytes(&vector["hex"]);
        for size in [1, 2, 7, bytes.len()] {
            let (mut frames, mut read) = (Frames::default(), Vec::new());
            for part in bytes.chunks(size) {
                frames.push(part);
                while let Some(frame) = frames.next(0) {
                    read.push(written(&frame));
                }
            }
            assert_eq!(json!(read), vector["frames"], "{}", vector["name"]);
            assert_eq!(frames.is_between(), vector["whole"], "{}", vector["name"]);
        }
    }
}

#[test]
fn frames_are_written_as_the_vectors_say() {
    let mut count = 0;
    for vector in vectors("frames") {
        let original = bytes(&vector["hex"]);
        let (mut frames, mut again, mut is_known) = (Frames::default(), Vec::new(), true);
        frames.push(&original);
        while let Some(frame) = frames.next(0) {
            is_known &= frame != Frame::Unknown;
            frame.encode(0, &mut again);
        }
        if is_known && frames.is_between() {
            assert_eq!(again, original, "{}", vector["name"]);
            count += 1;
        }
    }
    assert!(count >= 10, "most vectors are of frames that can be written: {count}");
}

/// A verifier, as small as it can be.
struct Small {
    revoked: Revoked,
    freshness: Freshness,
    asked: HashMap<u64, i64>,
}

impl Small {
    fn answer(&mut self, asked: i64, bytes: &[u8]) {
        let Some(watermark) = Self::read(bytes, 0, |_| {}).1 else { return };
        let (is_known, _) = Self::read(bytes, watermark.now_ms, |entry| self.revoked.insert(&entry, watermark.now_ms));
        if is_known {
            self.freshness.learn(asked, watermark.view());
        }
    }

    /// Whether everything was known, and the watermark at the end.
    fn read(bytes: &[u8], now: i64, mut heed: impl FnMut(Revocation)) -> (bool, Option<Watermark>) {
        let (mut frames, mut is_known, mut last) = (Frames::default(), true, None);
        frames.push(bytes);
        while let Some(frame) = frames.next(now) {
            last = None;
            match frame {
                Frame::Entry(entry) => heed(entry),
                Frame::Watermark(watermark) => last = Some(watermark),
                Frame::Unknown => is_known = false,
                Frame::End => {}
            }
        }
        (is_known, last)
    }

    fn check(&self, at: i64, token: &Value, bound: i64, leeway: i64) -> &'static str {
        let id = |name: &str| <[u8; 16]>::try_from(bytes(&token[name])).unwrap();
        let number = |name: &str| token[name].as_i64().unwrap();
        let Some(view) = self.freshness.at(at) else { return "not_ready" };
        let marks = Marks {
            sid: id("sid"),
            user: Some(id("sub")),
            uep: token["uep"].as_u64().unwrap(),
            rat: number("rat"),
            kid: token["kid"].as_str(),
            client_id: token["client_id"].as_str(),
        };
        if view.now_ms >= (number("exp") + leeway) * 1_000 {
            "expired"
        } else if self.revoked.is_revoked(&marks) {
            "revoked"
        } else if view.age_of(number("rat")) <= bound {
            "accepted"
        } else {
            "stale"
        }
    }
}

#[test]
fn every_history_of_the_vectors_ends_in_the_verdicts_that_they_say() {
    let mut checks = 0;
    for history in vectors("histories") {
        let (bound, leeway) = (history["bound"].as_i64().unwrap(), history["leeway"].as_i64().unwrap());
        let revoked = Revoked::new(100, u32::try_from(leeway).unwrap());
        let mut small = Small { revoked, freshness: Freshness::default(), asked: HashMap::new() };
        for step in history["steps"].as_array().unwrap() {
            let at = step["at"].as_i64().unwrap();
            if let Some(question) = step["ask"].as_u64() {
                small.asked.insert(question, at);
            } else if let Some(question) = step["answer"].as_u64() {
                small.answer(small.asked[&question], &bytes(&step["hex"]));
            } else if step["stream"].is_string() {
                let now = small.freshness.at(at).unwrap().now_ms;
                Small::read(&bytes(&step["stream"]), now, |entry| small.revoked.insert(&entry, now));
            } else {
                let verdict = small.check(at, &step["check"], bound, leeway);
                assert_eq!(verdict, step["verdict"], "{}: {step}", history["name"]);
                checks += 1;
            }
        }
    }
    assert!(checks > 30, "{checks}");
}

#[test]
fn a_position_is_only_what_can_stand_in_a_url() {
    for good in ["a", "1.db.747:4:2,3", "~_-.", &"p".repeat(2_048)] {
        assert_eq!(Position::parse(good).unwrap().as_str(), good);
    }
    for bad in ["", " ", "a b", "a&b", "a%20", "é", "a\n", &"p".repeat(2_049)] {
        assert!(Position::parse(bad).is_none(), "{bad}");
    }
}
