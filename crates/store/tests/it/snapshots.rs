//! Reading the log of revocations on PostgreSQL, where transactions commit in any order.

use domain::revocation::Revoked;
use store::Position;
use tokio_postgres::{Client, NoTls};

use crate::support::TestStore;

/// A connection of somebody else to the same schema.
async fn writer(store: &TestStore) -> Client {
    let (client, connection) = tokio_postgres::connect(&store.schema().url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn insert(client: &Client, key: u64) {
    let text = "insert into revocations (kind, key, value, keep_until) values ('key', $1, 0, 0)";
    client.execute(text, &[&key.to_string().as_bytes()]).await.unwrap();
}

/// What is new behind `position`, which moves on.
async fn news(store: &TestStore, position: &mut Position) -> Vec<u64> {
    let news = store.revocations_since(position).await.unwrap();
    assert!(!news.has_more);
    *position = news.position;
    keys(news.revocations.into_iter().map(|entry| entry.revoked))
}

fn keys(revoked: impl Iterator<Item = Revoked>) -> Vec<u64> {
    let key = |revoked| if let Revoked::Key(kid) = revoked { kid.parse().unwrap() } else { panic!("not a key") };
    revoked.map(key).collect()
}

#[tokio::test]
async fn what_is_committed_late_is_read_once_and_nobody_waits_for_it() {
    let store = TestStore::on_postgres();
    let (early, late, idle) = (writer(&store).await, writer(&store).await, writer(&store).await);
    let mut position = Position::default();
    idle.batch_execute("begin; select pg_current_xact_id()").await.unwrap();
    late.batch_execute("begin").await.unwrap();
    insert(&late, 1).await;
    insert(&early, 2).await;
    assert_eq!(news(&store, &mut position).await, [2]);
    late.batch_execute("commit").await.unwrap();
    assert_eq!(news(&store, &mut position).await, [1]);
    assert_eq!(news(&store, &mut position).await, [0; 0]);
    insert(&early, 3).await;
    assert_eq!(news(&store, &mut position).await, [3]);
    insert(&idle, 4).await;
    assert_eq!(news(&store, &mut position).await, [0; 0]);
    idle.batch_execute("commit").await.unwrap();
    assert_eq!(news(&store, &mut position).await, [4]);
}

#[tokio::test]
async fn in_whatever_order_many_commit_nothing_is_lost_or_repeated() {
    let store = TestStore::on_postgres();
    let idle = writer(&store).await;
    idle.batch_execute("begin; select pg_current_xact_id()").await.unwrap();
    let mut writers = Vec::new();
    for _ in 0..6 {
        writers.push((writer(&store).await, Vec::new()));
    }
    let (mut position, mut read, mut committed) = (Position::default(), Vec::new(), Vec::new());
    let mut random = 1_u64;
    for key in 0..600 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (client, open) = &mut writers[(random >> 33) as usize % 6];
        match (random >> 40) % 4 {
            0 | 1 => {
                if open.is_empty() {
                    client.batch_execute("begin").await.unwrap();
                }
                insert(client, key).await;
                open.push(key);
            }
            2 => {
                // Without a transaction it does nothing.
                client.batch_execute(if key % 5 == 0 { "rollback" } else { "commit" }).await.unwrap();
                let ended = std::mem::take(open);
                committed.extend(ended.into_iter().filter(|_| key % 5 != 0));
            }
            _ => read.extend(news(&store, &mut position).await),
        }
    }
    read.extend(news(&store, &mut position).await);
    read.sort_unstable();
    committed.sort_unstable();
    assert!(committed.len() > 100, "{}", committed.len());
    assert_eq!(read, committed);
}

#[tokio::test]
async fn more_than_one_answer_holds_is_read_on_although_others_commit_in_between() {
    const MANY: &str = "insert into revocations (kind, key, value, keep_until)
        select 'key', convert_to(n::text, 'UTF8'), 0, 0 from generate_series";
    let store = TestStore::on_postgres();
    let (early, late) = (writer(&store).await, writer(&store).await);
    late.batch_execute("begin").await.unwrap();
    late.batch_execute(&format!("{MANY}(0, 99) n")).await.unwrap();
    early.batch_execute(&format!("{MANY}(100, 25099) n")).await.unwrap();
    let (mut read, mut position, mut answers) = (Vec::new(), Position::default(), 0);
    loop {
        let news = store.revocations_since(&position).await.unwrap();
        answers += 1;
        read.extend(keys(news.revocations.into_iter().map(|entry| entry.revoked)));
        position = news.position;
        if answers == 1 {
            late.batch_execute("commit").await.unwrap();
            early.batch_execute(&format!("{MANY}(25100, 25199) n")).await.unwrap();
        }
        if !news.has_more && answers > 4 {
            break;
        }
    }
    read.sort_unstable();
    read.dedup();
    assert_eq!(read, (0..25200).collect::<Vec<u64>>());
}
