//! `watchword backup` and `watchword restore`: under load, damaged, and long after. Killed they are in [`crate::backup_killed`].

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};

use rusqlite::Connection;

use crate::support::{PASSWORD, Place, Ran, Random, Reply, SOON, Server};

const URL: (&str, &str) = ("WATCHWORD_PUBLIC_URL", "http://localhost:8080");

fn start(place: &Place) -> Server {
    place.serve_with(&[], &[URL, ("WATCHWORD_THROTTLE_ADDRESS_BURST", "100000")])
}

pub(crate) fn done(ran: Ran) -> Ran {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran
}

/// Another folder with the same master key, and the backup restored in it.
fn restored(from: &Place, args: &[&str]) -> Place {
    let place = Place::new();
    std::fs::copy(from.path("watchword.key"), place.path("watchword.key")).unwrap();
    std::fs::copy(from.path("x.backup"), place.path("x.backup")).unwrap();
    done(place.run(&[&["restore", "x.backup"], args].concat()));
    place
}

/// As many sessions as that, all of an account that nobody uses.
pub(crate) fn fill(place: &Place, sessions: u32) {
    let database = Connection::open(place.path("watchword.db")).unwrap();
    database.execute_batch("insert into users values (zeroblob(16), 'nobody', null, null, '', 0, 0, null)").unwrap();
    let text = format!(
        "insert into sessions (session_id, user_id, cookie_hash, created_at, seen_at, idle_expires_at, expires_at, amr, user_agent, ip,
            epoch_at_issue, max_access_minute, sweep_minute)
        with recursive n(n) as (select 1 union all select n + 1 from n where n < {sessions})
        select randomblob(16), zeroblob(16), randomblob(16), 0, 0, 9000000000000, 9000000000000, 'pwd',
            'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', x'c0000201', 0, 0, 0 from n"
    );
    database.execute_batch(&text).unwrap();
}

