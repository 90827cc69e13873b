//! Many requests in one transaction: what becomes of them when one of them, or the commit, fails.

use std::cell::Cell;
use std::future::ready as at_once;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::{JoinHandle, JoinSet};

use super::super::Sqlite;
use super::*;

/// A store that does not wait for other processes.
fn store() -> (Sqlite, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchword.db");
    (Sqlite::open_waiting(&path, 256, 4, true, Duration::ZERO).unwrap(), folder)
}

async fn note(sql: Sql<'_>, name: &str) -> Result<usize, Error> {
    sql.run("insert into meta (name, value) values ($1, 0)", &[&name]).await
}

fn notes(store: &Sqlite) -> i64 {
    let text = "select count(*) from meta where name <> 'revocations_source'";
    let count = async |sql: Sql<'_>| sql.one(text, &[], |row| row.take()).await;
    store.read(&count).unwrap().unwrap()
}

fn execute(sql: Sql<'_>, text: &str) -> rusqlite::Result<()> {
    let Sql::Sqlite(connection) = sql else { unreachable!("the store is on SQLite") };
    connection.execute_batch(text)
}

/// Keeps the writer busy until told to go on.
async fn hold(store: &Sqlite) -> (JoinHandle<Result<(), Error>>, std::sync::mpsc::Sender<()>) {
    let (started, has_started) = oneshot::channel();
    let (go, may_go) = std::sync::mpsc::channel();
    let store = store.clone();
    let started = Cell::new(Some(started));
    let hold = async move |_: Sql<'_>| {
        started.take().unwrap().send(()).unwrap();
        may_go.recv().map_err(|_| Error::Unavailable)
    };
    let held = tokio::spawn(async move { store.write(hold).await });
    has_started.await.unwrap();
    (held, go)
}

/// Runs `spoil` between two others, all three in one group.
async fn in_the_middle(
    store: &Sqlite,
    spoil: impl AsyncFn(Sql<'_>) -> Result<(), Error> + Send + 'static,
) -> [Option<Error>; 3] {
    let (started, has_started) = std::sync::mpsc::channel();
    let (go, may_go) = std::sync::mpsc::channel();
    let first = store.write(async move |sql| {
        started.send(()).unwrap();
        may_go.recv().unwrap();
        note(sql, "first").await
    });
    let rest = async {
        let (spoiled, last) = (store.write(spoil), store.write(async |sql| note(sql, "last").await));
        // Polled in order: when the third is, the first holds the group open and the second waits in the queue.
        let open = async { has_started.recv().and(go.send(()).map_err(|_| std::sync::mpsc::RecvError)).unwrap() };
        tokio::join!(biased; spoiled, last, open)
    };
    let (first, (spoiled, last, ())) = tokio::join!(biased; first, rest);
    [first.err(), spoiled.err(), last.err()]
}

#[tokio::test]
async fn a_panic_undoes_one_request_and_the_writer_goes_on() {
    let (store, _folder) = store();
    let outcomes = in_the_middle(&store, async |sql| {
        note(sql, "spoiled").await?;
        panic!("on purpose")
    })
    .await;
    assert!(matches!(outcomes, [None, Some(Error::Broken(_)), None]), "{outcomes:?}");
    assert_eq!(notes(&store), 2);
}

#[tokio::test]
async fn an_error_undoes_what_its_own_request_did() {
    let (store, _folder) = store();
    let outcomes = in_the_middle(&store, async |sql| {
        note(sql, "spoiled").await?;
        Err(Error::Taken("username"))
    })
    .await;
    assert!(matches!(outcomes, [None, Some(Error::Taken("username")), None]), "{outcomes:?}");
    assert_eq!(notes(&store), 2);
}

#[tokio::test]
async fn nobody_is_told_success_when_the_commit_fails() {
    let (store, _folder) = store();
    let outcomes = in_the_middle(&store, async |sql| {
        // A grant without its session, which is noticed only at the commit.
        execute(
            sql,
            "pragma defer_foreign_keys = on;
            insert into grants values (zeroblob(16), zeroblob(16), '', '', 0, 0)",
        )?;
        Ok(())
    })
    .await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Some(Error::Broken(_)))), "{outcomes:?}");
    assert_eq!(notes(&store), 0);
    store.write(async |sql| note(sql, "afterwards").await).await.unwrap();
    assert_eq!((notes(&store), store.commits()), (1, 1));
}

#[tokio::test]
async fn nobody_is_told_success_when_the_database_rolls_back_by_itself() {
    let (store, _folder) = store();
    let outcomes = in_the_middle(&store, async |sql| {
        // What SQLite does by itself when the disk is full.
        execute(sql, "rollback")?;
        Err(Error::broken("disk full"))
    })
    .await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Some(Error::Unavailable))), "{outcomes:?}");
    assert_eq!(notes(&store), 0);
    store.write(async |sql| note(sql, "afterwards").await).await.unwrap();
}

#[tokio::test]
async fn a_full_database_asks_to_try_again_and_is_ill_until_something_was_written() {
    let (store, _folder) = store();
    let most = async |pages| store.write(async move |sql| Ok(execute(sql, pages)?)).await.unwrap();
    let large =
        async |sql: Sql<'_>| sql.run("insert into meta (name, value) values (hex(zeroblob(100000)), 0)", &[]).await;
    most("pragma max_page_count = 1").await;
    assert!(matches!(store.write(large).await, Err(Error::Unavailable)));
    assert!(store.is_ill());
    most("pragma max_page_count = 1000000").await;
    assert!(store.is_ill(), "nothing was written yet");
    store.write(large).await.unwrap();
    assert!(!store.is_ill() && notes(&store) == 1);
}

#[tokio::test]
async fn while_another_process_writes_the_answer_is_to_try_again() {
    let (store, folder) = store();
    let outside = Connection::open(folder.path().join("watchword.db")).unwrap();
    outside.execute_batch("begin immediate").unwrap();
    assert!(matches!(store.write(async |sql| note(sql, "early").await).await, Err(Error::Unavailable)));
    assert_eq!(notes(&store), 0, "reading goes on");
    outside.execute_batch("rollback").unwrap();
    store.write(async |sql| note(sql, "later").await).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_turns_callers_away_at_once() {
    let (store, _folder) = store();
    let (held, go) = hold(&store).await;
    let mut waiting = JoinSet::new();
    for _ in 0..5000 {
        let store = store.clone();
        waiting.spawn(async move { store.write(async |_| Ok(())).await });
    }
    let mut turned_away = 0;
    while turned_away < 5000 - 4096 {
        assert!(matches!(waiting.join_next().await, Some(Ok(Err(Error::Unavailable)))));
        turned_away += 1;
    }
    go.send(()).unwrap();
    assert!(waiting.join_all().await.into_iter().all(|outcome| outcome.is_ok()));
    held.await.unwrap().unwrap();
}

#[tokio::test]
async fn nothing_is_done_for_a_caller_who_left_before_it_began() {
    let (store, _folder) = store();
    let (held, go) = hold(&store).await;
    tokio::select! {
        biased;
        _ = store.write(async |sql| note(sql, "abandoned").await) => panic!("the writer is held up"),
        () = at_once(()) => {}
    }
    go.send(()).unwrap();
    store.write(async |sql| note(sql, "wanted").await).await.unwrap();
    held.await.unwrap().unwrap();
    let names = async |sql: Sql<'_>| sql.all("select name from meta", &[], |row| row.take::<String>()).await;
    assert_eq!(store.read(&names).unwrap(), ["revocations_source", "wanted"]);
}
