use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use verifier::Revocation;
use verifier::feed::Seen;

use super::*;
use crate::clock::Clock;

const T0: UnixMillis = UnixMillis(1_800_000_000_000);

fn after(seconds: i64) -> UnixMillis {
    T0 + Span::seconds(seconds)
}

/// As of somebody who has seen everything below a number.
fn at(below: u64) -> Position {
    Seen::below(below).position("db")
}

fn place(number: u64) -> Place {
    Place { source: "db".to_owned(), number }
}

fn name(instance: &str) -> Name {
    Name { verifier: "orders".to_owned(), instance: instance.to_owned() }
}

/// A log with entries of these numbers.
fn log(numbers: &[u64]) -> Log {
    let log = Log::default();
    for number in numbers {
        extend(&log, *number);
    }
    log
}

fn extend(log: &Log, number: u64) {
    let revocation = Revocation::Session { sid: [number as u8; 16], keep_until: i64::MAX };
    log.extend([(number, revocation)], "db", Seen::below(number + 1));
}

impl Listeners {
    fn ask(&self, instance: &str, position: Option<Position>, log: &Log, now: UnixMillis) {
        self.heard(Asked { name: name(instance), position, bound: USUAL_BOUND }, log, now);
    }

    /// Reads what another node has written.
    fn take(&self, row: &Listener) {
        self.known().entry(Name::of(row)).or_insert_with(|| Heard::first(row.bound, row.asked_at)).learn(row);
    }

    fn acknowledged(&self, number: u64, now: UnixMillis) -> Vec<Option<UnixMillis>> {
        self.acknowledgements(&place(number), now).into_iter().map(|one| one.at).collect()
    }
}

#[test]
fn an_acknowledgement_is_dated_by_the_first_question_that_says_so() {
    let (listeners, log) = (Listeners::default(), log(&[7, 20]));
    listeners.ask("a", Some(at(7)), &log, T0);
    assert_eq!(listeners.acknowledged(7, T0), [None]);
    // Numbers go on, as on PostgreSQL with every transaction.
    for second in 1..=300 {
        listeners.ask("a", Some(at(7 + second as u64)), &log, after(second));
    }
    assert_eq!(listeners.acknowledged(7, after(300)), [Some(after(1))]);
    assert_eq!(listeners.acknowledged(20, after(300)), [Some(after(14))]);
    assert_eq!(listeners.acknowledged(306, after(300)), [Some(after(300))]);
    assert_eq!(listeners.acknowledged(307, after(300)), [None]);
    let elsewhere = Place { source: "another".to_owned(), number: 7 };
    assert_eq!(listeners.acknowledgements(&elsewhere, after(300))[0].at, None, "its numbers say nothing of these");
}

#[test]
fn who_goes_back_has_not_acknowledged() {
    let (listeners, log) = (Listeners::default(), log(&[7]));
    listeners.ask("a", Some(at(8)), &log, T0);
    listeners.ask("a", Some(at(7)), &log, after(1));
    assert_eq!(listeners.acknowledged(7, after(1)), [None], "two processes go by one name, and one does not know it");
    listeners.ask("a", Some(at(8)), &log, after(2));
    assert_eq!(listeners.acknowledged(7, after(2)), [Some(after(2))]);
}

#[test]
fn a_process_that_begins_anew_has_acknowledged_nothing() {
    let (listeners, log) = (Listeners::default(), log(&[7]));
    listeners.ask("a", Some(at(8)), &log, T0);
    listeners.met(name("a"), USUAL_BOUND, after(1));
    assert_eq!(listeners.acknowledged(7, after(1)), [Some(T0)], "a stream says nothing");
    listeners.ask("a", None, &log, after(2));
    assert_eq!(listeners.acknowledged(7, after(2)), [None]);
    listeners.ask("a", Some(at(8)), &log, after(3));
    assert_eq!(listeners.acknowledged(7, after(3)), [Some(after(3))]);
}

