use domain::{EndedWhy, Span};
use store::{Error, Position};

use crate::support::{KEEP, T0, session_id, user_id};

#[tokio::test]
async fn the_log_is_read_on_from_any_position() {
    let store = super::store();
    let mut positions = vec![Position::default()];
    assert_eq!(store.entries().await, []);
    store.user(1).await;
    for session in 1..=3 {
        store.session_of(1, session).await;
        store.end_session(session_id(session), EndedWhy::Logout, KEEP, T0).await.unwrap();
        positions.push(store.revocations_since(&positions[session as usize - 1]).await.unwrap().position);
    }
    store.set_disabled(user_id(1), true, KEEP, T0).await.unwrap();
    let all = store.entries().await;
    assert_eq!(all.len(), 4);
    for (read, position) in positions.iter().enumerate() {
        let news = store.revocations_since(position).await.unwrap();
        assert_eq!(news.revocations, all[read..]);
        assert!(!news.has_more);
        assert_eq!(store.revocations_since(&news.position).await.unwrap().revocations, []);
    }
}

#[tokio::test]
async fn nothing_is_missed_although_what_was_read_last_is_swept_away() {
    let store = super::store();
    store.user(1).await;
    for session in 1..=2 {
        store.session_of(1, session).await;
    }
    store.end_session(session_id(1), EndedWhy::Logout, KEEP, T0).await.unwrap();
    let read = store.revocations_since(&Position::default()).await.unwrap();
    assert_eq!(store.sweep(KEEP + Span(1), Span::days(30)).await.unwrap().revocations, 1);
    let store = store.reopened().await;
    let second = store.end_session(session_id(2), EndedWhy::Logout, KEEP, T0).await.unwrap();
    assert_eq!(store.revocations_since(&read.position).await.unwrap().revocations, second.revocations);
}

#[tokio::test]
async fn a_kind_from_a_later_version_is_never_passed_over() {
    let store = super::store();
    let unknown = "insert into revocations (kind, key, value, keep_until) values ('whatever', 'x', 1, 1)";
    store.execute(&if store.is_on_server() {
        format!("alter table revocations drop constraint revocations_kind_check; {unknown}")
    } else {
        format!("pragma ignore_check_constraints = on; {}", unknown.replace("'x'", "x'00'"))
    });
    assert!(matches!(store.revocations_since(&Position::default()).await, Err(Error::Broken(_))));
}
