//! Opening a database on a server: how it is reached, and what is said when it cannot be.

use domain::Span;
use store::{Database, OpenError, Options, Store};
use test_postgres::{AUTHORITY, Cluster};

use crate::support::{T0, new_session, session_id};
use crate::transfer::furnish;
use crate::upgrading::Earlier;

const ROLES: &str = "create role ww login password 'a/b?c@d'; create role reader login password 'r';
    create role stranger login password 's'";

/// What docs/postgres.md tells a user to be given who does not own the tables.
const GRANTS: [&str; 3] = [
    "grant usage on schema public to reader",
    "grant select, insert, update, delete on all tables in schema public to reader",
    "grant usage, select on all sequences in schema public to reader",
];

fn open_at_once(url: &str) -> Result<Store, OpenError> {
    Store::open(&Options::new(Database::Server(Box::new(url.parse().unwrap()))))
}

fn open(url: &str) -> Result<Store, OpenError> {
    crate::support::open(&Options::new(Database::Server(Box::new(url.parse().unwrap()))))
}

/// The refusal, which must show no password.
fn refusal(url: &str) -> OpenError {
    shown(open(url).map(drop).expect_err(url))
}

fn shown(refusal: OpenError) -> OpenError {
    for text in [refusal.to_string(), format!("{refusal:?}")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    refusal
}

#[tokio::test]
async fn who_knows_the_password_owns_the_database_and_a_user_without_rights_to_make_tables_can_use_it() {
    let (cluster, port) = Cluster::on_loopback(&[]);
    for sql in
        [ROLES, "create database ww owner ww", "create database latin owner ww encoding 'LATIN1' template template0"]
    {
        cluster.psql("postgres", "", sql);
    }
    let at = |login: &str, database: &str| format!("postgres://{login}@127.0.0.1:{port}/{database}");
    let owner = at("ww:a%2Fb%3Fc%40d", "ww");
    for wrong in [at("ww:hunter2", "ww"), at("nobody:hunter2", "ww")] {
        assert!(matches!(refusal(&wrong), OpenError::Login { .. }), "{wrong}");
    }
    assert!(matches!(refusal(&at("ww:a%2Fb%3Fc%40d", "missing")), OpenError::NoDatabase(_)));
    assert!(matches!(refusal(&at("ww:a%2Fb%3Fc%40d", "latin")), OpenError::Encoding { .. }));
    assert!(matches!(refusal(&at("reader:r", "ww")), OpenError::NotAllowed { .. }), "nothing is made yet");

    let store = open(&owner).unwrap();
    for sql in GRANTS {
        cluster.psql("ww", "", sql);
    }
    let other = open(&at("reader:r", "ww")).unwrap();
    other.raise_clock_floor(T0).await.unwrap();
    assert_eq!(store.clock_floor().await.unwrap(), Some(T0));
    other.check().await.unwrap();
    furnish(&other).await;
    other.sweep(T0, Span::days(30)).await.unwrap();
    other.let_stand().await.unwrap();
    assert!(matches!(refusal(&at("stranger:s", "ww")), OpenError::NotAllowed { .. }));
}

#[tokio::test]
async fn who_could_use_the_tables_of_the_version_before_can_use_those_of_this_one_whoever_brought_them_up_to_date() {
    let (cluster, port) = Cluster::on_loopback(&[]);
    cluster.psql("postgres", "", ROLES);
    // Who, what, and whether it may be handed on; after whose it is.
    let given = "select pg_get_userbyid(relowner) || ' ' || (select string_agg(concat(a.grantee::regrole, ' ', a.privilege_type, ' ',
        a.is_grantable), ', ' order by 1) from aclexplode(relacl) a) from pg_class where oid = 'sessions'::regclass";
    for is_by_owner in [true, false] {
        cluster.psql("postgres", "", "drop database if exists ww");
        cluster.psql("postgres", "", "create database ww owner ww");
        let earlier = Earlier::on(true);
        cluster.psql("ww", "", &format!("set role ww; {} {}", earlier.made(9), earlier.user()));
        for sql in GRANTS {
            cluster.psql("ww", "", sql);
        }
        cluster.psql(
            "ww",
            "",
            "grant select on sessions to public; grant delete on sessions to stranger with grant option",
        );
        let before = cluster.psql("ww", "", given);
        // What is given by default from now on is given by no migration.
        let defaults = "grant select, update on tables to public, stranger";
        cluster.psql(
            "ww",
            "",
            &format!("alter default privileges {defaults}; alter default privileges for role ww {defaults}"),
        );
        let at = |login: &str| format!("postgres://{login}@127.0.0.1:{port}/ww");
        let opened = open(&if is_by_owner { at("ww:a%2Fb%3Fc%40d") } else { cluster.url("ww") }).unwrap();
        assert_eq!(cluster.psql("ww", "", given), before);
        let reader = open(&at("reader:r")).unwrap();
        reader.open_session(new_session(1, 1)).await.unwrap().unwrap();
        assert!(reader.session(session_id(1)).await.unwrap().is_some());
        reader.close().await;
        opened.close().await;
    }
}

