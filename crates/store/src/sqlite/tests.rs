//! Reading, writing and checking by way of the file's connections.

use std::fs;
use std::future::{pending, ready as at_once};

use tempfile::TempDir;

use super::*;
use crate::{Options, Store};

fn store() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open(&Options::file(folder.path().join("watchword.db"))).unwrap(), folder)
}

#[tokio::test]
async fn a_check_writes_nothing() {
    let (store, folder) = store();
    let log = || fs::read(folder.path().join("watchword.db-wal")).unwrap();
    let before = log();
    for _ in 0..3 {
        store.check().await.unwrap();
    }
    assert!(log() == before);
}

#[tokio::test]
async fn a_check_waits_as_long_as_writing_is_stuck() {
    let (store, folder) = store();
    let outside = Connection::open(folder.path().join("watchword.db")).unwrap();
    outside.execute_batch("begin immediate").unwrap();
    let mut check = std::pin::pin!(store.check());
    tokio::select! {
        biased;
        outcome = &mut check => panic!("{outcome:?}"),
        () = at_once(()) => {}
    }
    outside.execute_batch("rollback").unwrap();
    check.await.unwrap();
}

#[tokio::test]
async fn a_check_notices_that_the_writer_is_gone() {
    let (store, _folder) = store();
    let (reply, closed) = oneshot::channel();
    assert!(store.sqlite().queue.send(Message::Close(reply)).await.is_ok());
    closed.await.unwrap();
    assert!(store.clock_floor().await.unwrap().is_none(), "reading goes on");
    assert!(matches!(store.check().await, Err(Error::Unavailable)));
}

#[tokio::test]
#[should_panic(expected = "waits for nothing")]
async fn a_store_function_that_waits_for_something_else_is_a_mistake() {
    let (store, _folder) = store();
    let _ = store.sqlite().read(&async |_| pending::<Result<(), Error>>().await);
}
