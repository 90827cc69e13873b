//! What the processes tell each other: one line of JSON each time.

use std::io::{BufRead, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a process with verifiers is to do.
#[derive(Serialize, Deserialize)]
pub struct Task {
    pub issuer: String,
    pub credential: String,
    /// What its verifiers call themselves, before their number.
    pub name: String,
    pub verifiers: u32,
    /// In milliseconds.
    pub bound: u64,
    /// In percent.
    pub load: u32,
    pub nice: i32,
    /// Tokens of sessions that stay.
    pub staying: Vec<String>,
    /// Those of sessions that are ended, in this order.
    pub ending: Vec<String>,
}

/// All its verifiers have learnt everything, and seen every token.
#[derive(Serialize, Deserialize)]
pub struct Ready {
    /// How long each took to start, in milliseconds.
    pub started_in: Vec<f64>,
}

/// When sessions are ended; in nanoseconds.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Schedule {
    pub start: i64,
    pub interval: i64,
}

/// What the verifiers of a process have seen.
#[derive(Default, Serialize, Deserialize)]
pub struct Watched {
    pub sessions: Vec<Seen>,
    /// How many checks there were in all.
    pub checks: u64,
    /// For how long, in nanoseconds.
    pub span: i64,
    /// How many tokens of live sessions were refused because too little was known.
    pub stale: u64,
    /// How many tokens were accepted after they had been refused as revoked.
    pub revived: u64,
    /// How many of the sessions that were ended some verifier accepted at the very end.
    pub left: u64,
    /// How many entries the verifiers had then.
    pub entries: Vec<usize>,
}

/// What became of a session at the verifiers of one process, or at all of them. Moments, in nanoseconds.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub struct Seen {
    /// When the last check began that let it in, anywhere. It may have been over much later, if the thread had to wait
    /// for a processor; that says nothing of when it was decided.
    pub accepted: Option<i64>,
    /// When the last of the verifiers had refused it for the first time. `None` if one never did.
    pub refused: Option<i64>,
}

impl Seen {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        let refused = self.refused.zip(other.refused).map(|(one, other)| one.max(other));
        Self { accepted: self.accepted.max(other.accepted), refused }
    }
}

impl Schedule {
    /// When the session of this number is to be ended.
    pub fn due(&self, number: usize) -> i64 {
        self.start + self.interval * number as i64
    }
}

pub fn say(to: &mut impl Write, what: &impl Serialize) {
    writeln!(to, "{}", serde_json::to_string(what).unwrap()).unwrap();
    to.flush().unwrap();
}

pub fn hear<T: DeserializeOwned>(from: &mut impl BufRead) -> T {
    let mut line = String::new();
    assert_ne!(from.read_line(&mut line).unwrap(), 0, "the other process has ended");
    serde_json::from_str(&line).unwrap()
}
