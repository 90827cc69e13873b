//! Copies of a database in use, and one database in place of another, on SQLite.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{EndedWhy, UnixMillis};
use store::{Duplicate, OpenError, Options, Position, Store, clock_floor_of, replace};

use crate::support::{KEEP, PATIENCE, T0, TestStore, user_id};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_everything_that_was_committed_before_it_was_begun_and_nothing_half() {
    let store = TestStore::on_sqlite();
    store.user(1).await;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        // Two rows that are always changed together.
        scope.spawn(|| {
            let outside = store.outside();
            outside.busy_timeout(PATIENCE).unwrap();
            outside.execute_batch("insert into meta values ('one', 0), ('two', 0)").unwrap();
            while !stop.load(Ordering::Relaxed) {
                outside.execute_batch("update meta set value = value + 1 where name in ('one', 'two')").unwrap();
            }
        });
        let both = |path: &Path| -> (Option<i64>, Option<i64>) {
            let text =
                "select max(value) filter (where name = 'one'), max(value) filter (where name = 'two') from meta";
            rusqlite::Connection::open(path).unwrap().query_row(text, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
        };
        for _ in 0..20 {
            let before = both(&store.path()).0;
            let copy = Duplicate::beside(&store.path(), "-backup").unwrap();
            let whole = copy.fill(&store.path()).unwrap();
            assert_eq!(whole.bytes, fs::metadata(copy.path()).unwrap().len());
            let (one, two) = both(copy.path());
            assert_eq!(one, two);
            assert!(one >= before, "{one:?} {before:?}");
        }
    });
}

/// Ends the other thread, even when this one fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A verifier may have read on after the backup was made. What it has read is a number, and numbers begin anew.
#[tokio::test]
async fn whoever_had_read_further_than_the_backup_misses_nothing_after_a_restore() {
    let (later, restored) = (TestStore::on_sqlite(), TestStore::on_sqlite());
    later.user(1).await;
    for session in [1, 2, 3] {
        later.session_of(1, session).await;
    }
    later.end_all_sessions(user_id(1), EndedWhy::Logout, KEEP, T0).await.unwrap();
    let reached = later.revocations_since(&Position::default()).await.unwrap();
    assert_eq!(reached.revocations.len(), 3);
    restored.user(1).await;
    restored.session_of(1, 1).await;
    restored.let_stand().await.unwrap();
    restored.end_all_sessions(user_id(1), EndedWhy::Logout, KEEP, T0).await.unwrap();
    restored.void_everything(KEEP, T0).await.unwrap();
    assert_eq!(restored.revocations_since(&reached.position).await.unwrap().revocations.len(), 2);
}

#[tokio::test]
async fn what_was_deleted_is_not_in_a_copy() {
    let store = TestStore::on_sqlite();
    store
        .execute("create table notes (text text); insert into notes values (hex(zeroblob(5000)) || 'kept for nobody')");
    store.execute("delete from notes; pragma wal_checkpoint");
    let has_it = |path: &Path| fs::read(path).unwrap().windows(15).any(|window| window == b"kept for nobody");
    let copy = Duplicate::beside(&store.path(), "-backup").unwrap();
    copy.fill(&store.path()).unwrap();
    assert!(!has_it(copy.path()));
    assert!(has_it(&store.path()), "else this test finds nothing out");
}

#[tokio::test]
async fn of_copies_one_is_made_at_a_time_and_what_was_left_behind_is_cleared_away() {
    let store = TestStore::on_sqlite();
    let copy = Duplicate::beside(&store.path(), "-backup").unwrap();
    assert!(matches!(Duplicate::beside(&store.path(), "-backup"), Err(OpenError::Locked(_))));
    let path = copy.path().to_owned();
    drop(copy);
    assert!(!path.exists());
    for suffix in ["", "-wal", "-shm"] {
        fs::write(format!("{}{suffix}", path.display()), "left behind").unwrap();
    }
    let copy = Duplicate::beside(&store.path(), "-backup").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "it is another file");
    assert!(!Path::new(&format!("{}-wal", path.display())).exists(), "it would be taken for the new one's log");
    drop(copy);
}

