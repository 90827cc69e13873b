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
mod tests {
    use super::*;
    use crate::revocation::LONGEST_ACCESS_LIFETIME;

    const T0: UnixMillis = UnixMillis(1_800_000_000_000);
    const AHEAD: Span = Span::hours(1);
    const EVERY: Span = Span::days(90);

    fn schedule() -> Schedule {
        Schedule { algorithm: "EdDSA".into(), rotate_every: Some(EVERY), publish_ahead: AHEAD }
    }

    fn key(kid: &str, state: KeyState, created_at: UnixMillis) -> KeyLife {
        KeyLife {
            kid: kid.into(),
            algorithm: "EdDSA".into(),
            state,
            created_at,
            activated_at: (state != KeyState::Next).then_some(created_at),
            retired_at: None,
        }
    }

    fn active() -> KeyLife {
        key("a", KeyState::Active, T0)
    }

    fn next(created_at: UnixMillis) -> KeyLife {
        key("n", KeyState::Next, created_at)
    }

    fn retired(retired_at: UnixMillis) -> KeyLife {
        KeyLife { retired_at: Some(retired_at), ..key("r", KeyState::Retired, T0) }
    }

    fn es256(key: KeyLife) -> KeyLife {
        KeyLife { algorithm: "ES256".into(), ..key }
    }

    fn activate() -> Step {
        Step::Activate("n".into())
    }

    fn drop_of(kid: &str, state: KeyState) -> Step {
        Step::Drop(kid.into(), state)
    }

    #[test]
    fn each_step_is_taken_when_it_is_due_and_not_a_moment_earlier() {
        let published = T0 + EVERY - AHEAD;
        for (what, keys, due, step) in [
            ("rotation begins ahead of time", vec![active()], published, Some(Step::Prepare)),
            ("a published key takes over", vec![active(), next(published)], published + AHEAD, Some(activate())),
            ("so does one made by hand", vec![active(), next(T0 + Span(5))], T0 + Span(5) + AHEAD, Some(activate())),
            (
                "a retired key goes when its last token has expired",
                vec![active(), retired(T0)],
                trusted_until(T0),
                Some(drop_of("r", KeyState::Retired)),
            ),
            (
                "a key for another algorithm never takes over",
                vec![active(), es256(next(T0))],
                T0 + AHEAD,
                Some(drop_of("n", KeyState::Next)),
            ),
        ] {
            assert_eq!(plan(&keys, &schedule(), due - Span(1)), None, "{what}");
            assert_eq!(plan(&keys, &schedule(), due), step, "{what}");
        }
    }

    #[test]
    fn the_first_key_signs_at_once() {
        assert_eq!(plan(&[], &schedule(), T0), Some(Step::Begin));
        let gone = key("g", KeyState::Gone, T0);
        assert_eq!(plan(std::slice::from_ref(&gone), &schedule(), T0), Some(Step::Begin));
        assert_eq!(plan(&[gone, next(T0)], &schedule(), T0), Some(activate()), "one that is there already is taken");
        assert_eq!(plan(&[es256(next(T0))], &schedule(), T0), Some(Step::Begin));
    }

    #[test]
    fn after_a_long_stop_an_overdue_rotation_publishes_first_and_waits() {
        let back = T0 + Span::days(400);
        assert_eq!(plan(&[active()], &schedule(), back), Some(Step::Prepare));
        let keys = [active(), next(back)];
        assert_eq!(plan(&keys, &schedule(), back), None);
        assert_eq!(plan(&keys, &schedule(), back + AHEAD), Some(activate()));
    }

    #[test]
    fn without_a_schedule_only_what_was_asked_for_happens() {
        let never = Schedule { rotate_every: None, ..schedule() };
        assert_eq!(plan(&[active()], &never, T0 + Span::days(3650)), None);
        assert_eq!(plan(&[active(), next(T0)], &never, T0 + AHEAD), Some(activate()));
        assert_eq!(plan(&[active(), retired(T0)], &never, trusted_until(T0)), Some(drop_of("r", KeyState::Retired)));
    }

