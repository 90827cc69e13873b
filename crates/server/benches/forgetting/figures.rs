//! What came out: for each session, how long after the acknowledgement it was still let in anywhere.

use std::collections::HashSet;

use domain::SessionId;

use crate::clock::MILLISECOND;
use crate::ending::Call;
use crate::traffic::Traffic;
use crate::words::{Seen, Watched};

/// The verifiers that were connected all the time, or those that were cut off.
pub struct Figures {
    pub name: &'static str,
    pub verifiers: usize,
    /// From the acknowledgement to the last check that began and let the session in, anywhere; in nanoseconds, one for
    /// each session. Below 0: it was refused everywhere before the answer came.
    pub accepted: Vec<i64>,
    /// From the acknowledgement to when the last verifier had refused it for the first time.
    pub refused: Vec<i64>,
    /// How many sessions were let in later than the bound after the acknowledgement.
    pub violations: usize,
    pub watched: Watched,
}

/// Everything about one run.
pub struct Outcome {
    pub groups: Vec<Figures>,
    pub calls: Vec<Call>,
    /// How long each call took, counted from when it was due; in nanoseconds.
    pub answered_in: Vec<i64>,
    /// How many were acknowledged that the database has not, with the one that came right before the server was killed.
    pub lost: usize,
    pub everything: Traffic,
    pub stream: Traffic,
    /// What share of one processor the server took while sessions were ended.
    pub server_busy: f64,
    /// How long each verifier took to start, in milliseconds.
    pub started_in: Vec<f64>,
}

impl Figures {
    pub fn new(name: &'static str, verifiers: usize, watched: Vec<Watched>, calls: &[Call], bound: u64) -> Self {
        let all = watched.into_iter().reduce(together).expect("there is a process in every group");
        let since = |pick: fn(&Seen) -> Option<i64>, otherwise| -> Vec<i64> {
            let pairs = all.sessions.iter().zip(calls);
            pairs.map(|(seen, call)| pick(seen).map_or(otherwise, |moment| moment - call.acknowledged)).collect()
        };
        let accepted = since(|seen| seen.accepted, i64::MIN);
        let refused = since(|seen| seen.refused, i64::MAX);
        let violations = accepted.iter().filter(|late| **late > bound as i64 * MILLISECOND).count();
        Self { name, verifiers, accepted, refused, violations, watched: all }
    }

    pub fn checks_per_second(&self) -> f64 {
        self.watched.checks as f64 * 1e9 / self.watched.span as f64
    }
}

/// What two processes have seen.
fn together(one: Watched, other: Watched) -> Watched {
    Watched {
        sessions: one.sessions.into_iter().zip(other.sessions).map(|(one, other)| one.and(other)).collect(),
        checks: one.checks + other.checks,
        span: one.span.max(other.span),
        stale: one.stale + other.stale,
        revived: one.revived + other.revived,
        left: one.left + other.left,
        entries: [one.entries, other.entries].concat(),
    }
}

/// How many of those that were acknowledged are not among those that the database says have ended.
pub fn lost(acknowledged: impl Iterator<Item = SessionId>, ended: &HashSet<String>) -> usize {
    let hexadecimal = |id: SessionId| id.to_string().replace('-', "").to_uppercase();
    acknowledged.filter(|id| !ended.contains(&hexadecimal(*id))).count()
}

/// The value below which so many percent are.
pub fn percentile(values: &[i64], percent: usize) -> i64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}
