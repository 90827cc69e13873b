//! What a check that misses the memory and a refresh cost, and how large a session is, with few and with millions of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::SessionId;
use rusqlite::params;
use store::{Rotated, Store};
use test_postgres::Cluster;

use crate::SPAN;
use crate::What;
use crate::bare_sqlite::connect;
use crate::place::Place;
use crate::rows::{CLIENT, OFTEN, OLDEST, T0, hash, id, ip, opened_at, refresh, user_agent};

/// What was found at one size.
struct Found {
    engine: &'static str,
    sessions: u64,
    read_us: f64,
    refresh_us: f64,
    session_bytes: f64,
    grant_bytes: f64,
    /// What the bytes of a session consist of.
    parts: Vec<(String, f64)>,
}

/// How many ask at once.
const CALLERS: u64 = 8;

/// How long filling may take on one engine.
const PATIENCE: Duration = Duration::from_mins(25);

pub async fn measure(is_large: bool) {
    let sizes: &[u64] = if is_large { &[10_000, 1_000_000, 5_000_000] } else { &[10_000, 1_000_000] };
    for place in [Place::file(), Place::server()] {
        let mut found = Vec::new();
        let began = Instant::now();
        let (mut filled, mut before) = (0, 0);
        // Makes the tables.
        place.open().close().await;
        for &size in sizes {
            while filled < size && began.elapsed() < PATIENCE {
                let until = (filled + CHUNK).min(size);
                fill(&place, filled, until);
                filled = until;
                eprint!("\r{}: {filled} of {size} sessions, {} s   ", place.name(), began.elapsed().as_secs());
            }
            eprintln!();
            if filled < size {
                println!("{}: stopped at {filled} sessions, after {PATIENCE:?}", place.name());
                break;
            }
            found.push(at(&place, before, size).await);
            before = size;
        }
        print(&found);
    }
}

/// How many sessions in one transaction.
const CHUNK: u64 = 500_000;

/// Measures with so many sessions, of which those up to `before` have been refreshed already.
async fn at(place: &Place, before: u64, sessions: u64) -> Found {
    let each = |bytes: i64| bytes as f64 / sessions as f64;
    let [session_bytes, grant_bytes] = bytes(place).map(each);
    let parts = parts(place).into_iter().map(|(name, bytes)| (name, each(bytes))).collect();
    let store = place.open();
    let read_us = cost(&store, What::Read, 0, sessions).await;
    let refresh_us = cost(&store, What::Refresh, before, sessions).await;
    store.close().await;
    Found { engine: place.name(), sessions, read_us, refresh_us, session_bytes, grant_bytes, parts }
}

/// Microseconds for one, when several do it at once with sessions from one number to another.
async fn cost(store: &Store, what: What, from: u64, until: u64) -> f64 {
    let (began, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let calling: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (store, next) = (store.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                while began.elapsed() < 3 * SPAN {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    // The number is prime: every session has its turn once before one has its second.
                    let n = from + turn * 7919 % (until - from);
                    if what == What::Read {
                        store.session(SessionId(id('s', n))).await.unwrap().unwrap();
                    } else {
                        let rotated = store.rotate(refresh(n, (turn / (until - from)) as u32)).await.unwrap();
                        assert!(matches!(rotated, Rotated::Issued { repeated: false, .. }));
                    }
                }
            })
        })
        .collect();
    for caller in calling {
        caller.await.unwrap();
    }
    began.elapsed().as_secs_f64() * 1e6 / next.load(Ordering::Relaxed) as f64
}

/// The bytes of all sessions and of all grants, indexes included.
fn bytes(place: &Place) -> [i64; 2] {
    ["sessions", "grants"].map(|table| match place {
        Place::File(_) => {
            let text = "select sum(pgsize) from dbstat where aggregate = true
                and name in (select name from sqlite_schema where tbl_name = ?1)";
            connect(&place.path()).query_row(text, [table], |row| row.get(0)).unwrap()
        }
        Place::Server(cluster) => {
            cluster.psql("postgres", "", &format!("select pg_total_relation_size('{table}')")).parse().unwrap()
        }
    })
}

/// The bytes of the sessions themselves and of each of their indexes.
fn parts(place: &Place) -> Vec<(String, i64)> {
    match place {
        Place::File(_) => {
            let file = connect(&place.path());
            let text = "select name, pgsize from dbstat where aggregate = true
                and name in (select name from sqlite_schema where tbl_name = 'sessions') order by pgsize desc";
            let mut query = file.prepare(text).unwrap();
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
        }
        Place::Server(cluster) => {
            let text = "select relname, pg_relation_size(oid) from pg_class where oid = 'sessions'::regclass
                or oid in (select indexrelid from pg_index where indrelid = 'sessions'::regclass) order by 2 desc";
            let lines = cluster.psql("postgres", "", text);
            let part = |line: &str| line.split_once('|').map(|(name, bytes)| (name.to_owned(), bytes.parse().unwrap()));
            lines.lines().map(|line| part(line).unwrap()).collect()
        }
    }
}

