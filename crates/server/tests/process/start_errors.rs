//! What cannot be started says why in one clear line, exits with 1, and leaves nothing half made.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;

use crate::support::{Place, Ran};

const FREE: [&str; 2] = ["--listen", "127.0.0.1:0"];

#[test]
fn an_unknown_key_is_named_with_file_and_line() {
    let place = Place::new();
    place.write("watchword.toml", "listen = '127.0.0.1:0'\n\n[session]\nidel = '1h'\n");
    let said = place.run(&[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    for part in ["watchword.toml", "line 4", "idel", "idle"] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    assert_eq!(place.files(), ["watchword.toml"]);
}

#[test]
fn a_missing_configuration_file_that_was_named_is_named() {
    let place = Place::new();
    let said = place.run(&["--config", "elsewhere.toml"]);
    assert!(said.complaint().contains("elsewhere.toml"), "{said:?}");
    assert_one_line(&said);
    assert!(place.files().is_empty());
}

#[test]
fn values_that_cannot_be_used_are_refused_before_anything_is_made() {
    for (args, env, parts) in [
        (vec!["--listen", "everywhere"], vec![], vec!["--listen", "everywhere", "127.0.0.1:8080"]),
        (vec!["--listen", "127.0.0.1:99999"], vec![], vec!["--listen", "99999"]),
        (vec!["--listen", "0.0.0.0:0"], vec![], vec!["--public-url"]),
        (vec!["--public-url", "http://login.example.org"], vec![], vec!["plain http", "danger_plain_http"]),
        (vec!["--public-url", "https://login.example.org/auth"], vec![], vec!["without path"]),
        (vec!["--database", "mysql://ww@localhost/ww"], vec![], vec!["--database", "sqlite:", "postgres://"]),
        (vec!["--database", "postgres://localhost/ww"], vec![], vec!["--database", "no user", "postgres://user"]),
        (vec![], vec![("WATCHWORD_LISTNE", "x")], vec!["WATCHWORD_LISTNE", "no such setting"]),
        (vec![], vec![("WATCHWORD_SESSION_IDLE", "soon")], vec!["WATCHWORD_SESSION_IDLE", "24h"]),
        (vec![], vec![("WATCHWORD_TOKENS_ALGORITHM", "none")], vec!["algorithm", "EdDSA"]),
        (vec![], vec![("WATCHWORD_PASSWORDS_MEMORY_KIB", "64")], vec!["memory_kib", "19456"]),
        (vec![], vec![("WATCHWORD_LOG_FILTER", "a=b=c")], vec!["log.filter", "a=b=c"]),
    ] {
        let place = Place::new();
        let said = place.run_with_env(&args, &env);
        let line = said.complaint();
        for part in &parts {
            assert!(line.contains(part), "{args:?} {env:?}: `{part}` is missing in: {line}");
        }
        assert_one_line(&said);
        assert!(place.files().is_empty(), "{args:?} {env:?} left {:?}", place.files());
    }
}

#[test]
fn a_mistake_on_the_command_line_exits_with_2() {
    let place = Place::new();
    for args in [vec!["--lisen", "x"], vec!["sevre"], vec!["user"], vec!["session", "end"], vec!["user", "add"]] {
        let said = place.run(&args);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{args:?}: {said:?}");
        assert!(!said.err.is_empty());
    }
    assert!(place.files().is_empty());
}

#[test]
fn a_database_server_that_is_not_there_is_named_without_its_password_and_nothing_is_made() {
    let place = Place::new();
    let said = place.run_with_env(&[], &[("WATCHWORD_DATABASE", "postgres://ww:hunter2@127.0.0.1:1/ww")]);
    assert!(
        said.complaint().contains("postgres://ww:***@127.0.0.1:1/ww") && said.complaint().contains("Start PostgreSQL")
    );
    assert_one_line(&said);
    assert!(!format!("{said:?}").contains("hunter2"));
    assert!(place.files().is_empty(), "{:?}", place.files());
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_made() {
    let place = Place::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let said = place.run(&["--listen", &address]);
    assert!(said.complaint().contains(&address) && said.complaint().contains("in use"), "{said:?}");
    assert_one_line(&said);
    assert!(place.files().is_empty(), "{:?}", place.files());
}

#[test]
fn a_database_that_cannot_be_written_is_named() {
    let place = Place::new();
    let said = place.run(&[&FREE[..], &["--database", "missing/watchword.db"]].concat());
    assert!(said.complaint().contains("its folder does not exist"), "{said:?}");

    let said = as_somebody(&place, 0o555);
    assert!(said.complaint().contains("no permission"), "{said:?}");
    assert!(place.files().is_empty());

    place.write("watchword.db", "");
    std::fs::set_permissions(place.path("watchword.db"), PermissionsExt::from_mode(0o444)).unwrap();
    let said = as_somebody(&place, 0o755);
    assert!(said.complaint().contains("no permission"), "{said:?}");
    assert_one_line(&said);
    assert_eq!(place.files(), ["watchword.db"]);
}

#[test]
fn a_key_file_that_cannot_be_made_leaves_nothing_that_misses_it() {
    let place = Place::new();
    place.write("blocked", "");
    let said = place.run_with_env(&FREE, &[("WATCHWORD_MASTER_KEY_FILE", "blocked/watchword.key")]);
    assert!(said.complaint().contains("blocked/watchword.key"), "{said:?}");
    assert_one_line(&said);
    assert_eq!(place.serve().stop(), Some(0));
}

#[test]
fn something_else_in_the_place_of_the_database_is_left_alone() {
    for content in ["just some text, long enough to be read as a header of a database file".as_bytes(), &[0xff; 5000]] {
        let place = Place::new();
        place.write("watchword.db", content);
        let said = place.run(&FREE);
        assert!(said.complaint().contains("not a Watchword database"), "{said:?}");
        assert_one_line(&said);
        assert_eq!(place.files(), ["watchword.db"]);
        assert_eq!(std::fs::read(place.path("watchword.db")).unwrap(), content);
    }
    let place = Place::new();
    let other = rusqlite::Connection::open(place.path("watchword.db")).unwrap();
    other.execute_batch("create table notes (text)").unwrap();
    drop(other);
    let before = std::fs::read(place.path("watchword.db")).unwrap();
    assert!(place.run(&FREE).complaint().contains("not a Watchword database"));
    assert_eq!(std::fs::read(place.path("watchword.db")).unwrap(), before);
    assert_eq!(place.files(), ["watchword.db"]);
}

#[test]
fn a_schema_from_the_future_is_refused_with_both_numbers() {
    let place = Place::new();
    place.add_user("kavya");
    let database = rusqlite::Connection::open(place.path("watchword.db")).unwrap();
    database.execute("insert into migrations (number, name, checksum) values (9999, 'later', x'00')", []).unwrap();
    drop(database);
    let said = place.run(&FREE);
    assert!(said.complaint().contains("9999") && said.complaint().contains("newer version"), "{said:?}");
    assert_one_line(&said);
    assert_eq!(place.run(&["user", "list"]).code, Some(1), "commands neither");
}

#[test]
fn a_guessable_shared_secret_is_refused_and_never_repeated() {
    for secret in ["", "secret", "hunter2hunter2", &"abcabc".repeat(12)] {
        let place = Place::new();
        let env = [("WATCHWORD_TOKENS_ALGORITHM", "HS256"), ("WATCHWORD_TOKENS_SECRET", secret)];
        let said = place.run_with_env(&FREE, &env);
        assert!(said.complaint().contains("openssl rand"), "{said:?}");
        assert_one_line(&said);
        assert!(secret.len() < 10 || !said.err.contains(secret), "{said:?}");
        assert!(place.files().is_empty(), "left {:?}", place.files());
    }
    let place = Place::new();
    let said = place.run_with_env(&FREE, &[("WATCHWORD_TOKENS_ALGORITHM", "HS256")]);
    assert!(said.complaint().contains("WATCHWORD_TOKENS_SECRET"), "{said:?}");
    assert!(place.files().is_empty(), "left {:?}", place.files());
}

#[test]
fn without_the_master_key_of_its_database_it_does_not_start_or_make_another() {
    let place = Place::new();
    assert_eq!(place.serve().stop(), Some(0));
    let key = std::fs::read_to_string(place.path("watchword.key")).unwrap();
    std::fs::remove_file(place.path("watchword.key")).unwrap();
    let said = place.run(&FREE);
    assert!(said.complaint().contains("put back watchword.key"), "{said:?}");
    assert_one_line(&said);
    assert_eq!(place.files(), ["watchword.db"]);

    let private = |text: &str| {
        place.write("watchword.key", text);
        std::fs::set_permissions(place.path("watchword.key"), PermissionsExt::from_mode(0o600)).unwrap();
    };
    for wrong in ["", "garbage", &"A".repeat(43)] {
        private(wrong);
        let said = place.run(&FREE);
        assert!(said.complaint().contains("watchword.key"), "{said:?}");
        assert_one_line(&said);
        assert!(wrong.is_empty() || !said.err.contains(wrong), "{said:?}");
    }
    private(&key);
    assert_eq!(place.serve().stop(), Some(0));
}

#[test]
fn a_key_file_that_others_may_read_is_refused_with_the_command_that_helps() {
    let place = Place::new();
    assert_eq!(place.serve().stop(), Some(0));
    std::fs::set_permissions(place.path("watchword.key"), PermissionsExt::from_mode(0o644)).unwrap();
    let said = place.run(&FREE);
    assert!(said.complaint().contains("chmod 600 watchword.key"), "{said:?}");
    assert_one_line(&said);
}

fn assert_one_line(said: &Ran) {
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    assert!(!said.err.contains("panicked") && !said.err.contains('{'), "{}", said.err);
}

/// Runs the server without root's powers, in a folder with this mode.
fn as_somebody(place: &Place, mode: u32) -> Ran {
    let mut command = place.command(&FREE);
    if chown(place.folder(), Some(NOBODY), None).is_ok() {
        command.uid(NOBODY);
    }
    std::fs::set_permissions(place.folder(), PermissionsExt::from_mode(mode)).unwrap();
    let ran = Ran::of(command, "");
    std::fs::set_permissions(place.folder(), PermissionsExt::from_mode(0o755)).unwrap();
    ran
}

/// A user who owns nothing.
const NOBODY: u32 = 65534;
