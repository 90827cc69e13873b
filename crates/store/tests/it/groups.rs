//! What holds when many write at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use store::Error;
use tokio::task::{JoinSet, yield_now};

use crate::support::{TestStore, at_once, is_taken, new_session, new_user, session_id};

#[tokio::test]
async fn those_who_wait_together_are_committed_together() {
    // Somebody else's lock is waited for 5 seconds at most: where this test itself stood still for so long, it is done again.
    for _ in 0..20 {
        let store = TestStore::on_sqlite();
        store.user(1).await;
        if let Some(commits) = commits_of_a_hundred_who_wait(&store).await {
            assert_eq!(commits, 1);
            return;
        }
    }
    panic!("a hundred can never wait together");
}

/// None if the lock was held for too long.
async fn commits_of_a_hundred_who_wait(store: &TestStore) -> Option<u64> {
    let (before, outside, began) = (store.commits(), store.outside(), Instant::now());
    // While another process holds the lock, all of them come to wait. One thread runs these tasks in turn, so after
    // one turn each has asked.
    outside.execute_batch("begin immediate").unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let waiting: JoinSet<_> = (0..100)
        .map(|n| {
            let (store, asked) = ((**store).clone(), asked.clone());
            async move {
                asked.fetch_add(1, Ordering::Relaxed);
                store.open_session(new_session(1, n)).await
            }
        })
        .collect();
    while asked.load(Ordering::Relaxed) < 100 {
        yield_now().await;
    }
    outside.execute_batch("rollback").unwrap();
    let was_short = began.elapsed() < Duration::from_secs(4);
    let opened = waiting.join_all().await;
    if opened.iter().any(|opened| matches!(opened, Err(Error::Unavailable))) && !was_short {
        return None;
    }
    assert!(opened.into_iter().all(|opened| opened.unwrap().is_some()));
    Some(store.commits() - before)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_writer_has_a_commit_of_its_own_where_groups_are_of_one() {
    let store = TestStore::with_group(1);
    store.user(1).await;
    let before = store.commits();
    at_once(200, |n| {
        let store = store.clone();
        async move { assert!(store.open_session(new_session(1, n as u8)).await.unwrap().is_some()) }
    })
    .await;
    assert_eq!(store.commits() - before, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_fails_does_not_hurt_those_it_is_committed_with() {
    let store = TestStore::on_sqlite();
    store.user(0).await;
    let outcomes = at_once(100, |n| {
        let store = store.clone();
        async move {
            let n = n as u8;
            let mut new = new_user(n);
            if n.is_multiple_of(2) {
                new.username = "user-000".parse().unwrap();
                new.email = None;
                new.user_id = domain::UserId([200 + n / 2; 16]);
            }
            (n, store.add_user(new).await)
        }
    })
    .await;
    for (n, outcome) in &outcomes {
        assert!(if n.is_multiple_of(2) { is_taken(outcome, "username") } else { outcome.is_ok() }, "{n}");
    }
    assert_eq!(store.accounts(None, 200).await.unwrap().len(), 51);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_answered_before_others_can_see_it() {
    let store = TestStore::on_sqlite();
    store.user(1).await;
    let path = store.path();
    at_once(50, |n| {
        let (store, path) = (store.clone(), path.clone());
        async move {
            let session = n as u8;
            store.open_session(new_session(1, session)).await.unwrap();
            let seen: i64 = rusqlite::Connection::open(path)
                .unwrap()
                .query_row("select count(*) from sessions where session_id = ?1", [session_id(session).0], |row| {
                    row.get(0)
                })
                .unwrap();
            assert_eq!(seen, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_is_one_complete_file_and_answers_nobody() {
    let store = TestStore::on_sqlite();
    store.user(1).await;
    let clone = store.clone();
    let opening = tokio::spawn(async move { clone.open_session(new_session(1, 1)).await.unwrap().is_some() });
    assert!(opening.await.unwrap());
    store.close().await;
    store.close().await;
    assert!(matches!(store.open_session(new_session(1, 2)).await, Err(Error::Unavailable)));
    assert!(matches!(store.session(session_id(1)).await, Err(Error::Unavailable)));
    assert!(matches!(store.check().await, Err(Error::Unavailable)));
    assert!(!store.path().with_extension("db-wal").exists());
    let store = store.reopened().await;
    assert!(store.session(session_id(1)).await.unwrap().is_some());
}
