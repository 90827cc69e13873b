//! Upgrading: what an earlier version has stored is found in order. What it goes on to say is in [`crate::beside`].

use aws_lc_rs::digest::{SHA256, digest};
use domain::{EndedWhy, UnixMillis};
use store::{Database, Options, Revoked, Rotated, Store};
use test_postgres::Schema;
use tokio_postgres::NoTls;

use crate::support::{KEEP, T0, TestStore, refresh, session_id, user_id};

/// What an earlier version did, in the words of one engine.
pub(crate) struct Earlier {
    /// How it began a database.
    begun: &'static str,
    /// The name and text of each migration, the first one first.
    migrations: [(&'static str, &'static str); 9],
    /// How bytes are written.
    pub(crate) bytes: fn(&[u8]) -> String,
}

macro_rules! migrations {
    ($engine:literal: $($number:literal $name:literal),*) => {
        [$(($name, include_str!(concat!("../../migrations/", $engine, "/000", $number, "_", $name, ".sql")))),*]
    };
    ($engine:literal) => {
        migrations!($engine: 1 "spine", 2 "keys", 3 "transfers", 4 "marks", 5 "sweep", 6 "verifiers", 7 "listeners", 8 "floors", 9 "weight")
    };
}

const ON_SQLITE: Earlier = Earlier {
    begun: "pragma application_id = 1465140040;
        create table migrations (number integer not null primary key, name text not null, checksum blob not null) strict;",
    migrations: migrations!("sqlite"),
    bytes: |bytes| format!("x'{}'", hex(bytes)),
};

const ON_POSTGRES: Earlier = Earlier {
    begun: "create table migrations (number bigint not null primary key, name text not null, checksum bytea not null);",
    migrations: migrations!("postgres"),
    bytes: |bytes| format!("decode('{}', 'hex')", hex(bytes)),
};

impl Earlier {
    pub(crate) fn on(is_on_server: bool) -> Self {
        if is_on_server { ON_POSTGRES } else { ON_SQLITE }
    }

    /// An empty database, as the version made it whose last migration has this number.
    pub(crate) fn made(&self, last: usize) -> String {
        let mut sql = vec![self.begun.to_owned()];
        for (number, (name, text)) in (1..).zip(&self.migrations[..last]) {
            let checksum = (self.bytes)(digest(&SHA256, text.as_bytes()).as_ref());
            sql.push(format!("{text}; insert into migrations values ({number}, '{name}', {checksum});"));
        }
        sql.join("\n")
    }

    /// What the version of migration 2 wrote when user 1 had logged in as session `n`. Frozen: it is as it was.
    pub(crate) fn login(&self, n: u8) -> String {
        let (id, user, cookie) = ((self.bytes)(&[n; 16]), (self.bytes)(&[1; 16]), (self.bytes)(&[n; 32]));
        let (at, idle, end) = (T0.0, T0.0 + 86_460_000, T0.0 + 1_209_600_000);
        format!(
            "insert into sessions (session_id, user_id, cookie_hash, created_at, authenticated_at, seen_at,
                idle_expires_at, expires_at, amr, user_agent, ip, epoch_at_issue, max_access_exp)
            select {id}, user_id, {cookie}, {at}, {at}, {at}, {idle}, {end}, 'pwd', 'curl/8.5.0', '192.0.2.7', epoch,
                {at} + 600000 from users where user_id = {user} and epoch = 0 and disabled_at is null;
            insert into grants (grant_id, session_id, client_id, scope, rotation, rotated_at)
            values ({id}, {id}, 'first-party', 'openid email', 0, {at});"
        )
    }

    /// What it wrote at a logout.
    fn logout(&self, n: u8) -> String {
        let id = (self.bytes)(&[n; 16]);
        format!(
            "update sessions set ended_at = {at}, ended_why = 'logout' where session_id = {id} and ended_at is null;
            insert into revocations (kind, key, value, keep_until) values ('session', {id}, 0, {});",
            KEEP.0,
            at = T0.0,
        )
    }

    pub(crate) fn user(&self) -> String {
        format!(
            "insert into users (user_id, username, email, password_hash, roles, epoch, created_at)
            values ({}, 'user-001', 'user-001@example.org', '$argon2id$of-1', 'user', 0, {});
            insert into meta (name, value) values ('clock_floor', {1});",
            (self.bytes)(&[1; 16]),
            T0.0
        )
    }
}

/// An installation as the version of migration 2 left it: two sessions, of which the second has ended.
fn left_behind(is_on_server: bool) -> (TestStore, Earlier) {
    left_behind_after(is_on_server, "")
}

