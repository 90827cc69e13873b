//! That the checker finds what is wrong: each mistake breaks a rule.

use watchword_model::{Bug, Chain, Counterexample, Credential, Feed, Setting, explore};

/// What a mistake in the feed leads to: something that is accepted too late, whatever else is broken before.
fn accepts_late(bug: Bug, setting: Setting) -> Counterexample {
    let feed = Feed { setting, bug: Some(bug), only: Some(Feed::ACCEPTED_LATE) };
    explore(&feed, MOST_STATES).expect_err("the mistake goes unnoticed")
}

/// That a rule is broken before anything is accepted too late.
fn breaks(bug: Bug, setting: Setting, rule: &str) {
    let found = explore(&Feed { setting, bug: Some(bug), only: None }, MOST_STATES).expect_err("it goes unnoticed");
    assert!(found.rule.contains(rule), "{}", found.rule);
}

macro_rules! accepts_late {
    ($($name:ident: $bug:ident in $setting:expr;)*) => {
        $(#[test]
        fn $name() {
            println!("{}", accepts_late(Bug::$bug, $setting));
        })*
    };
}

accepts_late! {
    a_life_counted_from_the_signing: LifeFromSigning in Setting { ticks: 4, restarts: 1, questions: 1, ..ONE };
    a_rat_that_is_the_signings: RatFromSigning in ONE;
    a_row_remembered_from_its_insertion: LifeFromInsertion in Setting { ticks: 4, credential: Credential::Row, questions: 1, ..ONE };
    a_watermark_before_the_event: WatermarkOvertakes in Setting { has_slow_nodes: true, ..ONE };
    an_entry_dropped_early: DroppedEarly in Setting { patience: 1, ticks: 4, questions: 1, ..ONE };
    a_cursor_that_is_a_seq: SeqCursor in TWO;
    a_cursor_that_is_a_seq_below_xmin: SeqCursorBelowXmin in TWO;
    a_position_without_what_is_missing: PositionWithoutMissing in Setting { patience: 0, questions: 2, ..TWO };
    an_empty_set_at_the_start: EmptyIsComplete in Setting { questions: 1, restarts: 1, ..ONE };
    knowledge_counted_from_the_answer: KnownFromArrival in Setting { questions: 1, ..ONE };
    a_stream_that_proves: StreamProves in Setting { frames: 1, questions: 1, ..ONE };
    a_relay_that_states_no_age: RelayAgeLeftOut in Setting { relay_questions: 1, questions: 1, ..ONE };
    a_horizon_left_out: HorizonLeftOut in Setting { ticks: 4, ..ONE };
    a_horizon_left_out_by_a_relay: RelayHorizonLeftOut in Setting { relay_questions: 2, questions: 1, ..ONE };
    a_relay_that_tells_late_what_it_has_read: RelayTellsLate in Setting { relay_listens: true, relay_questions: 1, questions: 1, frames: 1, ticks: 2, ..ONE };
    a_wall_clock_alone: WallClockAlone in Setting { set: (1, -3), questions: 1, ..ONE };
    a_steady_clock_alone: SteadyClockAlone in Setting { sleeps: 2, questions: 1, ..ONE };
    a_sleep_hidden_by_a_clock_that_was_set_back: FurthestLead in Setting { set: (1, -3), sleeps: 2, questions: 1, ..ONE };
}

#[test]
fn what_is_wrong_is_found_before_anything_is_accepted_for_it() {
    breaks(Bug::LifeFromSigning, ONE, "life is counted from");
    breaks(Bug::LifeFromInsertion, Setting { credential: Credential::Row, ..ONE }, "life is counted from");
    breaks(Bug::DroppedEarly, ONE, "is kept for a life and the leeway");
    breaks(Bug::WatermarkOvertakes, Setting { has_slow_nodes: true, ..ONE }, "a node that says it knows everything");
    breaks(Bug::SeqCursor, TWO, "a node that says it knows everything");
    breaks(Bug::SeqCursorBelowXmin, TWO, "a node that says it knows everything");
    breaks(Bug::EmptyIsComplete, ONE, "who was not told everything");
    breaks(Bug::StreamProves, Setting { frames: 1, questions: 1, ..ONE }, "a follower that takes something for proven");
}

#[test]
fn two_successors_of_one_refresh_token() {
    let chain = Chain { ticks: 2, requests: 4, bug: Some(Bug::TwoSuccessors) };
    let found = explore(&chain, MOST_STATES).expect_err("the mistake goes unnoticed");
    println!("{found}");
    assert!(found.rule.contains("at most one"), "{}", found.rule);
}

const ONE: Setting = Setting { ticks: 3, transactions: 1, nodes: 1, questions: 2, ..Setting::NOTHING };

const TWO: Setting = Setting { ticks: 2, transactions: 2, patience: 1, nodes: 1, questions: 1, ..Setting::NOTHING };

const MOST_STATES: usize = 1_500_000;
