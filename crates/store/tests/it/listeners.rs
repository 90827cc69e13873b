use domain::{EndedWhy, SecretHash, Span};
use store::{Listener, Position};

use crate::support::{KEEP, T0, TestStore, session_id, user_id};

fn listener(instance: &str, position: Option<&str>, seconds: i64) -> Listener {
    Listener {
        verifier: "orders".to_owned(),
        instance: instance.to_owned(),
        position: position.map(str::to_owned),
        acknowledged_at: T0,
        asked_at: T0 + Span::seconds(seconds),
        bound: Span::seconds(5),
    }
}

async fn followed() -> TestStore {
    let store = super::store();
    store.add_verifier("orders".to_owned(), SecretHash([4; 32]), T0).await.unwrap();
    store
}

#[tokio::test]
async fn what_was_told_last_counts_whichever_node_writes_it_first() {
    let store = followed().await;
    let other = store.beside();
    let later = listener("a", Some("1.x.7:0"), 2);
    store.note_listeners(vec![listener("b", None, 1), later.clone()]).await.unwrap();
    other.note_listeners(vec![listener("a", Some("1.x.5:0"), 1)]).await.unwrap();
    assert_eq!(other.listeners(T0).await.unwrap(), [later.clone(), listener("b", None, 1)]);
    assert_eq!(store.listeners(T0 + Span::seconds(301) + Span(1)).await.unwrap(), [later]);
}

#[tokio::test]
async fn whose_credential_is_taken_back_is_waited_for_no_longer() {
    let store = followed().await;
    store.note_listeners(vec![listener("a", None, 1)]).await.unwrap();
    assert!(store.remove_verifier("orders".to_owned()).await.unwrap());
    assert_eq!(store.count("select count(*) from listeners"), 0);
    // A node may have heard of it a moment before.
    store.note_listeners(vec![listener("a", None, 1)]).await.unwrap();
    assert_eq!(store.listeners(T0).await.unwrap(), []);
}

#[tokio::test]
async fn who_asks_no_more_is_forgotten_after_some_minutes() {
    let store = followed().await;
    let patient = Listener { bound: Span::minutes(4), ..listener("c", None, 0) };
    store.note_listeners(vec![listener("a", None, 0), listener("b", None, 1), patient.clone()]).await.unwrap();
    let swept = store.sweep(T0 + Span::minutes(5) + Span(1), Span::days(30)).await.unwrap();
    assert_eq!(swept.listeners, 1);
    assert_eq!(store.listeners(T0).await.unwrap(), [listener("b", None, 1), patient.clone()]);
    let late = T0 + Span::minutes(8);
    assert_eq!(store.listeners(late).await.unwrap(), [patient], "it may still accept what has ended");
    assert_eq!(store.sweep(late + Span(1), Span::days(30)).await.unwrap().listeners, 2);
}

#[tokio::test]
async fn of_one_credential_with_many_names_the_latest_are_read_and_all_of_the_others() {
    let store = followed().await;
    store.add_verifier("zeta".to_owned(), SecretHash([5; 32]), T0).await.unwrap();
    let other = Listener { verifier: "zeta".to_owned(), ..listener("z", None, 0) };
    let mut many: Vec<_> = (0..300).map(|at| listener(&format!("made-up-{at:03}"), None, at)).collect();
    many.push(other.clone());
    store.note_listeners(many).await.unwrap();
    let read = store.listeners(T0).await.unwrap();
    assert_eq!((read.len(), &read[0].instance[..], read.last()), (258, "made-up-043", Some(&other)));
}

#[tokio::test]
async fn a_receipt_names_the_place_of_its_last_entry_in_the_numbers_that_positions_speak_of() {
    let store = super::store();
    store.user(1).await;
    for session in 1..=4 {
        store.session_of(1, session).await;
    }
    let one = store.end_session(session_id(1), EndedWhy::Logout, KEEP, T0).await.unwrap();
    let before = store.revocations_since(&Position::default()).await.unwrap();
    if store.is_on_server() {
        // As after a crash: whoever writes next draws anew.
        store.execute("delete from log_life");
    }
    let all = store.end_all_sessions(user_id(1), EndedWhy::EndedByUser, KEEP, T0).await.unwrap();
    assert_eq!((one.revocations.len(), all.revocations.len()), (1, 3));
    let (one, all) = (one.place.unwrap(), all.place.unwrap());
    assert_eq!(one.source, before.source);
    assert_eq!(before.numbers, [one.number]);
    assert!(before.position.seen().unwrap().0 <= all.number);

    let news = store.revocations_since(&before.position).await.unwrap();
    assert_eq!(all.source, news.source);
    assert_eq!(news.numbers.iter().max(), Some(&all.number));
    let (below, missing) = news.position.seen().unwrap();
    assert!(all.number < below && !missing.contains(&all.number));

    let nothing = store.end_session(session_id(1), EndedWhy::Logout, KEEP, T0).await.unwrap();
    assert_eq!((nothing.revocations.len(), nothing.place), (0, None));
}
