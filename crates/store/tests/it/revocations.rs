use domain::{EndedWhy, Span};

use crate::support::{KEEP, T0, TestStore, session_id, user_id};

#[tokio::test]
async fn the_log_is_read_on_from_any_position() {
    let store = TestStore::new();
    assert_eq!(store.revocations_since(0).await.unwrap(), []);
    store.user(1).await;
    for session in 1..=3 {
        store.session_of(1, session).await;
        store.end_session(session_id(session), EndedWhy::Logout, KEEP, T0).await.unwrap();
    }
    store.set_disabled(user_id(1), true, KEEP, T0).await.unwrap();
    let all = store.revocations_since(0).await.unwrap();
    assert_eq!(all.len(), 4);
    assert!(all.is_sorted_by_key(|entry| entry.position));
    assert_eq!(store.revocations_since(all[1].position).await.unwrap(), all[2..]);
    assert_eq!(store.revocations_since(all[3].position).await.unwrap(), []);
}

#[tokio::test]
async fn a_position_is_never_used_again() {
    let store = TestStore::new();
    store.user(1).await;
    for session in 1..=2 {
        store.session_of(1, session).await;
    }
    let first = store.end_session(session_id(1), EndedWhy::Logout, KEEP, T0).await.unwrap();
    assert_eq!(store.sweep(KEEP + Span(1), Span::days(30)).await.unwrap().revocations, 1);
    let store = store.reopened().await;
    let second = store.end_session(session_id(2), EndedWhy::Logout, KEEP, T0).await.unwrap();
    assert!(second.revocations[0].position > first.revocations[0].position);
}
