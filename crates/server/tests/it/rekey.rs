//! The master key exchanged for another, also when it is cut off at any step.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::StatusCode;
use domain::{KeyState, Span};
use serde_json::Value;
use token::Algorithm;
use watchword::keyring::{KeyError, Vault, generate, rekey};

use crate::support::{Stopped, TestServer};

const HOURLY: &str = "keys.rotate_every = '1h'\nkeys.publish_ahead = '10m'";

/// Somebody who was logged in before, with everything that must survive.
struct Before {
    cookie: String,
    tokens: Value,
    master: String,
}

impl Before {
    async fn of(server: &Arc<TestServer>) -> Self {
        server.user("kavya", &[]).await;
        let (cookie, tokens) = server.client().login_both("kavya").await;
        Self { cookie, tokens, master: fs::read_to_string(key_file(server)).unwrap() }
    }

    /// Cookie, access token, form token and refresh token all go on.
    async fn goes_on(&mut self, server: &Arc<TestServer>) {
        let client = server.client();
        assert_eq!(client.with(&self.tokens).get("/dashboard").await.status, StatusCode::OK);
        assert_eq!(client.clone().cookie(&self.cookie).get("/dashboard").await.status, StatusCode::OK);
        let refreshed = client.refresh(&self.tokens).await;
        assert_eq!(refreshed.status, StatusCode::OK, "{}", refreshed.body);
        self.tokens = refreshed.json();
        assert_eq!(client.with(&self.tokens).get("/dashboard").await.status, StatusCode::OK);
    }
}

fn key_file(server: &TestServer) -> PathBuf {
    server.folder().join("watchword.key")
}

fn waiting_file(server: &TestServer) -> PathBuf {
    server.folder().join("watchword.key.new")
}

/// What `watchword keys rekey` does.
async fn exchange(server: &TestServer) -> Result<(), KeyError> {
    rekey(&server.app.config, &[], &server.app.store).await.map(|_| ())
}

/// Lets another key take over, which a node can sign with only if it has the master key in force.
async fn rotate(server: &TestServer) -> String {
    let (vault, _) = Vault::open(&server.app.config, &[], &server.app.store).await.unwrap();
    let now = server.app.clock.now();
    let new = vault.seal(&generate(Algorithm::EdDSA).await.unwrap(), now);
    let kid = new.kid.clone();
    assert!(server.app.store.add_key(new).await.unwrap());
    assert!(server.app.store.activate_key(&kid, now, now).await.unwrap());
    kid
}

async fn refusal(stopped: &Stopped, env: &[(&str, &str)]) -> String {
    stopped.start("", env).await.err().expect("a refusal").to_string()
}

#[tokio::test]
async fn after_an_exchange_everything_goes_on_here_there_and_after_a_restart() {
    let here = TestServer::start().await;
    let mut before = Before::of(&here).await;
    let there = here.beside("").await;
    exchange(&here).await.unwrap();
    let master = fs::read_to_string(key_file(&here)).unwrap();
    assert_ne!(master, before.master);
    assert_eq!(fs::metadata(key_file(&here)).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!waiting_file(&here).exists());

    before.goes_on(&here).await;
    before.goes_on(&there).await;
    rotate(&here).await;
    for node in [&here, &there] {
        node.tend_keys().await;
        before.goes_on(node).await;
    }
    drop(there);
    let here = here.restart("").await;
    before.goes_on(&here).await;
}

#[tokio::test]
async fn the_old_master_key_opens_nothing_any_more() {
    let server = TestServer::start().await;
    let before = Before::of(&server).await;
    let sealed = |server: &TestServer| server.cell("select sealed from sealed_secrets where name = 'root'");
    let root = sealed(&server);
    exchange(&server).await.unwrap();
    assert_ne!(sealed(&server), root);
    let stopped = server.stop().await;
    let message = refusal(&stopped, &[("WATCHWORD_MASTER_KEY", &before.master)]).await;
    assert!(message.contains("another master key") && !message.contains(&before.master), "{message}");
}

#[tokio::test]
async fn cut_off_before_the_database_goes_over_nothing_has_changed() {
    let server = TestServer::start().await;
    let mut before = Before::of(&server).await;
    let unused = token::MasterKey::generate().to_base64url();
    for left_behind in [unused.as_str(), "", "half a ke"] {
        fs::write(waiting_file(&server), left_behind).unwrap();
        before.goes_on(&server).await;
        let another = server.beside("").await;
        before.goes_on(&another).await;
        assert_eq!(fs::read_to_string(key_file(&server)).unwrap(), before.master);
    }
    // The next exchange takes no notice of what was left behind.
    exchange(&server).await.unwrap();
    assert!(!waiting_file(&server).exists());
    assert_ne!(fs::read_to_string(key_file(&server)).unwrap(), *unused);
    let server = server.restart("").await;
    before.goes_on(&server).await;
}

