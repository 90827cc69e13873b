//! SQLite alone: one thread that writes for all callers in one commit, or as many threads as there are readers.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::What;
use crate::ours::{CALLERS, READABLE};
use crate::rows::{CLIENT, T0, USERS, hash, id, ip, new_session, refresh};
use crate::texts::{ADVANCE, FIND, FIND_GRANT, INSERT_GRANT, INSERT_SESSION, MAKE_ROOM, RENEW};

pub struct BareSqlite {
    path: PathBuf,
    next: u64,
    rotations: Vec<u32>,
}

/// As many as the store has.
const READERS: usize = 4;

impl BareSqlite {
    pub fn open(path: PathBuf) -> Self {
        Self { path, next: 2_000_000_000, rotations: vec![0; CALLERS as usize] }
    }

    pub fn rate(&mut self, what: What, callers: usize, span: Duration) -> f64 {
        if what == What::Read {
            return self.reads(callers.min(READERS), span);
        }
        let connection = connect(&self.path);
        let (began, mut count) = (Instant::now(), 0_u32);
        while began.elapsed() < span {
            connection.execute_batch("begin immediate").unwrap();
            for caller in 0..callers {
                if what == What::Login {
                    self.next += 1;
                    login(&connection, self.next);
                } else {
                    rotate(&connection, CALLERS + caller as u64, self.rotations[caller]);
                    self.rotations[caller] += 1;
                }
                count += 1;
            }
            connection.execute_batch("commit").unwrap();
        }
        f64::from(count) / began.elapsed().as_secs_f64()
    }

    fn reads(&self, threads: usize, span: Duration) -> f64 {
        let (began, count) = (Instant::now(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (path, count) = (&self.path, &count);
                scope.spawn(move || {
                    let connection = connect(path);
                    let mut reads = 0_u32;
                    while began.elapsed() < span {
                        let n = (thread as u64 * 7919 + u64::from(reads) * 31) % READABLE;
                        assert_eq!(rows(&connection, FIND, params![id('s', n)]), 1);
                        reads += 1;
                    }
                    count.fetch_add(reads, Ordering::Relaxed);
                });
            }
        });
        f64::from(count.into_inner()) / began.elapsed().as_secs_f64()
    }
}

/// With the settings of the store.
pub fn connect(path: &std::path::Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).unwrap();
    let settings = "pragma synchronous = full; pragma foreign_keys = on; pragma temp_store = memory;
        pragma cache_size = -2000;";
    connection.execute_batch(settings).unwrap();
    connection
}

/// Runs a statement and reads every column of every row; how many rows.
fn rows(connection: &Connection, text: &str, values: impl rusqlite::Params) -> usize {
    let mut statement = connection.prepare_cached(text).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query(values).unwrap();
    let mut count = 0;
    while let Some(row) = rows.next().unwrap() {
        for column in 0..columns {
            std::hint::black_box(row.get_ref(column).unwrap());
        }
        count += 1;
    }
    count
}

fn login(connection: &Connection, n: u64) {
    let new = new_session(n);
    let (session, user) = (id('s', n), id('u', n % USERS));
    let mut insert = connection.prepare_cached(INSERT_SESSION).unwrap();
    let names = ["$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11"];
    let values: [&dyn rusqlite::ToSql; 11] = [
        &session,
        &user,
        &hash(n),
        &T0.0,
        &(T0.0 + 86_460_000),
        &(T0.0 + 1_209_600_000),
        &"pwd",
        &new.user_agent,
        &ip(n),
        &(T0.0 + 600_000),
        &0_i64,
    ];
    let named: Vec<(&str, &dyn rusqlite::ToSql)> = names.into_iter().zip(values).collect();
    assert_eq!(insert.execute(named.as_slice()).unwrap(), 1);
    let grant = id('g', n);
    connection.prepare_cached(INSERT_GRANT).unwrap().execute(params![grant, session, CLIENT, "", T0.0]).unwrap();
    // In the order in which they first appear in the text.
    let room = params![T0.0, "replaced", session, user, i64::MAX, 99];
    rows(connection, MAKE_ROOM, room);
    assert_eq!(rows(connection, FIND, params![session]), 1);
}

fn rotate(connection: &Connection, n: u64, presented: u32) {
    let request = refresh(n, presented);
    let (session, grant, now) = (request.session_id.0, request.grant_id.0, request.now.0);
    assert_eq!(rows(connection, FIND_GRANT, params![grant, session]), 1);
    let advance = params![presented + 1, now, grant, presented];
    assert_eq!(connection.prepare_cached(ADVANCE).unwrap().execute(advance).unwrap(), 1);
    let renew = params![now, now + 86_460_000, now + 600_000, session];
    assert_eq!(connection.prepare_cached(RENEW).unwrap().execute(renew).unwrap(), 1);
}
