//! A `watchword backup` or `watchword restore` that is killed leaves one thing or the other, and nothing half done.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Instant;

use rusqlite::Connection;

use crate::backup::{cell, done, fill};
use crate::support::{Place, SOON};

/// Kills a command as soon as `now` says so. False if it had ended by then.
fn cut_off(mut child: Child, now: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !now() && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < SOON);
        std::thread::yield_now();
    }
    let is_running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    is_running
}

fn spawn(place: &Place, args: &[&str]) -> Child {
    place.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Removes the files whose names contain this.
fn clear(place: &Place, part: &str) {
    for name in place.files().into_iter().filter(|name| name.contains(part)) {
        std::fs::remove_file(place.path(&name)).unwrap();
    }
}

fn size(path: &Path) -> Option<u64> {
    path.metadata().ok().map(|found| found.len())
}

#[test]
fn a_backup_that_is_killed_leaves_none_and_the_next_one_clears_up() {
    let place = Place::new();
    place.add_user("kavya");
    fill(&place, 20_000);
    let whole = size(&place.path("watchword.db")).unwrap();
    let mut cut = 0;
    for (name, part) in [("watchword.db-backup", 0), ("watchword.db-backup", whole / 2), ("x.backup.part", 1)] {
        // On a busy machine it may be done before the test comes to look.
        for _ in 0..TRIES {
            let backup = spawn(&place, &["backup", "x.backup"]);
            let is_cut = cut_off(backup, || size(&place.path(name)).is_some_and(|size| size >= part));
            if place.files().contains(&"x.backup".to_owned()) {
                done(place.run(&["restore", "x.backup", "--check"]));
                std::fs::remove_file(place.path("x.backup")).unwrap();
            }
            if is_cut {
                cut += 1;
                break;
            }
        }
    }
    assert!(cut >= 2, "too fast to be killed: {cut}");
    done(place.run(&["backup", "x.backup"]));
    assert_eq!(place.files(), ["watchword.db", "x.backup"]);
    done(place.run(&["restore", "x.backup", "--check"]));
}

#[test]
fn a_restore_that_is_killed_leaves_the_one_database_or_the_other() {
    let place = Place::new();
    place.add_user("kavya");
    fill(&place, 20_000);
    let mark = |database: &Connection, mark: i64| {
        database.execute("insert or replace into meta values ('mark', ?1)", [mark]).unwrap();
    };
    let database = place.path("watchword.db");
    mark(&Connection::open(&database).unwrap(), 1);
    done(place.run(&["backup", "x.backup"]));
    let whole = size(&database).unwrap();
    let staged = place.path("watchword.db-restoring");
    let at_least = |bytes: u64| move |path: &Path| size(path).is_some_and(|size| size >= bytes);
    let log = place.path("watchword.db-restoring-wal");
    let (mut cut, mut outcomes) = (0, Vec::new());
    let attempt = |path: &Path, bytes: u64| {
        mark(&Connection::open(&database).unwrap(), 2);
        let restore = spawn(&place, &["restore", "x.backup"]);
        let now = || {
            if bytes == u64::MAX {
                place.files().iter().any(|name| name.contains("replaced"))
            } else {
                at_least(bytes)(path)
            }
        };
        let is_cut = cut_off(restore, now);
        assert_eq!(cell(&database, "select count(*) from pragma_integrity_check where integrity_check = 'ok'"), 1);
        let found = cell(&database, "select value from meta where name = 'mark'");
        let live = "select count(*) from sessions where ended_at is null
            and created_at > coalesce((select value from meta where name = 'everybody_ended_at'), -1)";
        let live = cell(&database, live);
        assert!(matches!((found, live), (2, 20_000) | (1, 0)), "half restored: {found} {live}");
        if found == 1 {
            Connection::open(&database)
                .unwrap()
                .execute_batch("delete from meta where name = 'everybody_ended_at'")
                .unwrap();
            clear(&place, "replaced");
        }
        (is_cut, found)
    };
    for (path, bytes) in [(&staged, 0), (&staged, whole / 2), (&log, 1), (&log, 1 << 20), (&database, u64::MAX)] {
        // On a busy machine it may be done before the test comes to look.
        for _ in 0..TRIES {
            let (is_cut, found) = attempt(path, bytes);
            outcomes.push(found);
            if is_cut {
                cut += 1;
                break;
            }
        }
    }
    assert!(cut >= 3 && outcomes.contains(&2), "too fast to be killed: {cut} {outcomes:?}");
    done(place.run(&["restore", "x.backup"]));
    assert!(!place.files().iter().any(|name| name.contains("restoring")), "{:?}", place.files());
}

/// How often to try to kill a command at the same place, before it is taken for one that cannot be killed there.
const TRIES: usize = 20;
