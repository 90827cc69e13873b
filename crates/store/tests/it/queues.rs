//! On PostgreSQL, where a node has few connections for everybody.

use store::Rotated;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

use crate::support::{TestStore, refresh};

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
    let mut many: JoinSet<_> = (0..60)
        .map(|_| {
            let store = store.clone();
            async move { store.rotate(refresh(1, 0)).await }
        })
        .collect();
    let waiting = async || -> i64 {
        // Who waits for a row holds a lock on its place, or waits for that.
        let waiting = "select count(*) from pg_locks where relation = 'grants'::regclass and locktype = 'tuple'";
        observer.query_one(waiting, &[]).await.unwrap().get(0)
    };
    while waiting().await == 0 {}

    for rotation in 0..20 {
        let other = store.rotate(refresh(2, rotation)).await.unwrap();
        assert!(matches!(other, Rotated::Issued { repeated: false, .. }));
    }
    assert_eq!(waiting().await, 1);
    many.shutdown().await;
}