#[test]
fn other_nodes_are_told_who_went_back_or_began_anew() {
    let log = log(&[7]);
    let [here, there] = [Listeners::default(), Listeners::default()];
    for (second, position) in [(0, Some(at(8))), (1, Some(at(7))), (2, Some(at(8))), (3, None), (4, Some(at(8)))] {
        here.ask("a", position.clone(), &log, after(second));
        let due = here.due(&log, after(second));
        here.wrote(&due);
        for row in &due {
            there.take(row);
        }
        let known = position.filter(|known| *known == at(8)).map(|_| after(second));
        assert_eq!(there.acknowledged(7, after(second)), [known], "{second}");
        assert_eq!(here.acknowledged(7, after(second)), [known], "{second}");
    }
}

#[test]
fn who_has_not_asked_for_long_counts_no_more_unless_it_has_acknowledged() {
    let (listeners, log) = (Listeners::default(), log(&[7]));
    listeners.ask("a", Some(at(7)), &log, T0);
    listeners.ask("b", Some(at(8)), &log, T0);
    assert_eq!(listeners.acknowledged(7, after(10)), [None, Some(T0)]);
    assert_eq!(listeners.acknowledged(7, after(11)), [Some(T0)]);
    assert_eq!(listeners.connected(after(11)), []);
    listeners.due(&log, after(300));
    assert_eq!(listeners.acknowledged(7, after(300)), []);
}

#[test]
fn who_accepts_for_minutes_is_late_for_as_long() {
    let (listeners, log) = (Listeners::default(), log(&[7]));
    let asked = Asked { name: name("a"), position: Some(at(7)), bound: Span::minutes(4) };
    listeners.heard(asked, &log, T0);
    listeners.due(&log, after(480));
    assert_eq!(listeners.acknowledged(7, after(480)), [None]);
    assert_eq!(listeners.longest_bound(USUAL_BOUND, after(480)), Span::minutes(4));
    listeners.due(&log, after(481));
    assert_eq!(listeners.acknowledged(7, after(480)), []);
}

#[test]
fn the_longest_bound_counts_while_its_listener_is_connected_and_no_longer_than_any_token_lives() {
    let (listeners, log) = (Listeners::default(), log(&[]));
    assert_eq!(listeners.longest_bound(Span::seconds(1), T0), USUAL_BOUND);
    assert_eq!(listeners.longest_bound(Span::seconds(7), T0), Span::seconds(7));
    let tell = |bound| listeners.heard(Asked { name: name("a"), position: None, bound }, &log, T0);
    tell(Span::seconds(20));
    assert_eq!(listeners.longest_bound(Span::seconds(7), after(40)), Span::seconds(20));
    assert_eq!(listeners.longest_bound(Span::seconds(7), after(41)), Span::seconds(7));
    tell(Span(i64::MAX));
    assert_eq!(listeners.longest_bound(Span::seconds(7), T0), LONGEST_BOUND);
}

#[test]
fn other_nodes_are_told_when_there_was_something_to_acknowledge_and_else_now_and_then() {
    let (listeners, log) = (Listeners::default(), log(&[7]));
    let written = |now| {
        let due = listeners.due(&log, now);
        listeners.wrote(&due);
        let row = |row: Listener| (row.position, row.acknowledged_at, row.asked_at);
        due.into_iter().map(row).collect::<Vec<_>>()
    };
    let text = |below| Some(at(below).as_str().to_owned());
    listeners.ask("a", None, &log, T0);
    assert_eq!(written(T0), [(None, T0, T0)]);
    listeners.ask("a", Some(at(8)), &log, after(1));
    assert_eq!(written(after(1)), [(text(8), after(1), after(1))]);
    listeners.ask("a", Some(at(9)), &log, after(2));
    assert_eq!(written(after(2)), [], "nothing was between the two");
    listeners.ask("a", Some(at(10)), &log, after(4));
    assert_eq!(written(after(4)), [(text(8), after(1), after(4))], "it is still there");
    // This node reads of the entry later than the listener has heard of it elsewhere.
    listeners.ask("a", Some(at(12)), &log, after(5));
    assert_eq!(written(after(5)), []);
    extend(&log, 11);
    assert_eq!(written(after(5)), [(text(12), after(5), after(5))]);
    assert_eq!(written(after(9)), [], "it has not asked again");
}

