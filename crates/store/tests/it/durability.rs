//! What was acknowledged is there after the process was killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use domain::{EndedWhy, GrantId, SessionId};
use store::{NewGrant, NewSession, Options, RotateRequest, Rotated, Store};

use crate::support::{KEEP, T0, TestStore, new_session, new_user, refresh};

const FILE: &str = "WATCHWORD_STORE_TEST_FILE";
const ROTATION: &str = "select rotation from grants where session_id = ?1";

#[tokio::test]
async fn a_closed_database_is_complete_when_it_is_opened_again() {
    let store = TestStore::on_sqlite();
    store.user(1).await;
    store.session_of(1, 1).await;
    store.rotate(refresh(1, 0)).await.unwrap();
    let store = store.reopened().await;
    assert!(matches!(store.rotate(refresh(1, 1)).await.unwrap(), Rotated::Issued { grant, .. } if grant.rotation == 2));
}

#[tokio::test]
async fn every_acknowledged_change_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchword.db");
    for lines in [40, 400] {
        let acknowledged = write_until_killed(&path, lines);
        assert!(acknowledged.len() >= lines);
        let store = Store::open(&Options::file(&path)).unwrap();
        let outside = rusqlite::Connection::open(&path).unwrap();
        for line in acknowledged {
            let (deed, id) = line.split_once(' ').unwrap();
            let session_id: SessionId = id.parse().unwrap();
            let live = store.session(session_id).await.unwrap().expect("an acknowledged session");
            let rotation: u32 = outside.query_row(ROTATION, [session_id.0], |row| row.get(0)).expect("its grant");
            match deed {
                "opened" => {}
                "rotated" => assert_eq!(rotation, 1),
                "ended" => assert!(live.session.ended.is_some()),
                _ => panic!("{line}"),
            }
        }
        store.close().await;
    }
}

/// Has another process write, and kills it once it has acknowledged so much. Returns all that it acknowledged.
fn write_until_killed(path: &Path, lines: usize) -> Vec<String> {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durability::writes_until_killed", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(writer.stdout.take().unwrap()).lines() {
        // A last line without its end was cut off by the kill, together with its id.
        if let Some(deed) = line.unwrap().strip_prefix("ack ").and_then(|deed| deed.strip_suffix('.')) {
            acknowledged.push(deed.to_owned());
        }
        if acknowledged.len() == lines {
            writer.kill().unwrap();
        }
    }
    assert!(!writer.wait().unwrap().success(), "it writes until it is killed");
    acknowledged
}

/// The other process. As a test of its own it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn writes_until_killed() {
    let Ok(path) = std::env::var(FILE) else { return };
    let store = Store::open(&Options::file(path)).unwrap();
    // The second time, the user is there already.
    let _ = store.add_user(new_user(1)).await;
    let tasks = (0..16).map(|_| tokio::spawn(write(store.clone())));
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

async fn write(store: Store) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let process = u64::from(std::process::id()).to_be_bytes();
        let id: [u8; 16] = [process, count].concat().try_into().unwrap();
        let session_id = SessionId(id);
        let grant = NewGrant { grant_id: GrantId(id), client_id: "first-party".into(), scope: String::new() };
        let new = NewSession { session_id, grant: Some(grant), ..new_session(1, 0) };
        store.open_session(new).await.unwrap().unwrap();
        acknowledge("opened", session_id);
        let request = RotateRequest { session_id, grant_id: GrantId(id), ..refresh(0, 0) };
        assert!(matches!(store.rotate(request).await.unwrap(), Rotated::Issued { .. }));
        acknowledge("rotated", session_id);
        store.end_session(session_id, EndedWhy::Logout, KEEP, T0).await.unwrap();
        acknowledge("ended", session_id);
    }
}

fn acknowledge(deed: &str, session_id: SessionId) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {deed} {session_id}.").unwrap();
    out.flush().unwrap();
}
