//! What one listener has told: when it asked last, and since when it knows what.

use std::collections::VecDeque;

use domain::revocation::Place;
use domain::{Span, UnixMillis};
use store::Listener;
use verifier::feed::{Log, Position, Seen};

use super::{CONNECTED, HEARTBEAT, Name};

pub(super) struct Heard {
    pub(super) bound: Span,
    pub(super) asked_at: UnixMillis,
    /// When it last asked this node.
    asked_here: Option<UnixMillis>,
    /// With what it asked, oldest first; of those that say the same of every entry, the first.
    steps: VecDeque<Step>,
    /// What other nodes can read.
    written: Option<Step>,
    /// Nothing more is to be written before the log has grown beyond this.
    settled: Option<u64>,
}

/// With which position it asked, and when. Without one it is a process that has just begun, and knows nothing.
#[derive(Clone)]
struct Step {
    position: Option<Position>,
    at: UnixMillis,
}

impl Heard {
    /// Of somebody who has not said yet what it knows.
    pub(super) fn first(bound: Span, now: UnixMillis) -> Self {
        Self { bound, asked_at: now, asked_here: None, steps: VecDeque::new(), written: None, settled: None }
    }

    /// Takes note that it is there, and asks this node.
    pub(super) fn meet(&mut self, bound: Span, now: UnixMillis) {
        (self.bound, self.asked_here) = (bound, Some(now));
        self.asked_at = self.asked_at.max(now);
    }

    /// Whether it has asked this node.
    pub(super) fn asks_here(&self) -> bool {
        self.asked_here.is_some()
    }

    /// Takes note of a question; whether it may acknowledge something.
    pub(super) fn ask(&mut self, position: Option<Position>, now: UnixMillis, log: &Log) -> bool {
        if self.steps.back().is_some_and(|last| last.position == position) {
            return false;
        }
        self.steps.push_back(Step { position, at: now });
        self.thin(log, now);
        true
    }

    /// Takes note of what another node has heard.
    pub(super) fn learn(&mut self, row: &Listener) {
        if row.asked_at >= self.asked_at {
            (self.bound, self.asked_at) = (row.bound, row.asked_at);
        }
        let step = Step { position: row.position.as_deref().and_then(Position::parse), at: row.acknowledged_at };
        let after = self.steps.partition_point(|known| known.at <= step.at);
        let is_same = |known: &Step| known.position == step.position;
        if let Some(next) = self.steps.get_mut(after).filter(|next| is_same(next)) {
            next.at = step.at;
        } else if !after.checked_sub(1).is_some_and(|before| is_same(&self.steps[before])) {
            self.steps.insert(after, step);
            self.steps.drain(..self.steps.len().saturating_sub(STEPS));
        }
        self.wrote(row);
    }

    /// Keeps of its steps what tells when it heard of what.
    fn thin(&mut self, log: &Log, now: UnixMillis) {
        let (last, mut left) = (self.steps.len() - 1, THINNED_AT_ONCE);
        for at in (1..last).rev() {
            // By then this node has read what others may have told it.
            if left == 0 || now.since(self.steps[at].at) <= SETTLED {
                continue;
            }
            left -= 1;
            if !differ(log, &self.steps[at - 1], &self.steps[at]) {
                self.steps.remove(at);
            }
        }
        self.steps.drain(..self.steps.len().saturating_sub(STEPS));
    }

    /// What other nodes are to be told of it, if anything.
    pub(super) fn due(&mut self, name: &Name, log: &Log) -> Option<Listener> {
        let asked_here = self.asked_here?;
        let is_due = match &self.written {
            None => true,
            // It has gone on to ask another node.
            Some(written) if asked_here < written.at => false,
            Some(written) if asked_here.since(written.at) >= HEARTBEAT => true,
            Some(_) => self.has_heard_more(log),
        };
        if !is_due {
            return None;
        }
        let steps = self.steps.make_contiguous();
        let since = steps.last().map(|last| {
            let same = steps.iter().rev().take_while(|step| !differ(log, step, last));
            same.last().unwrap_or(last)
        });
        Some(Listener {
            verifier: name.verifier.clone(),
            instance: name.instance.clone(),
            position: since.and_then(|step| step.position.as_ref()).map(|position| position.as_str().to_owned()),
            acknowledged_at: since.map_or(asked_here, |step| step.at),
            asked_at: asked_here,
            bound: self.bound,
        })
    }

    fn has_heard_more(&mut self, log: &Log) -> bool {
        let grown = log.grown();
        let (Some(last), false) = (self.steps.back(), self.settled == Some(grown)) else { return false };
        if self.written.as_ref().is_some_and(|written| differ(log, written, last)) {
            return true;
        }
        if last.position.as_ref().is_some_and(|position| !log.has_news_since(position)) {
            self.settled = Some(grown);
        }
        false
    }

    /// Notes that other nodes can read this.
    pub(super) fn wrote(&mut self, row: &Listener) {
        if self.written.as_ref().is_none_or(|written| written.at <= row.asked_at) {
            let position = row.position.as_deref().and_then(Position::parse);
            self.written = Some(Step { position, at: row.asked_at });
        }
    }

    /// Since when it knows of an entry, at the latest: by the first of its latest questions that all say so.
    pub(super) fn acknowledged_at(&self, place: &Place) -> Option<UnixMillis> {
        let has = |step: &&Step| {
            let seen = step.position.as_ref().and_then(|position| Seen::parse(position, &place.source));
            seen.is_some_and(|seen| seen.has(place.number))
        };
        self.steps.iter().rev().take_while(has).last().map(|step| step.at)
    }

    /// Whether it has asked lately.
    pub(super) fn is_connected(&self, now: UnixMillis) -> bool {
        now.since(self.asked_at) <= CONNECTED.max(Span(self.bound.0 * 2))
    }
}

/// Whether there is an entry of which one of two says that it is known, and the other does not.
fn differ(log: &Log, one: &Step, other: &Step) -> bool {
    let tells =
        |from: &Step, to: &Step| to.position.as_ref().is_some_and(|to| log.tells_between(from.position.as_ref(), to));
    tells(one, other) || tells(other, one)
}

/// Most steps that are remembered of one listener.
const STEPS: usize = 64;

/// How many steps are looked at with each question: more than come to be [`SETTLED`] from one to the next.
const THINNED_AT_ONCE: usize = 4;

/// How long a node may be behind with reading the log while all is well.
const SETTLED: Span = Span::seconds(1);
