//! The life of signing keys: next → active → retired → gone, and what is due to happen to them.
//!
//! A key is published before it signs, for longer than any verifier keeps a copy of the published set, and it stays
//! published until the last token that it signed has expired.

use crate::revocation::keep_until;
use crate::{Span, UnixMillis};

/// The life of a signing key, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Published, so that every verifier knows it before it signs.
    Next,
    /// Signs.
    Active,
    /// Still published, until the last token it signed has expired.
    Retired,
    /// No longer known to anybody.
    Gone,
}

/// What the schedule needs to know of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLife {
    /// Its name in tokens and in the JWKS (RFC 7515 §4.1.4).
    pub kid: String,
    /// The one algorithm it may be used with (RFC 7518 §3.1).
    pub algorithm: String,
    /// What it is used for now.
    pub state: KeyState,
    /// When it was made, which is when it was published.
    pub created_at: UnixMillis,
    /// Since when it signs.
    pub activated_at: Option<UnixMillis>,
    /// Since when it no longer signs.
    pub retired_at: Option<UnixMillis>,
}

/// How keys are to follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What to sign with.
    pub algorithm: String,
    /// How long a key signs; none: until somebody asks for another.
    pub rotate_every: Option<Span>,
    /// How long a key is published before it signs.
    pub publish_ahead: Span,
}

/// One change to the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make a key and sign with it at once: nothing is signed yet, so there is nobody to prepare.
    Begin,
    /// Make a key and publish it, to sign later.
    Prepare,
    /// Sign with this key, and retire the one that signs now.
    Activate(String),
    /// Forget this key.
    Drop(String, KeyState),
}

/// A step and when it is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Not before this moment; one in the past means now.
    pub at: UnixMillis,
    /// What is to be done.
    pub step: Step,
}

/// How long anybody may keep a copy of the published keys.
pub const JWKS_MAX_AGE: Span = Span::minutes(5);

/// By how much the clocks of nodes may differ without a key being used too early or dropped too early.
pub const CLOCKS_DIFFER: Span = Span::minutes(5);

/// The shortest time that a key is published before it signs.
pub const SHORTEST_LEAD: Span = Span(JWKS_MAX_AGE.0 + CLOCKS_DIFFER.0);

/// The first step that is due at `now`. After it was taken, by this node or by another, ask again.
pub fn plan(keys: &[KeyLife], schedule: &Schedule, now: UnixMillis) -> Option<Step> {
    agenda(keys, schedule).into_iter().find(|due| due.at <= now).map(|due| due.step)
}

/// Everything that is going to happen to these keys by itself, the earliest first.
pub fn agenda(keys: &[KeyLife], schedule: &Schedule) -> Vec<Due> {
    let mut agenda: Vec<Due> = keys.iter().filter_map(farewell).collect();
    agenda.extend(succession(keys, schedule));
    agenda.sort_by_key(|due| due.at);
    agenda
}

/// Until when tokens may be around that a key signed which retired at that moment.
pub fn trusted_until(retired_at: UnixMillis) -> UnixMillis {
    keep_until(retired_at) + CLOCKS_DIFFER
}

fn farewell(key: &KeyLife) -> Option<Due> {
    let retired_at = key.retired_at.filter(|_| key.state == KeyState::Retired)?;
    Some(Due { at: trusted_until(retired_at), step: Step::Drop(key.kid.clone(), KeyState::Retired) })
}

/// The one step by which the signing key changes.
fn succession(keys: &[KeyLife], schedule: &Schedule) -> Option<Due> {
    let in_state = |state| keys.iter().find(move |key| key.state == state);
    let fits = |key: &KeyLife| key.algorithm == schedule.algorithm;
    match (in_state(KeyState::Active), in_state(KeyState::Next)) {
        (None, Some(next)) if fits(next) => Some(Due { at: next.created_at, step: Step::Activate(next.kid.clone()) }),
        (None, _) => Some(Due { at: UnixMillis(0), step: Step::Begin }),
        // Under another configuration it may have been wanted; under this one it must not take over.
        (Some(_), Some(next)) => {
            let step = if fits(next) {
                Step::Activate(next.kid.clone())
            } else {
                Step::Drop(next.kid.clone(), KeyState::Next)
            };
            Some(Due { at: next.created_at + schedule.publish_ahead, step })
        }
        (Some(active), None) => {
            let since = active.activated_at.unwrap_or(active.created_at);
            let at = if fits(active) { since + schedule.rotate_every? - schedule.publish_ahead } else { since };
            Some(Due { at, step: Step::Prepare })
        }
    }
}

impl KeyState {
    /// The stored and published text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Gone => "gone",
        }
    }

    /// The reverse of [`KeyState::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retired, Self::Gone].into_iter().find(|state| state.as_str() == text)
    }
}

#[cfg(test)]
mod tests;
