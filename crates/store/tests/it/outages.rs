//! A PostgreSQL that hangs, stops or comes back.

use std::time::Duration;

use domain::{EndedWhy, Span};
use store::{Database, Error, Options, Position, Revoked, Store};
use test_postgres::Cluster;
use tokio::time::timeout;

use crate::support::{KEEP, T0, at_once, insist, new_session, new_user, session_id};

/// Longer than any call may take, which is ten seconds, and than a slow machine adds to that.
const BOUND: Duration = Duration::from_secs(25);

fn store(cluster: &Cluster) -> Store {
    let url = cluster.url("postgres").parse().unwrap();
    Store::open(&Options::new(Database::Server(Box::new(url)))).unwrap()
}

/// Thirty readers and writers at once, none of whom gets an answer.
async fn assert_unavailable(store: &Store) {
    let outcomes = at_once(30, |n| {
        let store = store.clone();
        async move {
            let call = async {
                if n % 2 == 0 { store.clock_floor().await.map(drop) } else { store.raise_clock_floor(T0).await }
            };
            timeout(BOUND, call).await.expect("an answer in bounded time")
        }
    });
    for outcome in outcomes.await {
        assert!(matches!(outcome, Err(Error::Unavailable)), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_makes_calls_unavailable_until_it_goes_on() {
    let cluster = Cluster::start(&["listen_addresses = ''"]);
    let store = store(&cluster);
    store.raise_clock_floor(T0).await.unwrap();
    cluster.signal("STOP");
    assert_unavailable(&store).await;
    cluster.signal("CONT");
    // It has to do what it was asked meanwhile, too.
    insist(|| store.raise_clock_floor(T0 + Span(1))).await;
    assert_eq!(store.clock_floor().await.unwrap(), Some(T0 + Span(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_makes_calls_unavailable_until_it_is_started_and_a_restart_is_not_noticed() {
    let cluster = Cluster::start(&["listen_addresses = ''"]);
    let store = store(&cluster);
    store.raise_clock_floor(T0).await.unwrap();
    cluster.control(&["stop", "--mode=immediate"]);
    assert_unavailable(&store).await;
    cluster.control(&["start"]);
    assert_eq!(insist(|| store.clock_floor()).await, Some(T0));
    cluster.control(&["restart", "--mode=fast"]);
    store.raise_clock_floor(T0 + Span(1)).await.unwrap();
    assert_eq!(store.clock_floor().await.unwrap(), Some(T0 + Span(1)));
    store.close().await;
    assert!(matches!(store.clock_floor().await, Err(Error::Unavailable)));
}

/// A crash loses the numbers of transactions that left nothing on the disk, and they are given out again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_after_a_crash_is_learnt_of_although_transaction_numbers_come_again() {
    // Otherwise a background process might put the numbers on the disk before the crash.
    let settings = ["listen_addresses = ''", "full_page_writes = on", "wal_writer_delay = 10s"];
    let cluster = Cluster::start(&settings);
    let (here, there) = (store(&cluster), store(&cluster));
    here.add_user(new_user(1)).await.unwrap();
    let next =
        || cluster.psql("postgres", "", "select pg_snapshot_xmax(pg_current_snapshot())").parse::<u64>().unwrap();
    let mut came_again = 0;
    // Where ten seconds go by before the crash, the numbers are on the disk.
    for n in 1..=30 {
        if n > 3 && came_again > 0 {
            break;
        }
        here.open_session(new_session(1, n)).await.unwrap().unwrap();
        cluster.psql(
            "postgres",
            "",
            "do 'begin for n in 1..1000 loop perform pg_current_xact_id(); rollback; end loop; end'",
        );
        let earlier = there.revocations_since(&Position::default()).await.unwrap();
        let (position, source) = (earlier.position, earlier.source);
        let before = next();
        cluster.kill();
        cluster.control(&["start"]);
        insist(|| here.end_session(session_id(n), EndedWhy::Logout, KEEP, T0)).await;
        came_again += u32::from(next() < before);
        let news = insist(|| there.revocations_since(&position)).await;
        let revoked: Vec<Revoked> = news.revocations.into_iter().map(|entry| entry.revoked).collect();
        assert!(revoked.contains(&Revoked::Session(session_id(n))), "{revoked:?}");
        assert_ne!(news.source, source, "whoever is told by numbers has to know that they are others");
        assert_eq!(there.revocations_since(&news.position).await.unwrap().source, news.source);
    }
    assert!(came_again > 0, "the crashes lost no numbers, so nothing was tested");
}
