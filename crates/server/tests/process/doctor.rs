//! `watchword doctor`: what it finds wrong, what it finds fine, and that it leaves everything as it was.

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use serde_json::Value;
use test_postgres::Schema;

use crate::support::Place;

/// The findings by name, after a look at what holds for every run.
struct Found(Vec<Value>);

impl Found {
    fn by(place: &Place, args: &[&str]) -> Self {
        let ran = place.run(&[&["doctor", "--json"], args].concat());
        let Value::Array(findings) = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}")) else {
            panic!("{ran:?}")
        };
        let worst = |finding: &Value| ["ok", "warning", "problem"].iter().position(|word| finding["result"] == *word);
        let worst = findings.iter().map(|finding| worst(finding).unwrap()).max().unwrap();
        assert_eq!(ran.code, Some(worst as i32), "{ran:?}");
        assert!(findings.iter().all(|finding| (finding["result"] == "ok") == finding["do"].is_null()), "{ran:?}");
        Self(findings)
    }

    fn result(&self, check: &str) -> &str {
        let found = self.0.iter().find(|finding| finding["check"] == check);
        found.unwrap_or_else(|| panic!("no {check}: {:?}", self.0))["result"].as_str().unwrap()
    }

    /// All that are not fine, but for what depends on the machine of the test.
    fn bad(&self) -> Vec<&str> {
        let machine = ["disk space", "file system", "password hashing", "password memory"];
        let bad = self.0.iter().filter(|finding| finding["result"] != "ok");
        bad.map(|finding| finding["check"].as_str().unwrap()).filter(|check| !machine.contains(check)).collect()
    }
}

/// A folder with an account and a server that has run.
fn used(database: &str) -> Place {
    let place = Place::new();
    place.write("watchword.toml", format!("database = '{database}'\n"));
    std::fs::set_permissions(place.path("watchword.toml"), PermissionsExt::from_mode(0o600)).unwrap();
    place.add_user("kavya");
    assert_eq!(place.serve().stop(), Some(0));
    place
}

#[test]
fn before_the_first_start_all_is_well_and_nothing_is_made() {
    let place = Place::new();
    assert_eq!(Found::by(&place, &[]).bad(), Vec::<&str>::new());
    assert_eq!(place.files(), Vec::<String>::new());
    let text = place.run(&["doctor"]).out;
    assert!(text.contains("ok       database") && !text.contains('\x1b'), "{text}");
}

#[test]
fn an_installation_that_is_well_is_found_so_while_it_runs_and_after_and_stays_as_it_is() {
    let place = used("sqlite:watchword.db");
    let state = || place.files().into_iter().map(|name| (std::fs::read(place.path(&name)).unwrap(), name));
    let before: Vec<_> = state().collect();
    assert_eq!(Found::by(&place, &[]).bad(), Vec::<&str>::new());
    assert!(state().eq(before));
    let server = place.serve();
    let url = format!("http://{}", server.address);
    let found = Found::by(&place, &["--url", &url]);
    assert_eq!(found.bad(), Vec::<&str>::new());
    assert_eq!(found.result("public request"), "ok");
    assert_eq!(server.stop(), Some(0));
    assert_eq!(Found::by(&place, &["--url", &url]).bad(), ["public request"]);
}

#[test]
fn a_proxy_that_lets_anybody_choose_an_address_is_found() {
    let place = used("sqlite:watchword.db");
    let server = place.serve_with(&[], &[("WATCHWORD_TRUSTED_PROXIES", "127.0.0.1/32")]);
    let found = Found::by(&place, &["--url", &format!("http://{}", server.address)]);
    assert_eq!(found.bad(), ["forwarded address"], "the doctor itself stands where the proxy would");
}

#[test]
fn a_configuration_that_cannot_be_read_or_a_database_that_cannot_be_reached_is_a_problem_and_not_an_error() {
    let place = Place::new();
    place.write("watchword.toml", "no_such_key = 1\n");
    assert_eq!(Found::by(&place, &[]).bad(), ["configuration"]);
    place.write("watchword.toml", "");
    let found = Found::by(&place, &["--database", "postgres://ww@127.0.0.1:9/ww"]);
    assert_eq!(found.result("database"), "problem");
    assert_eq!(Found::by(&place, &["--database", "missing/watchword.db"]).result("database folder"), "problem");
    place.write("notes", "something else entirely, but long enough to be looked at closely ".repeat(20));
    assert_eq!(Found::by(&place, &["--database", "notes"]).result("database"), "problem");
}

