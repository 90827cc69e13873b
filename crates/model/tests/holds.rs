//! That the protocol keeps its rules, whatever happens.

use std::time::Instant;
use watchword_model::{Chain, Credential, Feed, Setting, explore};

fn sweep(name: &str, setting: Setting) {
    let t = Instant::now();
    match std::panic::catch_unwind(|| explore(&Feed { setting, ..Feed::default() }, 1_500_000)).unwrap_or_else(|_| {
        println!("{name} too many");
        explore(&Feed { setting: Setting { ticks: 0, ..setting }, ..Feed::default() }, 3_000_000)
    }) {
        Ok(e) => println!("{name}: {} states {:?} {:?}", e.states, e.examples, t.elapsed()),
        Err(c) => println!("{name}: {c} {:?}", t.elapsed()),
    }
}

#[test]
fn probe() {
    let base = Setting { ticks: 3, transactions: 1, nodes: 1, questions: 2, ..Setting::NOTHING };
    sweep("relay 2 q1 ", Setting { relay_questions: 2, questions: 1, ..base });
    sweep("relay 1 q2 ", Setting { relay_questions: 1, ..base });
    sweep("relay 1 q1 t4", Setting { relay_questions: 1, questions: 1, ticks: 4, ..base });
    sweep("relay 1 q2 r1", Setting { relay_questions: 1, questions: 1, restarts: 1, ..base });
    sweep("two tx q1 t4", Setting { transactions: 2, questions: 1, ticks: 4, ..base });
    sweep("two tx q2 t2", Setting { transactions: 2, questions: 2, ticks: 2, ..base });
    sweep("two tx q2 t3", Setting { transactions: 2, questions: 2, ..base });
    sweep("q1 p1 t4", Setting { patience: 1, questions: 1, ticks: 4, restarts: 1, ..base });
    sweep("q1 f2", Setting { frames: 2, questions: 1, ..base });
    sweep("q1 f2 tx2", Setting { frames: 2, transactions: 2, questions: 1, ticks: 2, ..base });
    sweep("q1 f1 n2", Setting { frames: 1, nodes: 2, questions: 1, ticks: 2, ..base });
    sweep("q2 n2 t3", Setting { nodes: 2, ..base });
    sweep("q2 n2 tx2", Setting { nodes: 2, transactions: 2, ticks: 2, questions: 1, ..base });
    sweep("clocks", Setting { sleeps: 2, set: (1, 3), questions: 1, ticks: 4, ..base });
    sweep("clocks-", Setting { sleeps: 2, set: (1, -3), questions: 1, ticks: 4, ..base });
    sweep("clocks-", Setting { sleeps: 2, set: (1, -3), ..base });
}
