//! Hints that the log of revocations has grown: soon, but never what anything depends on.

use std::time::Duration;

use domain::EndedWhy;
use store::{Position, Store};
use test_postgres::Cluster;
use tokio::time::timeout;

use crate::support::{KEEP, PATIENCE, T0, TestStore, on_server, session_id, until};

/// The connection on which a store called `there` can hear hints.
const LISTENING: &str = "select coalesce(min(pid), 0) from pg_stat_activity
    where application_name = 'there hints' and query like 'listen watchword_%'";

/// Waits for a hint. The first one comes once this store can hear those of others.
async fn hinted(store: &Store) {
    timeout(PATIENCE, store.revocations_hinted()).await.expect("a hint");
}

#[tokio::test]
async fn a_store_wakes_whoever_follows_its_log_and_only_when_the_log_has_grown() {
    for store in [TestStore::on_sqlite(), TestStore::on_postgres()] {
        store.user(1).await;
        store.session_of(1, 1).await;
        if store.is_on_server() {
            hinted(&store).await;
        }
        store.raise_clock_floor(T0).await.unwrap();
        let mut next = std::pin::pin!(store.revocations_hinted());
        tokio::select! {
            biased;
            () = &mut next => panic!("nothing was revoked"),
            () = std::future::ready(()) => {}
        }
        store.end_session(session_id(1), EndedWhy::Logout, KEEP, T0).await.unwrap();
        timeout(PATIENCE, next).await.expect("a hint");
        store.close().await;
    }
}

#[tokio::test]
async fn a_revocation_on_one_node_wakes_the_others() {
    let here = TestStore::on_postgres();
    let there = here.beside();
    here.user(1).await;
    hinted(&there).await;
    let mut position = Position::default();
    for session in 1..=20 {
        here.session_of(1, session).await;
        here.end_session(session_id(session), EndedWhy::Logout, KEEP, T0).await.unwrap();
        let mut known = Vec::new();
        while known.is_empty() {
            // A hint may come for what was read already.
            hinted(&there).await;
            let news = there.revocations_since(&position).await.unwrap();
            (known, position) = (news.revocations, news.position);
        }
    }
}

#[tokio::test]
async fn a_store_that_is_closed_right_after_a_revocation_has_told_the_others() {
    let home = TestStore::on_postgres();
    let there = home.beside();
    home.user(1).await;
    hinted(&there).await;
    // Nobody waits for longer than a second until a hint is out: a machine that was busy may miss that, but not every time.
    for session in 1..=10 {
        let here = home.beside();
        home.session_of(1, session).await;
        here.end_session(session_id(session), EndedWhy::Logout, KEEP, T0).await.unwrap();
        here.close().await;
        if timeout(Duration::from_secs(5), there.revocations_hinted()).await.is_ok() {
            let told = there.revocations_since(&Position::default()).await.unwrap().revocations;
            assert_eq!(told.len(), usize::from(session));
            return;
        }
    }
    panic!("nobody was told");
}

#[tokio::test]
async fn without_the_connection_for_hints_nothing_is_lost_and_it_comes_back() {
    let here = TestStore::on_postgres();
    let there = on_server(&format!("{}&application_name=there", here.schema().url()));
    here.user(1).await;
    hinted(&there).await;
    for session in 1..=3 {
        here.session_of(1, session).await;
        while timeout(Duration::ZERO, there.revocations_hinted()).await.is_ok() {}
        let cut = here.count(LISTENING);
        assert_eq!(here.schema().psql(&format!("select pg_terminate_backend({cut})")), "t");
        here.end_session(session_id(session), EndedWhy::Logout, KEEP, T0).await.unwrap();
        let polled = there.revocations_since(&Position::default()).await.unwrap().revocations;
        assert_eq!(polled.len(), usize::from(session));
        until("it does not come back", async || ![0, cut].contains(&here.count(LISTENING))).await;
        // It says so when it can hear again, because something may have been said meanwhile.
        hinted(&there).await;
    }
}

#[tokio::test]
async fn where_nobody_may_connect_for_hints_everything_else_goes_on() {
    let (cluster, port) = Cluster::on_loopback(&[]);
    for sql in ["create role ww login password 'p' connection limit 1", "create database ww owner ww"] {
        cluster.psql("postgres", "", sql);
    }
    let store = on_server(&format!("postgres://ww:p@127.0.0.1:{port}/ww"));
    let mut next = std::pin::pin!(store.revocations_hinted());
    for n in 0..3 {
        tokio::select! {
            biased;
            () = &mut next => panic!("there is no connection for hints"),
            floor = store.clock_floor() => assert_eq!(floor.unwrap(), (n > 0).then_some(T0)),
        }
        store.raise_clock_floor(T0).await.unwrap();
    }
    store.close().await;
}