pub(crate) fn cell(database: &Path, text: &str) -> i64 {
    Connection::open(database).unwrap().query_row(text, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_backup_under_load_has_everything_that_was_acknowledged_before_it_was_begun() {
    let place = Place::new();
    let name = |client: usize| format!("client-{client}");
    (0..4).for_each(|client| place.add_user(&name(client)));
    fill(&place, 100_000);
    let server = start(&place);
    let http = server.http();
    let ledger: Mutex<Vec<(Reply, bool)>> = Mutex::default();
    let stop = AtomicBool::new(false);
    let (deed, deeds) = mpsc::channel();
    let known = std::thread::scope(|scope| {
        for client in 0..4 {
            let (ledger, stop, deed) = (&ledger, &stop, deed.clone());
            scope.spawn(move || {
                // Every other one stays, and an account has a hundred at most.
                for round in 0..150 {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let login = http.login(&name(client));
                    if login.status == 429 {
                        break;
                    }
                    let is_over = round % 2 == 0;
                    if is_over {
                        assert_eq!(http.post("/logout", &login.bearer("access_token")).status, 200);
                    }
                    ledger.lock().unwrap().push((login, is_over));
                    let _ = deed.send(());
                }
            });
        }
        (0..8).for_each(|_| deeds.recv_timeout(SOON).unwrap());
        let known = ledger.lock().unwrap().clone();
        done(place.run(&["backup", "x.backup"]));
        stop.store(true, Ordering::Relaxed);
        known
    });
    let copy = restored(&place, &["--keep-sessions"]);
    assert_eq!(cell(&copy.path("watchword.db"), "select count(*) >= 100008 from sessions"), 1);
    let back = start(&copy);
    for (login, is_over) in &known {
        let expected = if *is_over { 401 } else { 200 };
        assert_eq!(back.http().get("/dashboard", &[login.cookie()]).status, expected, "{login:?}");
        assert_eq!(back.http().post("/refresh", &login.bearer("refresh_token")).status, expected, "{login:?}");
    }
    assert_eq!((server.stop(), back.stop()), (Some(0), Some(0)));
}

#[test]
fn an_old_backup_revives_neither_sessions_nor_tokens_nor_keys() {
    let place = Place::new();
    place.add_user("kavya");
    let server = start(&place);
    let before = server.http().login("kavya");
    let ended = server.http().login("kavya");
    let stolen = place.json(&["keys", "list", "--json"])[0]["kid"].as_str().unwrap().to_owned();
    done(place.run(&["backup", "x.backup"]));
    assert_eq!(server.http().post("/logout", &ended.bearer("access_token")).status, 200);
    let after = server.http().login("kavya");
    done(place.run(&["keys", "revoke", &stolen]));
    assert_eq!(server.stop(), Some(0));
    let said = done(place.run(&["restore", "x.backup"]));
    assert!(said.out.contains("Ended 2 sessions and made 1 signing keys worthless"), "{said:?}");

    let server = start(&place);
    for (login, name) in [(&before, "before"), (&ended, "ended"), (&after, "after")] {
        assert_eq!(server.http().get("/dashboard", &[login.cookie()]).status, 401, "{name}");
        assert_eq!(server.http().get("/dashboard", &login.bearer("access_token")).status, 401, "{name}");
        assert_eq!(server.http().post("/refresh", &login.bearer("refresh_token")).status, 401, "{name}");
    }
    let keys = place.json(&["keys", "list", "--all", "--json"]);
    let is_gone = |key: &serde_json::Value| key["kid"] == stolen.as_str() && key["state"] == "gone";
    assert!(keys.as_array().unwrap().iter().any(is_gone), "{keys}");
    let anew = server.http().login("kavya");
    assert_ne!(anew.kid(), stolen);
    assert_eq!(server.http().get("/dashboard", &anew.bearer("access_token")).status, 200);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn by_name_the_sessions_of_the_backup_may_stand_with_a_warning() {
    let place = Place::new();
    place.add_user("kavya");
    let server = start(&place);
    let login = server.http().login("kavya");
    done(place.run(&["backup", "x.backup"]));
    assert_eq!(server.http().post("/logout", &login.bearer("access_token")).status, 200);
    assert_eq!(server.stop(), Some(0));
    let said = done(place.run(&["restore", "x.backup", "--keep-sessions"]));
    assert!(said.out.contains("WARNING: the sessions stand as they did"), "{said:?}");
    let server = start(&place);
    assert_eq!(server.http().get("/dashboard", &[login.cookie()]).status, 200, "that is what is warned of");
}

#[test]
fn a_database_put_back_by_other_means_is_made_safe_by_one_command() {
    let place = Place::new();
    place.add_user("kavya");
    let server = start(&place);
    let login = server.http().login("kavya");
    assert_eq!(server.stop(), Some(0));
    let said = done(place.run(&["restore", "--by-other-means"]));
    assert!(said.out.contains("Ended 1 sessions"), "{said:?}");
    let server = start(&place);
    assert_eq!(server.http().get("/dashboard", &[login.cookie()]).status, 401);
    assert_eq!(server.http().get("/dashboard", &login.bearer("access_token")).status, 401);
}

#[test]
fn while_a_server_has_it_open_nothing_is_replaced() {
    let place = Place::new();
    place.add_user("kavya");
    let server = start(&place);
    done(place.run(&["backup", "x.backup"]));
    let refused = place.run(&["restore", "x.backup"]);
    assert!(refused.complaint().contains("is in use by a server"), "{refused:?}");
    assert_eq!(server.http().login("kavya").status, 200);
    assert_eq!(server.stop(), Some(0));
    done(place.run(&["restore", "x.backup"]));
}

#[test]
fn what_is_damaged_foreign_or_under_another_password_is_refused_and_nothing_changes() {
    let place = Place::new();
    place.add_user("kavya");
    let password = ("WATCHWORD_BACKUP_PASSWORD", PASSWORD);
    done(place.run(&["backup", "plain"]));
    done(place.run_with_env(&["backup", "sealed", "--encrypt"], &[password]));
    place.write("key", "k".repeat(44));
    done(place.run(&["backup", "keyed", "--key-file", "key"]));
    let mut random = Random::seeded(5);
    for name in ["plain", "sealed"] {
        let good = std::fs::read(place.path(name)).unwrap();
        for round in 0..8 {
            let mut bad = good.clone();
            // The first and the last byte, and any between.
            let at = [0, good.len() - 1].get(round).copied().unwrap_or_else(|| random.below(good.len()));
            bad[at] ^= 1 << random.below(8);
            place.write("bad", bad);
            let refused = place.run_with_env(&["restore", "bad"], &[password]);
            assert!(refused.complaint().starts_with("cannot restore bad: it is "), "{at}: {refused:?}");
        }
        place.write("bad", &good[..good.len() - 1]);
        assert!(place.run_with_env(&["restore", "bad"], &[password]).complaint().contains("incomplete"));
    }
    place.write("other", "k".repeat(43) + "l");
    place.write("notes", "something else entirely");
    std::fs::copy(place.path("watchword.db"), place.path("database")).unwrap();
    let before = std::fs::read(place.path("watchword.db")).unwrap();
    for (args, env, why) in [
        (&["restore", "sealed"][..], &[][..], "--password-file"),
        (&["restore", "sealed"], &[("WATCHWORD_BACKUP_PASSWORD", "wrong")], "another password"),
        (&["restore", "keyed"], &[password], "--key-file"),
        (&["restore", "keyed", "--key-file", "other"], &[], "another password or key"),
        (&["restore", "notes"], &[], "it is not a backup"),
        (&["restore", "database"], &[], "it is not a backup"),
        (&["restore", "missing"], &[], "No such file"),
        (&["restore", "plain", "--database", "notes"], &[], "it is not a Watchword database"),
        (&["backup", "plain"], &[], "exists already"),
        (&["backup", "new", "--encrypt"], &[], "--encrypt needs a password"),
        (&["backup", "new", "--encrypt"], &[("WATCHWORD_BACKUP_PASSWORD", "short")], "too weak"),
        (&["backup", "new", "--key-file", "notes"], &[], "less than 32 bytes"),
        (&["backup", "missing/new"], &[], "cannot write missing/new.part"),
        (&["backup", "new", "--database", "missing.db"], &[], "there is no database"),
        (&["backup", "new", "--database", "postgres://ww@db.example.org/ww"], &[], "docs/postgres.md"),
        (&["restore", "plain", "--database", "postgres://ww@db.example.org/ww"], &[], "docs/postgres.md"),
    ] {
        let refused = place.run_with_env(args, env);
        // Where it says on standard output that the backup is whole, that comes before the refusal.
        assert!(refused.code == Some(1) && refused.err.contains(why), "{args:?}: {refused:?}");
        assert!(!refused.err.contains(PASSWORD), "{refused:?}");
    }
    assert!(std::fs::read(place.path("watchword.db")).unwrap() == before);
    done(place.run_with_env(&["restore", "sealed"], &[password]));
    done(place.run(&["restore", "keyed", "--key-file", "key"]));
}

#[test]
fn a_backup_is_for_its_owner_alone_without_the_master_key_and_leaves_nothing_behind() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.add_user("kavya");
    let server = start(&place);
    assert_eq!(server.stop(), Some(0));
    let said = done(place.run(&["backup", "x.backup"]));
    assert!(said.err.contains("The master key is not in it. Keep watchword.key apart"), "{said:?}");
    assert_eq!(place.files(), ["watchword.db", "watchword.key", "x.backup"]);
    assert_eq!(std::fs::metadata(place.path("x.backup")).unwrap().permissions().mode() & 0o777, 0o600);
    let master = std::fs::read(place.path("watchword.key")).unwrap();
    let raw = token::base64url::decode(&master).unwrap();
    let file = std::fs::read(place.path("x.backup")).unwrap();
    for secret in [&master, &raw] {
        assert!(!file.windows(secret.len()).any(|window| window == *secret));
    }
    done(place.run(&["restore", "x.backup", "--check"]));
    assert_eq!(place.files(), ["watchword.db", "watchword.key", "x.backup"]);
    done(place.run(&["restore", "x.backup"]));
    let files = place.files();
    assert!(files.len() == 4 && files[1].starts_with("watchword.db-replaced-"), "{files:?}");
    let mode = std::fs::metadata(place.path("watchword.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    std::fs::remove_file(place.path("watchword.key")).unwrap();
    let said = done(place.run(&["restore", "x.backup"]));
    assert!(said.out.contains("WARNING: watchword.key does not hold the master key"), "{said:?}");
}

#[test]
fn a_backup_goes_through_pipes() {
    let place = Place::new();
    place.add_user("kavya");
    let mut backup = place.command(&["backup", "-"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut restore = place.command(&["restore", "-", "--database", "other.db"]);
    let ran = restore.stdin(backup.stdout.take().unwrap()).output().unwrap();
    assert!(backup.wait().unwrap().success() && ran.status.success(), "{ran:?}");
    assert_eq!(cell(&place.path("other.db"), "select count(*) from users"), 1);
}

#[test]
fn a_backup_of_an_older_version_is_brought_up_to_date() {
    let place = Place::new();
    let first = include_str!("../../../store/migrations/sqlite/0001_spine.sql");
    let old = Connection::open(place.path("watchword.db")).unwrap();
    old.execute_batch(
        "pragma application_id = 1465140040;
        create table migrations (number integer not null primary key, name text not null, checksum blob not null) strict",
    )
    .unwrap();
    old.execute_batch(first).unwrap();
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, first.as_bytes());
    old.execute("insert into migrations values (1, 'spine', ?1)", [sum.as_ref()]).unwrap();
    old.execute_batch("insert into users values (randomblob(16), 'kavya', null, null, '', 0, 0, null)").unwrap();
    drop(old);
    let said = done(place.run(&["backup", "x.backup"]));
    assert!(said.err.contains("schema 1"), "{said:?}");
    done(place.run(&["restore", "x.backup"]));
    let server = start(&place);
    assert_eq!(cell(&place.path("watchword.db"), "select count(*) from migrations where number = 2"), 1);
    assert!(done(place.run(&["user", "list"])).out.contains("kavya"));
    assert_eq!(server.stop(), Some(0));
}