/// The same after one more statement.
fn left_behind_after(is_on_server: bool, last: &str) -> (TestStore, Earlier) {
    let earlier = Earlier::on(is_on_server);
    let mut sql = vec![earlier.made(2)];
    sql.extend([earlier.user(), earlier.login(1), earlier.login(2), earlier.logout(2), last.to_owned()]);
    let sql = sql.join("\n");
    (TestStore::after(is_on_server, &sql), earlier)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[tokio::test]
async fn what_an_earlier_version_has_stored_is_found_in_order() {
    for is_on_server in [false, true] {
        let (store, _) = left_behind(is_on_server);
        let live = store.session(session_id(1)).await.unwrap().unwrap();
        assert_eq!((live.account.username.as_str(), live.session.user_agent.as_str()), ("user-001", "curl/8.5.0"));
        assert_eq!(store.ended(2).await, Some(EndedWhy::Logout));
        assert_eq!(store.log().await, [Revoked::Session(session_id(2))]);
        assert_eq!(store.clock_floor().await.unwrap(), Some(T0));
        assert!(matches!(store.rotate(refresh(1, 0)).await.unwrap(), Rotated::Issued { repeated: false, .. }));
        assert!(matches!(store.rotate(refresh(2, 0)).await.unwrap(), Rotated::Refused));
        store.close().await;
    }
}

/// What is said of a session before its row became lighter: when it was authenticated, from where, and when its last access token expires.
const BEFORE: [(i64, &str, i64); 4] =
    [(0, "192.0.2.7", 600_001), (0, "2001:db8::7", 600_000), (5, "::ffff:192.0.2.7", -T0.0), (6, "0.0.0.0", 600_000)];

#[tokio::test]
async fn sessions_of_before_their_rows_became_lighter_say_what_they_said_and_keep_their_grants() {
    for is_on_server in [false, true] {
        let earlier = Earlier::on(is_on_server);
        let logins = (1..).zip(BEFORE).map(|(n, (at, ip, access))| {
            let (id, own) = ((earlier.bytes)(&[n; 16]), i64::from(n) * 1_000);
            let [at, access, seen, idle, end] = [at, access, own + 1, own + 86_000_002, own + 900_000_003].map(|span| T0.0 + span);
            earlier.login(n)
                + &format!(
                    "update sessions set authenticated_at = {at}, ip = '{ip}', max_access_exp = {access}, seen_at = {seen},
                    idle_expires_at = {idle}, expires_at = {end}, sweep_at = {T0} + {n} * 60000, epoch_at_issue = 40 + {n},
                    amr = 'pwd otp-{n}', user_agent = 'browser {n}' where session_id = {id};",
                    T0 = T0.0
                )
        });
        let sql = earlier.made(9) + &earlier.user() + &logins.collect::<String>() + &earlier.logout(4);
        let store = TestStore::after(is_on_server, &sql);
        for (n, (at, ip, access)) in (1..).zip(BEFORE) {
            let (session, own) = (store.session(session_id(n)).await.unwrap().unwrap().session, i64::from(n) * 1_000);
            assert_eq!((session.session_id, session.user_id), (session_id(n), user_id(1)));
            assert_eq!(
                (session.created_at, session.authenticated_at.0, session.ip),
                (T0, T0.0 + at, ip.parse().unwrap())
            );
            let deadlines =
                [session.seen_at, session.idle_expires_at, session.expires_at].map(|moment| moment.0 - T0.0);
            assert_eq!(deadlines, [own + 1, own + 86_000_002, own + 900_000_003]);
            assert_eq!((session.epoch_at_issue, session.cookie_hash.unwrap().0), (40 + u64::from(n), [n; 16]));
            assert_eq!(session.amr, ["pwd".to_owned(), format!("otp-{n}")]);
            assert_eq!(session.user_agent, format!("browser {n}"));
            let late = session.max_access_exp.0 - T0.0 - access;
            assert!(session.max_access_exp.0 % 60_000 == 0 && (0..60_000).contains(&late), "{late}");
            assert_eq!(session.ended, (n == 4).then_some((T0, EndedWhy::Logout)));
        }
        let swept = "select count(*) from sessions where sweep_minute - 30000000 = (seen_at - 1800000000001) / 1000";
        assert_eq!(store.count(swept), 4);
        assert_eq!(store.count_sessions(user_id(1), T0).await.unwrap(), 3);
        assert!(!goes_through(&store, "delete from users"), "a session is somebody's");
        assert_eq!(store.count("select count(*) from grants"), 4);
        store.execute("delete from sessions");
        assert_eq!(store.count("select count(*) from grants"), 0, "they go with their sessions");
        store.execute("delete from users");
        store.close().await;
    }
}

/// Whether the tables allow this change.
fn goes_through(store: &TestStore, change: &str) -> bool {
    if store.is_on_server() {
        let ask = format!(
            "create function goes() returns int language plpgsql as $$ begin {change}; return 1;
            exception when foreign_key_violation then return 0; end $$; select goes()"
        );
        return store.schema().psql(&ask).ends_with('1');
    }
    let outside = store.outside();
    outside.execute_batch("pragma foreign_keys = on").unwrap();
    outside.execute_batch(change).is_ok()
}

/// What others have begun when the migration comes, and which table it has to wait for.
const MET: [[&str; 2]; 2] = [["update grants set rotation = rotation", "grants"], ["select from users", "users"]];

#[tokio::test(flavor = "multi_thread")]
async fn whoever_meets_the_migration_in_the_middle_goes_through_and_so_does_the_migration() {
    for [begun, table] in MET {
        let (earlier, schema) = (Earlier::on(true), Schema::new());
        schema.psql(&(earlier.made(9) + &earlier.user() + &earlier.login(1)));
        let (client, connection) = tokio_postgres::connect(&schema.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("begin; {begun}")).await.unwrap();
        let options = Options::new(Database::Server(Box::new(schema.url().parse().unwrap())));
        let opening = tokio::task::spawn_blocking(move || Store::open(&options));
        let waiting = format!("select count(*) from pg_locks where not granted and relation = '{table}'::regclass");
        while schema.psql(&waiting) == "0" {
            assert!(!opening.is_finished(), "it waits for {table}");
        }
        client.batch_execute("update sessions set seen_at = seen_at + 1; commit").await.unwrap();
        let store = opening.await.unwrap().unwrap();
        assert_eq!(store.session(session_id(1)).await.unwrap().unwrap().session.seen_at, UnixMillis(T0.0 + 1));
        assert!(matches!(store.rotate(refresh(1, 0)).await.unwrap(), Rotated::Issued { repeated: false, .. }));
        store.close().await;
    }
}

#[tokio::test]
async fn the_log_goes_on_where_the_earlier_version_left_it_even_behind_rows_that_are_gone() {
    for is_on_server in [false, true] {
        for (swept, first) in [("", "1"), ("delete from revocations;", "2")] {
            let (store, _) = left_behind_after(is_on_server, swept);
            store.end_session(session_id(1), EndedWhy::Logout, KEEP, T0).await.unwrap();
            store.end_everybody(T0, T0).await.unwrap();
            let numbers = "select min(seq) * 100 + max(seq) from revocations";
            assert_eq!(store.count(numbers).to_string(), format!("{first}03"));
            store.close().await;
        }
    }
}

/// What an earlier version would stumble over.
const NOT_BESIDE: [&str; 12] = [
    "drop table",
    "drop column",
    "drop view",
    "rename",
    "alter column",
    "set not null",
    "add constraint",
    "create unique index",
    "create trigger",
    "add check",
    "delete from",
    "update ",
];

/// Why a migration must not run beside the earlier version, with the words by which it may say that this is meant.
fn breaks_the_earlier_version(text: &str) -> Option<String> {
    let is_meant = text.lines().any(|line| line.starts_with("-- contract: "));
    let sql: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let sql = sql.join(" ").to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = NOT_BESIDE.iter().filter(|words| sql.contains(*words)).map(|words| (*words).to_owned());
    let column = sql.split(';').find(|statement| {
        statement.contains("add column") && statement.contains("not null") && !statement.contains("default")
    });
    let found = found.next().or_else(|| column.map(|_| "a column that must be given".to_owned()));
    found.filter(|_| !is_meant)
}

#[test]
fn migrations_only_add_unless_they_say_that_they_contract() {
    for engine in ["sqlite", "postgres"] {
        let folder = format!("{}/migrations/{engine}", env!("CARGO_MANIFEST_DIR"));
        let mut count = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            // No version was released without this one.
            if name != "0002_keys.sql" {
                let broken = breaks_the_earlier_version(&std::fs::read_to_string(&path).unwrap());
                assert_eq!(
                    broken, None,
                    "{engine}/{name}: expand first, contract a version later; see docs/upgrading.md"
                );
            }
            count += 1;
        }
        assert!(count >= 3);
    }
}

#[test]
fn what_an_earlier_version_would_stumble_over_is_recognized() {
    for text in [
        "alter table users\n    drop column email;",
        "alter table users rename to people;",
        "alter table users add column colour text not null;",
        "create unique index one on users (email);",
        "-- contracted, but not in these words\nupdate users set epoch = 1;",
    ] {
        assert!(breaks_the_earlier_version(text).is_some(), "{text}");
    }
    for text in [
        "alter table users add column colour text not null default '';",
        "create table colours (colour text not null primary key); create index one on users (email); drop index one;",
        "-- contract: no version reads this any more\nalter table users drop column email;",
    ] {
        assert_eq!(breaks_the_earlier_version(text), None, "{text}");
    }
}