#[test]
fn a_server_that_is_coming_up_is_waited_for() {
    let cluster = Cluster::start(&["listen_addresses = ''"]);
    cluster.control(&["stop"]);
    // It comes up, but not to the end.
    std::fs::write(cluster.place().join("data/standby.signal"), "").unwrap();
    cluster.control(&["start", "-o", "-c hot_standby=off"]);
    let url = cluster.url("postgres");
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| open(&url));
        let log = || std::fs::read_to_string(cluster.place().join("log")).unwrap();
        while !log().contains("not accepting connections") {
            assert!(!opening.is_finished(), "{}", log());
        }
        cluster.control(&["promote"]);
        opening.join().unwrap().unwrap();
    });
}

#[test]
fn a_server_that_is_not_there_or_does_not_encrypt_is_named() {
    // No test is given the first of all ports.
    for nobody in ["postgres://ww:hunter2@127.0.0.1:1/ww", "postgres://ww:hunter2@%2Fmissing/ww"] {
        let refusal = shown(open_at_once(nobody).map(drop).expect_err(nobody));
        assert!(matches!(refusal, OpenError::Unreachable { .. }), "{refusal}");
        assert!(refusal.to_string().contains("postgres://ww:***@"), "{refusal}");
    }
    let (_cluster, port) = Cluster::on_loopback(&[]);
    let refusal = refusal(&format!("postgres://ww:hunter2@localhost:{port}/ww?sslmode=require"));
    assert!(matches!(refusal, OpenError::Tls { .. }), "{refusal}");
}

#[tokio::test]
async fn the_password_is_sent_only_to_a_server_that_proves_its_name() {
    let (cluster, port) = Cluster::on_loopback(&["ssl = on"]);
    cluster.psql("postgres", "", ROLES);
    cluster.psql("postgres", "", "create database ww owner ww");
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, AUTHORITY).unwrap();
    let authority = format!("sslrootcert={}", authority.display());
    let url = |host: &str, query: &str| format!("postgres://ww:a%2Fb%3Fc%40d@{host}:{port}/ww?{query}");
    for (host, query) in [
        ("localhost", "sslmode=verify-full".to_owned()),
        ("127.0.0.1", format!("sslmode=verify-full&{authority}")),
        ("localhost", "sslmode=verify-full&sslrootcert=/missing.pem".to_owned()),
    ] {
        let refusal = refusal(&url(host, &query));
        assert!(matches!(refusal, OpenError::Tls { .. }), "{host} {query}: {refusal}");
    }
    for (number, query, is_encrypted) in [
        (1, format!("sslmode=verify-full&{authority}"), "t"),
        (2, "sslmode=require".to_owned(), "t"),
        (3, String::new(), "t"),
        (4, "sslmode=disable".to_owned(), "f"),
    ] {
        // A name of its own: the server may still know of the one before.
        let name = format!("encrypted-{number}");
        let store = open(&url("localhost", &format!("{query}&application_name={name}"))).unwrap();
        let ours = format!(
            "select distinct ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = '{name}'"
        );
        assert_eq!(cluster.psql("postgres", "", &ours), is_encrypted, "{query}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_commit_is_acknowledged_only_when_it_is_on_disk_whatever_the_server_is_set_to() {
    for (set, then) in [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")] {
        let cluster = Cluster::start(&["listen_addresses = ''", &format!("synchronous_commit = {set}")]);
        let store = open(&cluster.url("postgres")).unwrap();
        cluster.psql("postgres", "", "create table seen (setting text)");
        cluster.psql(
            "postgres",
            "",
            "create function note() returns trigger language plpgsql as $$ begin
            insert into seen values (current_setting('synchronous_commit')); return new; end $$;
            create trigger note after insert on meta for each row execute function note()",
        );
        store.raise_clock_floor(T0).await.unwrap();
        assert_eq!(cluster.psql("postgres", "", "select setting from seen"), then);
    }
}
