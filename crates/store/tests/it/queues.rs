//! On PostgreSQL, where a node has few connections for everybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use store::Rotated;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

use crate::support::{TestStore, insist, refresh, until};

async fn outsider(store: &TestStore) -> Client {
    let (client, connection) = tokio_postgres::connect(&store.schema().url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn however_many_refresh_one_session_one_connection_waits_for_it_and_nobody_else_does() {
    let store = TestStore::on_postgres();
    store.user(1).await;
    store.session_of(1, 1).await;
    store.session_of(1, 2).await;
    let (holder, observer) = (outsider(&store).await, outsider(&store).await);
    let lock = "select 1 from grants where session_id = (select session_id from sessions order by session_id limit 1)";
    holder.batch_execute(&format!("begin; {lock} for update")).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let mut many: JoinSet<_> = (0..60)
        .map(|_| {
            let (store, is_over) = (store.clone(), is_over.clone());
            // Each gives up after seconds, and asks again.
            async move {
                while !is_over.load(Ordering::Relaxed) {
                    let _ = store.rotate(refresh(1, 0)).await;
                }
            }
        })
        .collect();
    let waiting = async || -> i64 {
        // Who waits for a row holds a lock on its place, or waits for that.
        let waiting = "select count(*) from pg_locks where relation = 'grants'::regclass and locktype = 'tuple'";
        observer.query_one(waiting, &[]).await.unwrap().get(0)
    };
    until("nobody waits", async || waiting().await == 1).await;

    for rotation in 0..20 {
        let other = insist(|| store.rotate(refresh(2, rotation))).await;
        assert!(matches!(other, Rotated::Issued { repeated: false, .. }));
        // Between one who has given up and the next there is none.
        assert!(waiting().await <= 1);
    }
    until("nobody waits any more", async || waiting().await == 1).await;
    is_over.store(true, Ordering::Relaxed);
    many.shutdown().await;
}