/// Adds sessions with these numbers, two to a user and each with a grant, in the order of their numbers: for the index by
/// session that of time, for the others none.
fn fill(place: &Place, from: u64, until: u64) {
    match place {
        Place::File(_) => fill_file(place, from, until),
        Place::Server(cluster) => fill_server(cluster, from, until),
    }
}

fn fill_file(place: &Place, from: u64, until: u64) {
    let connection = connect(&place.path());
    connection.execute_batch("pragma synchronous = off; pragma cache_size = -500000; begin").unwrap();
    let mut session = connection.prepare_cached(SESSION).unwrap();
    let mut user = connection.prepare_cached(USER).unwrap();
    let mut grant = connection.prepare_cached("insert into grants values (?1, ?2, ?3, '', 0, ?4)").unwrap();
    for n in from..until {
        let (session_id, at) = (id('s', n), opened_at(n).0);
        let (idle, end) = (at + 86_460_000, at + 1_209_600_000);
        if n % 2 == 0 {
            user.execute(params![id('u', n / 2), format!("user-{}", n / 2), at]).unwrap();
        }
        let row = params![session_id, id('u', n / 2), hash(n), at, idle, end, user_agent(n), ip(n)];
        session.execute(row).unwrap();
        grant.execute(params![id('g', n), session_id, CLIENT, at]).unwrap();
    }
    connection.execute_batch("commit; pragma wal_checkpoint(truncate)").unwrap();
    // Or the first commit that is measured waits for all of this to be on disk.
    std::fs::File::open(place.path()).unwrap().sync_all().unwrap();
}

const USER: &str = "insert into users (user_id, username, roles, epoch, created_at) values (?1, ?2, 'user', 0, ?3)";

const SESSION: &str =
    "insert into sessions (session_id, user_id, cookie_hash, created_at, seen_at, idle_expires_at, expires_at,
    amr, user_agent, ip, epoch_at_issue, max_access_minute, sweep_minute)
    values (?1, ?2, ?3, ?4, ?4, ?5, ?6, 'pwd', ?7, ?8, 0, (?4 + 59999) / 60000, (?5 + 59999) / 60000)";

fn fill_server(cluster: &Cluster, from: u64, until: u64) {
    let (at, last) = (format!("({} + n * {OFTEN})", T0.0 - OLDEST), until - 1);
    let id = |kind: &str, n: &str, bytes: u8| format!("substr(sha256(('{kind}' || {n})::bytea), 1, {bytes})");
    let [windows, linux, iphone] = [0, 1, 2].map(user_agent);
    let sql = format!(
        "set synchronous_commit = off;
        insert into users (user_id, username, roles, epoch, created_at)
        select {user}, 'user-' || n / 2, 'user', 0, {at} from generate_series({from}, {last}, 2) n;
        insert into sessions (session_id, user_id, cookie_hash, created_at, seen_at, idle_expires_at, expires_at, amr, user_agent,
            ip, epoch_at_issue, max_access_minute, sweep_minute)
        select {session}, {user}, {hash}, {at}, {at}, {at} + 86460000, {at} + 1209600000, 'pwd',
            case n % 3 when 0 then '{windows}' when 1 then '{linux}' else '{iphone}' end,
            substr(inet_send(('203.0.113.' || n % 250)::inet), 5), 0, ({at} + 59999) / 60000, ({at} + 86519999) / 60000
        from generate_series({from}, {last}) n;
        insert into grants select {grant}, {session}, '{CLIENT}', '', 0, {at} from generate_series({from}, {last}) n",
        session = format!("substr(int8send({at}), 3) || {}", id("s", "n", 10)),
        user = id("u", "n / 2", 16),
        grant = id("g", "n", 16),
        hash = id("c", "n", 16),
    );
    cluster.psql("postgres", "", &sql);
    for table in ["sessions", "grants"] {
        cluster.psql("postgres", "", &format!("vacuum analyze {table}"));
    }
}

fn print(found: &[Found]) {
    println!("\nWith so many sessions, {CALLERS} callers: microseconds for one, and bytes of one, indexes included");
    println!("{:<12} {:>10} {:>11} {:>11} {:>9} {:>9}", "", "sessions", "read, miss", "refresh", "session", "+ grant");
    for Found { engine, sessions, read_us, refresh_us, session_bytes, grant_bytes, .. } in found {
        let bar = "#".repeat((read_us / 2.0).ceil() as usize);
        println!(
            "{engine:<12} {sessions:>10} {read_us:>11.1} {refresh_us:>11.1} {session_bytes:>9.0} {grant_bytes:>9.0}  {bar}"
        );
    }
    println!("The bars: two microseconds of a read each. The bytes of one session:");
    for Found { engine, sessions, parts, .. } in found {
        let parts: Vec<_> = parts.iter().map(|(name, bytes)| format!("{name} {bytes:.0}")).collect();
        println!("{engine:<12} {sessions:>10}  {}", parts.join(", "));
    }
}
