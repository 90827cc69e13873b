//! Looking at a database that is empty, damaged or set up otherwise.

use std::fs;

use store::{Database, Facts, OpenError, Options, PostgresFacts, Schema, Store, inspect};
use test_postgres::{Cluster, Schema as Home};

use crate::support::{T0, TestStore};

fn server(url: &str) -> Database {
    Database::Server(Box::new(url.parse().unwrap()))
}

fn as_it_is(database: Database) -> Result<Store, OpenError> {
    Store::open(&Options { makes: false, ..Options::new(database) })
}

#[test]
fn in_an_empty_database_nothing_is_made() {
    let home = Home::new();
    assert_eq!(inspect(&server(&home.url()), T0).unwrap().schema, Schema::Missing);
    assert!(matches!(as_it_is(server(&home.url())).map(drop), Err(OpenError::Empty(_))));
    assert_eq!(home.tables(), "");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchword.db");
    assert!(inspect(&Database::File(path.clone()), T0).is_err() && as_it_is(Database::File(path.clone())).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::write(&path, "").unwrap();
    assert_eq!(inspect(&Database::File(path.clone()), T0).unwrap().schema, Schema::Missing);
    assert!(matches!(as_it_is(Database::File(path.clone())).map(drop), Err(OpenError::Empty(_))));
    assert_eq!((fs::read(&path).unwrap(), fs::read_dir(folder.path()).unwrap().count()), (Vec::new(), 1));
}

#[tokio::test]
async fn looking_at_a_file_leaves_no_trace_whether_or_not_a_server_has_it_open() {
    let store = TestStore::on_sqlite();
    store.user(1).await;
    let folder = store.path().parent().unwrap().to_owned();
    let state = || -> Vec<_> {
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.map(|path| (fs::read(&path).unwrap(), path)).collect();
        files.sort();
        // The index of the log says who reads at the moment.
        files.into_iter().filter(|(_, path)| !path.to_str().unwrap().ends_with("-shm")).collect()
    };
    for is_open in [true, false] {
        let before = state();
        inspect(&store.database(), T0).unwrap();
        assert!(state() == before, "open: {is_open}");
        store.close().await;
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[tokio::test]
async fn a_damaged_page_and_another_journal_mode_are_seen() {
    let store = TestStore::on_sqlite();
    store.user(1).await;
    store.close().await;
    store.execute("pragma journal_mode = delete");
    let facts = || match inspect(&store.database(), T0).unwrap().engine {
        Facts::Sqlite(facts) => facts,
        Facts::Postgres(_) => unreachable!(),
    };
    assert_eq!(facts().journal_mode, "delete");
    let root = store.count("select rootpage from sqlite_schema where name = 'users'") as usize;
    let mut bytes = fs::read(store.path()).unwrap();
    bytes[(root - 1) * 4096..root * 4096].fill(0xee);
    fs::write(store.path(), bytes).unwrap();
    assert!(facts().damage.is_some());
    let looked = inspect(&store.database(), T0).unwrap();
    assert!(looked.kept.is_none());
}

#[test]
fn what_a_server_is_set_to_is_seen_whatever_our_own_connections_set() {
    let cluster = Cluster::start(&["listen_addresses = ''", "synchronous_commit = local"]);
    cluster.psql("postgres", "", "alter role watchword set default_transaction_isolation = 'repeatable read'");
    cluster.psql("postgres", "", "alter role watchword set default_transaction_read_only = on");
    let looked = inspect(&server(&cluster.url("postgres")), T0).unwrap();
    let Facts::Postgres(PostgresFacts { fsync, full_page_writes, synchronous_commit, isolation, is_read_only, .. }) =
        looked.engine
    else {
        unreachable!()
    };
    assert_eq!((fsync, full_page_writes, is_read_only), (false, false, true));
    assert_eq!((synchronous_commit.as_str(), isolation.as_str()), ("local", "repeatable read"));
}
