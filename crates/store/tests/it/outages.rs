//! A PostgreSQL that hangs, stops or comes back.

use std::time::Duration;

use domain::Span;
use store::{Database, Error, Options, Store};
use test_postgres::Cluster;
use tokio::time::timeout;

use crate::support::{T0, at_once};

/// Longer than any call may take.
const BOUND: Duration = Duration::from_secs(15);

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
    store.raise_clock_floor(T0 + Span(1)).await.unwrap();
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
    assert_eq!(store.clock_floor().await.unwrap(), Some(T0));
    cluster.control(&["restart", "--mode=fast"]);
    store.raise_clock_floor(T0 + Span(1)).await.unwrap();
    assert_eq!(store.clock_floor().await.unwrap(), Some(T0 + Span(1)));
    store.close().await;
    assert!(matches!(store.clock_floor().await, Err(Error::Unavailable)));
}