#[test]
fn what_another_node_has_heard_counts_as_if_it_were_heard_here() {
    let log = log(&[7]);
    let [here, there] = [Listeners::default(), Listeners::default()];
    there.ask("a", Some(at(7)), &log, T0);
    there.ask("a", Some(at(8)), &log, after(1));
    here.ask("a", Some(at(7)), &log, T0);
    let [row] = &there.due(&log, after(1))[..] else { panic!("one is due") };
    here.take(row);
    assert_eq!(here.acknowledged(7, after(1)), [Some(after(1))]);
    assert_eq!(here.due(&log, after(1)), [], "it has gone on to ask another node");
}

#[tokio::test]
async fn without_the_database_those_who_wait_are_not_kept_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&store::Options::file(folder.path().join("w.db"))).unwrap();
    store.close().await;
    let listeners = Listeners::default();
    assert!(listeners.read(&store, T0).await.is_err());
    assert!(listeners.read.lock().await.is_some(), "whoever comes next does not try at once");
}

#[tokio::test]
async fn who_cannot_read_who_follows_elsewhere_does_not_say_that_all_have_heard() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&store::Options::file(folder.path().join("w.db"))).unwrap();
    store.close().await;
    let (listeners, moment) = (Listeners::default(), Arc::new(AtomicI64::new(T0.0)));
    let (clock, place) = (Clock::manual(Arc::clone(&moment)), place(7));
    let mut waiting = pin!(listeners.wait(&place, after(5), &store, &clock));
    // Longer than nodes have to write down whom they hear.
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut waiting).await.is_err(), "it took a failure for nobody");
    moment.store(after(5).0, Ordering::Relaxed);
    assert_eq!(waiting.await, []);
}

#[test]
fn whoever_is_not_told_apart_is_late_by_the_name_of_the_credential_also_on_other_nodes() {
    let log = log(&[7]);
    let [here, there] = [Listeners::default(), Listeners::default()];
    for number in 0..NAMES_OF_ONE {
        here.ask(&format!("pod-{number}"), Some(at(8)), &log, T0);
    }
    assert!(here.acknowledgements(&place(7), T0).iter().all(|one| one.at.is_some()));
    let further = Asked { name: name("further"), position: Some(at(8)), bound: Span::seconds(20) };
    here.heard(further, &log, T0);
    here.ask("another", Some(at(8)), &log, T0);
    let rows = here.due(&log, T0);
    for row in &rows {
        there.take(row);
    }
    for node in [&here, &there] {
        let late: Vec<_> = node.acknowledgements(&place(7), T0).into_iter().filter(|one| one.at.is_none()).collect();
        assert_eq!(late, [Acknowledgement { name: name(CROWD), at: None }]);
        assert_eq!(node.longest_bound(USUAL_BOUND, T0), Span::seconds(20));
        assert!(node.acknowledgements(&place(7), after(41)).iter().all(|one| one.at.is_some()));
    }
}

#[test]
fn whoever_makes_up_names_is_told_apart_up_to_a_number_and_takes_no_room_from_others() {
    let (listeners, log) = (Listeners::default(), log(&[]));
    for number in 0..300 {
        listeners.ask(&format!("made-up-{number}"), None, &log, T0);
    }
    assert_eq!(listeners.connected(T0).len(), NAMES_OF_ONE + 1, "the others are one");
    let other = Name { verifier: "billing".to_owned(), instance: "billing-1".to_owned() };
    listeners.heard(Asked { name: other.clone(), position: None, bound: USUAL_BOUND }, &log, T0);
    assert!(listeners.connected(T0).iter().any(|one| one.name == other));
    listeners.ask("new", None, &log, after(11));
    assert!(listeners.connected(after(11)).iter().any(|one| one.name == name("new")), "the others ask no more");
}
