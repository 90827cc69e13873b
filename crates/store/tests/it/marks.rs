//! Marks of what was acknowledged, and a server that has lost some.

use domain::{SecretHash, Span};
use store::{Database, Error, OpenError, Options};
use test_postgres::Cluster;

use crate::support::{T0, TestStore, insist, open};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lost_what_was_acknowledged_is_refused_until_that_is_accepted_by_name() {
    let cluster = Cluster::start(&["listen_addresses = ''"]);
    let options = Options::new(Database::Server(Box::new(cluster.url("postgres").parse().unwrap())));
    let (here, there) = (open(&options).unwrap(), open(&options).unwrap());
    here.raise_clock_floor(T0).await.unwrap();
    there.raise_clock_floor(T0 + Span(1)).await.unwrap();
    here.offer_setup(|_| SecretHash([3; 32]), T0 + Span::hours(1), T0).await.unwrap();
    cluster.control(&["restart", "--mode=fast"]);
    insist(|| here.raise_clock_floor(T0 + Span(2))).await;
    // The other node has lost nothing, and is not asked for a while.
    cluster.psql("postgres", "", "delete from marks where ctid = (select max(ctid) from marks)");
    cluster.control(&["restart", "--mode=fast"]);
    for _ in 0..2 {
        assert!(matches!(here.clock_floor().await, Err(Error::Unavailable)));
        assert!(matches!(here.check().await, Err(Error::Unavailable)));
    }
    assert!(matches!(there.clock_floor().await, Err(Error::Unavailable)), "what one has lost is of no use to any");
    assert!(matches!(open(&options).map(drop), Err(OpenError::HistoryLost(_))));

    let again = open(&Options { danger_accept_lost_writes: true, ..options.clone() }).unwrap();
    assert_eq!(cluster.psql("postgres", "", "select count(*) from setup_offers"), "0", "the link may have been used");
    again.raise_clock_floor(T0 + Span(3)).await.unwrap();
    assert_eq!(open(&options).unwrap().clock_floor().await.unwrap(), Some(T0 + Span(3)));
}

#[tokio::test]
async fn marks_that_vouch_for_nothing_any_more_are_swept() {
    let store = TestStore::on_postgres();
    for (node, count, days) in [(1, 30_000, 0), (2, 300, 2), (3, 5, 40)] {
        store.execute(&format!(
            "insert into marks (node_id, number, marked_at)
            select {node}, n, (extract(epoch from now() - interval '{days} days') * 1000)::bigint
            from generate_series(1, {count}) n"
        ));
    }
    store.sweep(T0, Span::days(30)).await.unwrap();
    for (node, left) in [(1, 20_001), (2, 101), (3, 0)] {
        assert_eq!(store.count(&format!("select count(*) from marks where node_id = {node}")), left, "{node}");
    }
}