/// Puts the files as they are between the commit and the renaming.
fn cut_off_before_renaming(server: &TestServer, before: &Before) {
    fs::rename(key_file(server), waiting_file(server)).unwrap();
    fs::write(key_file(server), &before.master).unwrap();
    fs::set_permissions(key_file(server), fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn cut_off_before_the_new_file_takes_its_name_the_next_to_look_finishes_it() {
    for finish in ["a restart", "a running node", "another exchange"] {
        let server = TestServer::with(HOURLY).await;
        let mut before = Before::of(&server).await;
        exchange(&server).await.unwrap();
        let new = fs::read_to_string(key_file(&server)).unwrap();
        cut_off_before_renaming(&server, &before);
        before.goes_on(&server).await;
        let server = match finish {
            "a restart" => server.restart(HOURLY).await,
            "a running node" => {
                // Time for a key to be made, which has to be sealed under the master key in force.
                server.advance(Span::minutes(50)).await;
                assert_eq!(server.cell("select count(*) from signing_keys where state = 'next'"), "1");
                before.tokens = server.client().refresh(&before.tokens).await.json();
                server
            }
            _ => {
                exchange(&server).await.unwrap();
                server
            }
        };
        let stands = fs::read_to_string(key_file(&server)).unwrap();
        assert_eq!(stands == new, finish != "another exchange", "{finish}");
        assert!(!waiting_file(&server).exists(), "{finish}");
        rotate_if_none_is_next(&server).await;
        server.tend_keys().await;
        before.goes_on(&server).await;
        let server = server.restart(HOURLY).await;
        before.goes_on(&server).await;
    }
}

async fn rotate_if_none_is_next(server: &TestServer) {
    let stored = server.app.store.keys().await.unwrap();
    if stored.iter().all(|key| key.life.state != KeyState::Next) {
        rotate(server).await;
    }
}

#[tokio::test]
async fn a_new_master_key_alone_is_enough_when_the_old_file_is_lost() {
    let server = TestServer::start().await;
    let mut before = Before::of(&server).await;
    exchange(&server).await.unwrap();
    fs::rename(key_file(&server), waiting_file(&server)).unwrap();
    let server = server.restart("").await;
    before.goes_on(&server).await;
    assert!(key_file(&server).exists() && !waiting_file(&server).exists());
}

#[tokio::test]
async fn while_one_exchange_is_under_way_another_is_refused_and_changes_nothing() {
    let server = TestServer::start().await;
    let mut before = Before::of(&server).await;
    fs::write(waiting_file(&server), &before.master).unwrap();
    // What is held, before and after it has written its own file: it must not take the new file for one left behind.
    for file in [key_file(&server), waiting_file(&server)] {
        let held = File::open(file).unwrap();
        held.lock().unwrap();
        let error = exchange(&server).await.unwrap_err().to_string();
        assert!(error.contains("by another process") && error.contains("nothing was changed"), "{error}");
        for file in [key_file(&server), waiting_file(&server)] {
            assert_eq!(fs::read_to_string(file).unwrap(), before.master);
        }
    }
    exchange(&server).await.unwrap();
    before.goes_on(&server.restart("").await).await;
}

#[tokio::test]
async fn of_many_exchanges_at_once_whichever_wins_the_file_and_the_database_agree() {
    let server = TestServer::start().await;
    let mut before = Before::of(&server).await;
    for _ in 0..10 {
        let (a, b, c) = tokio::join!(exchange(&server), exchange(&server), exchange(&server));
        assert!([&a, &b, &c].into_iter().any(Result::is_ok), "{a:?} {b:?} {c:?}");
        rotate(&server).await;
        server.tend_keys().await;
        before.goes_on(&server).await;
    }
    assert!(!waiting_file(&server).exists());
    before.goes_on(&server.restart("").await).await;
}

#[tokio::test]
async fn a_node_that_slept_through_two_exchanges_goes_on() {
    let here = TestServer::start().await;
    let mut before = Before::of(&here).await;
    let asleep = here.beside("").await;
    for _ in 0..2 {
        exchange(&here).await.unwrap();
        rotate(&here).await;
        here.tend_keys().await;
    }
    asleep.tend_keys().await;
    before.goes_on(&asleep).await;
    before.goes_on(&here).await;
}

#[tokio::test]
async fn a_node_that_knows_only_the_old_master_key_goes_on_until_a_key_takes_over_and_then_says_so() {
    let server = TestServer::start().await;
    let mut before = Before::of(&server).await;
    exchange(&server).await.unwrap();
    let new = fs::read_to_string(key_file(&server)).unwrap();
    // As on another machine, whose copy of the file nobody has exchanged.
    fs::write(key_file(&server), &before.master).unwrap();
    server.tend_keys().await;
    before.goes_on(&server).await;
    let env = [("WATCHWORD_MASTER_KEY".to_owned(), new.clone())];
    let (vault, _) = Vault::open(&server.app.config, &env, &server.app.store).await.unwrap();
    let now = server.app.clock.now();
    let next = vault.seal(&generate(Algorithm::EdDSA).await.unwrap(), now);
    let kid = next.kid.clone();
    assert!(server.app.store.add_key(next).await.unwrap());
    server.tend_keys().await;
    assert!(server.logged().contains("master key that this process does not have"), "{}", server.logged());
    before.goes_on(&server).await;
    assert!(server.app.store.activate_key(&kid, now, now).await.unwrap());
    let error = watchword::jobs::tend_keys(&server.app).await.unwrap_err().to_string();
    assert!(error.contains("another master key"), "{error}");

    fs::write(key_file(&server), &new).unwrap();
    server.tend_keys().await;
    before.goes_on(&server).await;
}

#[tokio::test]
async fn no_master_key_that_ever_was_is_in_the_database_or_its_log() {
    let server = TestServer::start().await;
    let mut masters = vec![fs::read_to_string(key_file(&server)).unwrap()];
    for _ in 0..2 {
        exchange(&server).await.unwrap();
        masters.push(fs::read_to_string(key_file(&server)).unwrap());
    }
    let bytes = server.database_bytes();
    let contains = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    assert!(contains(b"master_key_check"), "the search works");
    for master in masters {
        assert!(!contains(master.as_bytes()) && !server.logged().contains(&master));
        assert!(!contains(&token::base64url::decode(&master).unwrap()));
    }
}
