//! What was acknowledged, and what the verifiers did.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

/// Shared by those who read what verifiers say.
#[derive(Clone, Default)]
pub struct Ledger(Arc<(Mutex<Entries>, Condvar)>);

#[derive(Default)]
struct Entries {
    /// When the end of a session was acknowledged, in microseconds of the clock of all.
    ended: HashMap<String, i64>,
    /// By verifier, token and mode.
    seen: BTreeMap<(String, String, String), Seen>,
    ready: Vec<String>,
}

/// How a verifier stands to a token on a route.
#[derive(Clone)]
struct Seen {
    verdict: String,
    /// When it was accepted last.
    accepted: Option<i64>,
    report: u64,
}

impl Ledger {
    /// The end of this token's session was acknowledged.
    pub fn ended(&self, token: &str, at: i64) {
        let (entries, _) = &*self.0;
        entries.lock().unwrap().ended.insert(token.to_owned(), at);
    }

    /// A verifier has said something.
    pub fn heard(&self, verifier: &str, line: &Value) {
        let (entries, changed) = &*self.0;
        let mut entries = entries.lock().unwrap();
        if line["ready"] == true {
            entries.ready.push(verifier.to_owned());
        } else {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            let (verdict, report) = (text("verdict"), line["report"].as_u64().unwrap());
            let seen = Seen { verdict, accepted: line["accepted"].as_i64(), report };
            entries.seen.insert((verifier.to_owned(), text("name"), text("mode")), seen);
        }
        changed.notify_all();
    }

    /// Waits until a verifier has learnt everything.
    pub fn until_ready(&self, verifier: &str) {
        self.until(&format!("{verifier} is ready"), |entries| entries.ready.iter().any(|one| one == verifier));
    }

    /// Waits until a verifier says one of these of a token.
    pub fn until_verdict(&self, verifier: &str, token: &str, mode: &str, verdicts: &[&str]) {
        let key = (verifier.to_owned(), token.to_owned(), mode.to_owned());
        self.until(&format!("{key:?}: {verdicts:?}"), |entries| {
            entries.seen.get(&key).is_some_and(|seen| verdicts.contains(&seen.verdict.as_str()))
        });
    }

    /// Waits until a verifier has judged a token in this mode; whether it has ever accepted it.
    pub fn has_accepted(&self, verifier: &str, token: &str, mode: &str) -> bool {
        let key = (verifier.to_owned(), token.to_owned(), mode.to_owned());
        self.until(&format!("{key:?} is judged"), |entries| entries.seen.contains_key(&key));
        let entries = self.0.0.lock().unwrap();
        entries.seen[&key].accepted.is_some()
    }

    /// Waits until everything that a verifier was given is in its report of this number.
    pub fn until_reported(&self, verifier: &str, report: u64) {
        self.until(&format!("{verifier} reports"), |entries| {
            let mut own = entries.seen.iter().filter(|((of, ..), _)| of == verifier);
            own.all(|(_, seen)| seen.report >= report)
        });
    }

    fn until(&self, what: &str, mut is_so: impl FnMut(&Entries) -> bool) {
        let (entries, changed) = &*self.0;
        let guard = entries.lock().unwrap();
        let (guard, waited) = changed.wait_timeout_while(guard, HEALED, |entries| !is_so(entries)).unwrap();
        let seen = || guard.seen.iter().map(|(key, seen)| format!("{key:?}: {}", seen.verdict)).collect::<Vec<_>>();
        assert!(!waited.timed_out(), "it never came to that: {what}; but\n{}", seen().join("\n"));
    }

    /// How long after the acknowledgement a token was accepted last, in this mode, by whichever verifier, in microseconds. Negative
    /// if it was before.
    pub fn latest(&self, mode: &str) -> Option<i64> {
        let entries = self.0.0.lock().unwrap();
        let of_mode = entries.seen.iter().filter(|((_, _, own), _)| own == mode);
        of_mode.filter_map(|((_, token, _), seen)| Some(seen.accepted? - entries.ended.get(token)?)).max()
    }

    /// How many ends were acknowledged.
    pub fn ends(&self) -> usize {
        self.0.0.lock().unwrap().ended.len()
    }
}

/// Within which time everything must be well again once a fault is over, on a machine that has much else to do.
pub const HEALED: Duration = Duration::from_secs(90);