/// What is wrong in a database, the same on both engines. Each comes on top of those before it.
const SPOILED: [(&str, &str, &str); 7] = [
    ("update signing_keys set algorithm = 'ES256'", "signing keys", "warning"),
    ("update signing_keys set activated_at = 1600000000000", "key rotation", "warning"),
    (
        "insert into revocations (kind, key, value, keep_until) select 'epoch', user_id, 0, 1 from users",
        "revocation log",
        "warning",
    ),
    ("update meta set value = 9000000000000 where name = 'clock_floor'", "clock", "problem"),
    ("update meta set value = 5 where name = 'master_key_check'", "master key", "problem"),
    ("delete from migrations where number = (select max(number) from migrations)", "schema", "warning"),
    ("update migrations set number = 9999 where number = (select max(number) from migrations)", "database", "problem"),
];

#[test]
fn what_is_wrong_in_a_sqlite_file_is_found() {
    let place = used("sqlite:watchword.db");
    for (sql, check, result) in SPOILED {
        assert_eq!(Found::by(&place, &[]).result(check), "ok", "{check}");
        Connection::open(place.path("watchword.db")).unwrap().execute_batch(sql).unwrap();
        assert_eq!(Found::by(&place, &[]).result(check), result, "{check}");
    }
}

#[test]
fn what_is_wrong_in_a_postgresql_database_is_found() {
    let schema = Schema::new();
    let place = used(&schema.url());
    // The tests' server does not wait for its disk.
    assert_eq!(Found::by(&place, &[]).bad(), ["durability"]);
    for (sql, check, result) in SPOILED {
        assert_eq!(Found::by(&place, &[]).result(check), "ok", "{check}");
        schema.psql(sql);
        assert_eq!(Found::by(&place, &[]).result(check), result, "{check}");
    }
    std::fs::set_permissions(place.path("watchword.toml"), PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(Found::by(&place, &[]).result("configuration file"), "problem");
}

#[test]
fn files_that_others_can_read_or_replace_are_found() {
    let place = used("sqlite:watchword.db");
    let set = |name: &str, mode: u32| {
        std::fs::set_permissions(place.path(name), PermissionsExt::from_mode(mode)).unwrap();
    };
    for (name, bad, good, check) in [
        ("watchword.db", 0o644, 0o600, "database files"),
        ("watchword.key", 0o640, 0o600, "master key"),
        ("watchword.toml", 0o622, 0o600, "configuration file"),
        ("", 0o777, 0o700, "database folder"),
    ] {
        set(name, bad);
        assert_eq!(Found::by(&place, &[]).result(check), "problem", "{check}");
        set(name, good);
        assert_eq!(Found::by(&place, &[]).result(check), "ok", "{check}");
    }
    std::fs::remove_file(place.path("watchword.key")).unwrap();
    assert_eq!(Found::by(&place, &[]).bad(), ["master key"]);
    assert!(!place.files().contains(&"watchword.key".to_owned()), "none may be made");
}

#[test]
fn a_damaged_database_is_found() {
    let place = used("sqlite:watchword.db");
    let mut bytes = std::fs::read(place.path("watchword.db")).unwrap();
    let root: u32 = Connection::open(place.path("watchword.db"))
        .unwrap()
        .query_row("select rootpage from sqlite_schema where name = 'users'", [], |row| row.get(0))
        .unwrap();
    let root = root as usize;
    bytes[(root - 1) * 4096..root * 4096].fill(0xee);
    place.write("watchword.db", bytes);
    assert_eq!(Found::by(&place, &[]).result("integrity"), "problem");
}

#[test]
fn commands_that_look_make_no_tables_and_bring_none_up_to_date() {
    let schema = Schema::new();
    let place = Place::new();
    place.write("watchword.toml", format!("database = '{}'\n", schema.url()));
    for args in [&["user", "list"][..], &["session", "list", "kavya"], &["keys", "list"], &["doctor", "--json"]] {
        let ran = place.run(args);
        assert!(args[0] == "doctor" || ran.complaint().contains("Start the server once"), "{ran:?}");
        assert_eq!(schema.tables(), "", "{args:?}");
    }
    assert_eq!(place.files(), ["watchword.toml"]);
}