#[tokio::test]
async fn a_copy_is_believed_only_if_every_page_and_reference_is_right() {
    let store = TestStore::on_sqlite();
    store.user(1).await;
    store.session_of(1, 1).await;
    let good = {
        let copy = Duplicate::beside(&store.path(), "-backup").unwrap();
        copy.fill(&store.path()).unwrap();
        fs::read(copy.path()).unwrap()
    };
    let examined = |content: &[u8]| {
        let copy = Duplicate::beside(&store.path(), "-restoring").unwrap();
        copy.content().unwrap().write_all(content).unwrap();
        copy.examine()
    };
    let changed = |sql: &str| {
        let copy = Duplicate::beside(&store.path(), "-backup").unwrap();
        copy.content().unwrap().write_all(&good).unwrap();
        rusqlite::Connection::open(copy.path()).unwrap().execute_batch(sql).unwrap();
        fs::read(copy.path()).unwrap()
    };
    assert!(examined(&good).is_ok());
    let mut torn = good.clone();
    let middle = torn.len() / 2 / 4096 * 4096;
    torn[middle..middle + 4096].fill(0xff);
    assert!(matches!(examined(&torn), Err(OpenError::Damaged { .. })));
    assert!(matches!(examined(&good[..good.len() - 4096]), Err(OpenError::Damaged { .. })));
    assert!(matches!(examined(b"notes"), Err(OpenError::Damaged { .. })));
    let dangling = changed("pragma foreign_keys = off; delete from users");
    assert!(matches!(examined(&dangling), Err(OpenError::Damaged { what, .. }) if what.contains("sessions")));
    assert!(matches!(examined(&changed("pragma application_id = 5")), Err(OpenError::NotADatabase(_))));
    let newer = changed("insert into migrations values (9999, 'later', x'00')");
    assert!(matches!(examined(&newer), Err(OpenError::Newer { found: 9999, .. })));
    let altered = changed("update migrations set checksum = x'00'");
    assert!(matches!(examined(&altered), Err(OpenError::Altered { number: 1, .. })));
}

#[tokio::test]
async fn a_database_takes_the_place_of_another_which_is_kept_with_all_that_it_had() {
    let (old, new) = (TestStore::on_sqlite(), TestStore::on_sqlite());
    old.raise_clock_floor(T0).await.unwrap();
    new.raise_clock_floor(UnixMillis(T0.0 + 1)).await.unwrap();
    new.close().await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // As a killed process leaves them: what was committed last is in the log only.
    for suffix in ["", "-wal"] {
        fs::copy(format!("{}{suffix}", old.path().display()), at(&format!("watchword.db{suffix}"))).unwrap();
    }
    fs::copy(new.path(), at("new")).unwrap();
    assert!(replace(&at("new"), &at("watchword.db"), &at("aside")).unwrap());
    assert_eq!(clock_floor_of(&at("watchword.db")), Some(UnixMillis(T0.0 + 1)));
    let kept = Store::open(&Options::file(at("aside"))).unwrap();
    assert_eq!(kept.clock_floor().await.unwrap(), Some(T0));
    kept.close().await;
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["aside", "watchword.db"]);
}

#[test]
fn something_else_is_never_replaced_but_a_damaged_database_is_with_its_log_kept() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("new"), "new").unwrap();
    fs::write(at("notes"), "notes ".repeat(50)).unwrap();
    for other in ["notes", "."] {
        let refused = replace(&at("new"), &at(other), &at("aside"));
        assert!(matches!(refused, Err(OpenError::NotADatabase(_))), "{other}: {refused:?}");
    }
    assert!(fs::read(at("notes")).unwrap().starts_with(b"notes") && !at("aside").exists());

    let mut damaged = b"SQLite format 3\0".to_vec();
    damaged.resize(5000, 0xee);
    damaged[68..72].copy_from_slice(b"WTCH");
    fs::write(at("watchword.db"), &damaged).unwrap();
    fs::write(at("watchword.db-wal"), "log").unwrap();
    assert!(replace(&at("new"), &at("watchword.db"), &at("aside")).unwrap());
    assert_eq!(fs::read(at("watchword.db")).unwrap(), b"new");
    assert_eq!(fs::read(at("aside")).unwrap(), damaged);
    assert!(!at("watchword.db-wal").exists(), "the new database must not take it for its own");
}

#[tokio::test]
async fn no_copy_is_made_of_a_database_whose_installation_has_gone() {
    let store = TestStore::on_sqlite();
    for (state, told) in
        [("leaving", "is being moved to"), ("left", "was moved to"), ("arriving", "being moved here from")]
    {
        store.execute(&format!("insert or replace into transfers values (1, zeroblob(16), '{state}', 'elsewhere')"));
        let copy = Duplicate::beside(&store.path(), "-backup").unwrap();
        let error = copy.fill(&store.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("{told} elsewhere")), "{error}");
        assert!(error.contains(&format!("database {}:", store.path().display())), "{error}");
        assert!(copy.examine().unwrap_err().to_string().contains(told));
    }
    store.execute("update transfers set state = 'here'");
    let copy = Duplicate::beside(&store.path(), "-backup").unwrap();
    copy.fill(&store.path()).unwrap();
}
