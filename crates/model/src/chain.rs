//! Refresh: a chain of tokens with one live link. Anybody may show any of them at any time, and requests overlap.

use crate::Bug;
use crate::checker::Model;

/// A model of one grant and of everybody who ever saw one of its tokens.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    /// How many ticks pass.
    pub ticks: i8,
    /// How many requests there are.
    pub requests: u8,
    /// What is done wrongly.
    pub bug: Option<Bug>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Grant {
    now: i8,
    /// What can be exchanged for a successor. Tokens are numbered as they are made; this is a set of bits.
    live: u16,
    /// Made by whom, for each token but the first.
    made_by: Vec<u8>,
    rotated_at: i8,
    ended_at: Option<i8>,
    /// Those that somebody has: what is in a reply that got lost nobody has.
    seen: u16,
    requests: u8,
    under_way: Vec<Request>,
    /// That an access token was made by a request that looked at the session after its end.
    was_issued_after_end: bool,
    last: Option<Judged>,
}

/// A request that has read the grant and not yet written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Request {
    token: u8,
    judged: Judged,
    read_at: i8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Judged {
    Advance,
    Repeat(u8),
    Reuse,
    Refused,
}

/// One event.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Tick,
    LoggedOut,
    Shown { token: u8 },
    Written { request: usize, is_reply_lost: bool },
}

impl Grant {
    fn judge(&self, token: u8) -> Judged {
        let newest = self.made_by.len() as u8;
        if self.ended_at.is_some() {
            Judged::Refused
        } else if has(self.live, token) {
            Judged::Advance
        } else if self.made_by.last() == Some(&token) && self.now - self.rotated_at < GRACE {
            Judged::Repeat(newest)
        } else {
            Judged::Reuse
        }
    }

    /// Writes what a request has judged, if that still holds.
    fn write(&mut self, Request { token, judged, read_at }: Request, is_reply_lost: bool, bug: Option<Bug>) {
        let successor = match judged {
            // The update says which token it replaces. Whether the session has ended meanwhile it need not say: whatever
            // comes of it was read before, and stops with the session.
            Judged::Advance if has(self.live, token) || bug == Some(Bug::TwoSuccessors) => {
                self.made_by.push(token);
                let successor = self.made_by.len() as u8;
                self.live = self.live & !(1 << token) | 1 << successor;
                self.rotated_at = self.now;
                successor
            }
            Judged::Repeat(successor) => successor,
            Judged::Reuse => {
                self.ended_at = self.ended_at.or(Some(self.now));
                return;
            }
            Judged::Advance | Judged::Refused => return,
        };
        self.was_issued_after_end |= self.ended_at.is_some_and(|ended_at| read_at > ended_at);
        if !is_reply_lost {
            self.seen |= 1 << successor;
        }
    }
}

impl Model for Chain {
    type State = Grant;
    type Step = Step;

    fn start(&self) -> Grant {
        Grant { live: 1, seen: 1, ..Grant::default() }
    }

    fn steps(&self, grant: &Grant) -> Vec<(Step, Grant)> {
        let mut steps = Vec::new();
        if grant.now < self.ticks {
            steps.push((Step::Tick, Grant { now: grant.now + 1, ..grant.clone() }));
        }
        if grant.ended_at.is_none() {
            steps.push((Step::LoggedOut, Grant { ended_at: Some(grant.now), ..grant.clone() }));
        }
        for token in (0..=grant.made_by.len() as u8).filter(|token| has(grant.seen, *token)) {
            if grant.requests < self.requests {
                let judged = grant.judge(token);
                let mut next = Grant { requests: grant.requests + 1, last: Some(judged), ..grant.clone() };
                next.under_way.push(Request { token, judged, read_at: grant.now });
                next.under_way.sort_unstable();
                steps.push((Step::Shown { token }, next));
            }
        }
        for request in 0..grant.under_way.len() {
            for is_reply_lost in [false, true] {
                let mut next = grant.clone();
                let written = next.under_way.remove(request);
                next.write(written, is_reply_lost, self.bug);
                steps.push((Step::Written { request, is_reply_lost }, next));
            }
        }
        steps
    }

    fn broken(&self, grant: &Grant) -> Option<&'static str> {
        if (1..grant.made_by.len()).any(|at| grant.made_by[..at].contains(&grant.made_by[at])) {
            return Some("a refresh token has at most one successor");
        }
        if grant.live.count_ones() > 1 {
            return Some("at most one refresh token is live");
        }
        grant.was_issued_after_end.then_some("nothing is issued by who looks at the session after its end")
    }

    fn example(&self, grant: &Grant) -> Option<&'static str> {
        Some(match grant.last? {
            Judged::Advance => "advanced",
            Judged::Repeat(_) => "repeated",
            Judged::Reuse => "reused",
            Judged::Refused => "refused",
        })
    }
}

fn has(set: u16, token: u8) -> bool {
    set & (1 << token) != 0
}

/// For how many ticks a used token yields the same successor.
const GRACE: i8 = 1;
