//! That the protocol keeps its rules, whatever happens. Several small worlds: in each, something else happens often.

use watchword_model::{Chain, Credential, Feed, Setting, explore};

fn holds(setting: Setting) -> usize {
    let feed = Feed { setting, bug: None, only: None };
    let explored = explore(&feed, 1_000_000).unwrap_or_else(|found| panic!("{found}"));
    for example in ["not ready", "accepted", "revoked", "expired", "stale"] {
        // What is remembered of a session is as old as that when it expires.
        let is_possible = match example {
            "expired" => setting.ticks > 2,
            "stale" => setting.credential == Credential::Token,
            _ => true,
        };
        assert!(!is_possible || explored.examples.contains(example), "nothing was ever {example}");
    }
    explored.states
}

macro_rules! holds {
    ($($name:ident: $setting:expr;)*) => {
        $(#[test]
        fn $name() {
            println!("{} states", holds($setting));
        })*
    };
}

holds! {
    two_questions_and_a_start_anew: Setting { restarts: 1, ..ONE };
    a_commit_that_takes_its_time: Setting { patience: 1, questions: 1, ticks: 4, restarts: 1, ..ONE };
    a_remembered_session: Setting { credential: Credential::Row, questions: 1, ticks: 4, restarts: 1, ..ONE };
    messages_that_come_again: Setting { duplicates: 2, questions: 1, ..ONE };
    two_nodes_that_answer_in_turn: Setting { nodes: 2, ticks: 2, ..ONE };
    two_nodes_and_a_start_anew: Setting { nodes: 2, questions: 1, restarts: 1, ..ONE };
    nodes_that_take_their_time: Setting { has_slow_nodes: true, ..ONE };
    two_transactions_that_overlap: Setting { transactions: 2, patience: 1, questions: 1, ..ONE };
    two_transactions_and_two_questions: Setting { transactions: 2, ticks: 2, ..ONE };
    two_transactions_and_two_nodes: Setting { transactions: 2, nodes: 2, questions: 1, ticks: 2, ..ONE };
    a_stream_beside_a_question: Setting { frames: 2, questions: 1, ..ONE };
    a_stream_of_another_node: Setting { frames: 1, nodes: 2, questions: 1, ticks: 2, ..ONE };
    a_relay_that_is_asked_twice: Setting { relay_questions: 1, ticks: 2, ..ONE };
    a_relay_that_asks_twice: Setting { relay_questions: 2, questions: 1, ticks: 2, ..ONE };
    a_relay_and_a_start_anew: Setting { relay_questions: 1, questions: 1, restarts: 1, ..ONE };
    a_relay_for_longer: Setting { relay_questions: 1, questions: 1, ticks: 4, ..ONE };
    a_relay_with_a_stream: Setting { relay_listens: true, relay_questions: 1, questions: 1, frames: 1, ticks: 2, ..ONE };
    a_machine_that_sleeps: Setting { sleeps: 2, questions: 1, ticks: 4, ..ONE };
    a_clock_set_back_before_a_sleep: Setting { set: (1, -3), sleeps: 2, questions: 1, ticks: 4, ..ONE };
    a_clock_set_forward_before_a_sleep: Setting { set: (1, 3), sleeps: 2, questions: 1, ticks: 4, ..ONE };
}

#[test]
fn however_requests_overlap_a_refresh_token_has_one_successor_and_one_is_live() {
    let explored =
        explore(&Chain { ticks: 2, requests: 5, bug: None }, 1_000_000).unwrap_or_else(|found| panic!("{found}"));
    println!("{} states", explored.states);
    for example in ["advanced", "repeated", "reused", "refused"] {
        assert!(explored.examples.contains(example), "nothing was ever {example}");
    }
}

const ONE: Setting = Setting { ticks: 3, transactions: 1, nodes: 1, questions: 2, ..Setting::NOTHING };