    #[test]
    fn a_change_of_algorithm_publishes_the_new_key_while_the_old_one_goes_on() {
        let es = Schedule { algorithm: "ES256".into(), ..schedule() };
        assert_eq!(plan(&[active()], &es, T0), Some(Step::Prepare));
        let keys = [active(), es256(next(T0))];
        assert_eq!(plan(&keys, &es, T0 + AHEAD - Span(1)), None);
        assert_eq!(plan(&keys, &es, T0 + AHEAD), Some(activate()));
    }

    #[test]
    fn a_change_that_was_taken_back_leaves_the_old_key_signing() {
        let keys = [active(), es256(next(T0))];
        assert_eq!(plan(&keys, &schedule(), T0 + AHEAD), Some(drop_of("n", KeyState::Next)));
        assert_eq!(plan(&[active()], &schedule(), T0 + AHEAD), None);
    }

    #[test]
    fn a_retired_key_outlives_its_last_token_whichever_clock_is_asked() {
        let last_token_ends = T0 + LONGEST_ACCESS_LIFETIME + Span::minutes(1);
        assert!(trusted_until(T0) >= last_token_ends + CLOCKS_DIFFER);
        assert_eq!(plan(&[active(), retired(T0)], &schedule(), last_token_ends + CLOCKS_DIFFER), None);
    }

    #[test]
    fn the_agenda_tells_all_that_is_to_come_in_order() {
        let keys = [active(), retired(T0), next(T0)];
        let steps: Vec<_> = agenda(&keys, &schedule()).into_iter().map(|due| (due.at, due.step)).collect();
        assert_eq!(
            steps,
            [(trusted_until(T0), Step::Drop("r".into(), KeyState::Retired)), (T0 + AHEAD, Step::Activate("n".into())),]
        );
    }

    #[test]
    fn each_state_reads_back_as_it_was_written() {
        for state in [KeyState::Next, KeyState::Active, KeyState::Retired, KeyState::Gone] {
            assert_eq!(KeyState::parse(state.as_str()), Some(state));
        }
        assert_eq!(KeyState::parse("lost"), None);
    }

    proptest::proptest! {
        /// Whatever is done by hand in between, and whenever anybody looks, nothing signs before it was published for
        /// long enough, nothing is dropped that may still be needed, and there is always exactly one key that signs.
        #[test]
        fn whenever_it_is_asked_the_plan_keeps_its_promises(waits in proptest::collection::vec(0i64..200, 1..200)) {
            let quick = Schedule { rotate_every: Some(Span::hours(2)), publish_ahead: SHORTEST_LEAD, ..schedule() };
            let (mut keys, mut now, mut made) = (vec![], T0, 0);
            for wait in waits {
                now = now + Span::minutes(wait);
                for turn in 0.. {
                    proptest::prop_assert!(turn < 10, "it comes to an end");
                    let Some(step) = plan(&keys, &quick, now) else { break };
                    made += 1;
                    take(&mut keys, step, &made.to_string(), now)?;
                }
                let active = keys.iter().filter(|key| key.state == KeyState::Active).count();
                proptest::prop_assert_eq!(active, 1);
            }
        }
    }

    /// Does what the store does, and checks that it may be done.
    fn take(
        keys: &mut Vec<KeyLife>,
        step: Step,
        kid: &str,
        now: UnixMillis,
    ) -> Result<(), proptest::test_runner::TestCaseError> {
        match step {
            Step::Begin => {
                proptest::prop_assert!(keys.is_empty());
                keys.push(key(kid, KeyState::Active, now));
            }
            Step::Prepare => keys.push(key(kid, KeyState::Next, now)),
            Step::Activate(kid) => {
                for key in keys.iter_mut() {
                    if key.state == KeyState::Active {
                        (key.state, key.retired_at) = (KeyState::Retired, Some(now));
                    } else if key.kid == kid {
                        proptest::prop_assert!(now.since(key.created_at) >= SHORTEST_LEAD);
                        (key.state, key.activated_at) = (KeyState::Active, Some(now));
                    }
                }
            }
            Step::Drop(kid, state) => {
                let dropped = keys.iter_mut().find(|key| key.kid == kid).expect("a key that is there");
                proptest::prop_assert_eq!((dropped.state, state), (KeyState::Retired, KeyState::Retired));
                proptest::prop_assert!(now >= keep_until(dropped.retired_at.expect("it is retired")));
                dropped.state = KeyState::Gone;
            }
        }
        Ok(())
    }
}
