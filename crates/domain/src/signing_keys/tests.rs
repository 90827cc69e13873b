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
