use std::fs;
use std::path::Path;

use store::{OpenError, Options, Store};

use crate::support::TestStore;

fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(&Options::file(path))
}

#[test]
fn many_may_open_a_new_database_at_the_same_time() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watchword.db");
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&path).map(drop))).collect();
            for opened in opening {
                opened.join().unwrap().unwrap();
            }
        });
    }
}

#[tokio::test]
async fn opening_again_changes_nothing() {
    let store = TestStore::on_sqlite();
    store.user(1).await;
    let schema = |store: &TestStore| -> String {
        let text = "select group_concat(sql, ';') || (select count(*) from migrations) from sqlite_schema";
        store.outside().query_row(text, [], |row| row.get(0)).unwrap()
    };
    let before = schema(&store);
    let store = store.reopened().await;
    assert_eq!(schema(&store), before);
    assert_eq!(store.accounts(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_newer_or_altered_schema_is_refused() {
    for (change, message) in [
        ("insert into migrations values (9999, 'from the future', x'00')", "its schema is number 9999"),
        ("update migrations set checksum = x'00'", "its migration 1 is not the one"),
    ] {
        let store = TestStore::on_sqlite();
        store.close().await;
        store.outside().execute_batch(change).unwrap();
        let refusal = open(&store.path()).map(drop).unwrap_err().to_string();
        assert!(refusal.contains(message) && refusal.contains("watchword.db"), "{refusal}");
    }
}

#[test]
fn what_is_not_a_watchword_database_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "not a database, though long enough to be one. ".repeat(20)).unwrap();
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("create table songs (title text)").unwrap();
    for path in [text.as_path(), other.as_path(), folder.path()] {
        let before = fs::read(path).ok();
        assert!(matches!(open(path).map(drop), Err(OpenError::NotADatabase(_))), "{}", path.display());
        assert_eq!(fs::read(path).ok(), before);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = open(&folder.path().join("missing/watchword.db")).map(drop).unwrap_err();
    assert!(matches!(refusal, OpenError::NoFolder(_)));
    assert!(refusal.to_string().contains("missing/watchword.db"));
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_the_database() {
    use std::os::unix::fs::PermissionsExt;
    let store = TestStore::on_sqlite();
    store.user(1).await;
    for file in fs::read_dir(store.path().parent().unwrap()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.path().display());
    }
}
