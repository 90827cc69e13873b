//! Kill -9 under load: whatever was acknowledged still holds when the server is back on the same files.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Instant;

use serde_json::json;

use crate::support::{Http, PASSWORD, Place, Random, Reply, SOON, Server};

/// One login and everything about it that the server has acknowledged.
#[derive(Clone)]
pub struct Login {
    pub session_id: String,
    pub cookie: String,
    pub access: String,
    /// Every refresh token, in order.
    pub chain: Vec<String>,
    pub is_over: bool,
    /// Set while an answer is awaited: what was asked may have been done or not.
    pub awaits: Option<Deed>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Refresh,
    Logout,
}

/// What one client knows.
type Ledger = Arc<Mutex<Vec<Login>>>;

#[test]
fn what_was_acknowledged_holds_after_kill_9() {
    let began = Instant::now();
    let place = place();
    let mut random = Random::seeded(9);
    let ledgers: Vec<Ledger> = (0..CLIENTS).map(|_| Ledger::default()).collect();
    let mut totals = [0; 3];
    for round in 0..ROUNDS {
        let mut server = start(&place);
        load_and_kill(&mut server, &ledgers, 20 + random.below(120), round);
        let back = start(&place);
        let (mut logins, mut refreshes, mut logouts) = (0, 0, 0);
        for ledger in &ledgers {
            let mut ledger = ledger.lock().unwrap();
            for login in ledger.iter() {
                logins += 1;
                refreshes += login.chain.len() - 1;
                logouts += usize::from(login.is_over);
            }
            let broken = check(back.http(), &mut ledger);
            assert!(broken.is_empty(), "round {round}: {broken:#?}");
            // Some live on into the next round.
            let live = ledger.iter().filter(|login| !login.is_over).take(3).cloned().collect();
            *ledger = live;
        }
        println!(
            "round {round}: held {logins} logins, {refreshes} refreshes, {logouts} logouts; back in {:?}",
            back.ready_after
        );
        totals = [totals[0] + logins, totals[1] + refreshes, totals[2] + logouts];
        assert_eq!(back.stop(), Some(0));
    }
    println!("in total {totals:?} in {:?}", began.elapsed());
    assert!(totals.iter().all(|count| *count > ROUNDS), "too little happened: {totals:?}");
}

/// The same with a disk that forgets: without this, nobody would know that the check can fail.
#[test]
fn the_check_notices_what_a_forgetful_disk_loses() {
    let place = place();
    let http_ledger = Ledger::default();
    let server = start(&place);
    let http = server.http();
    for _ in 0..3 {
        http_ledger.lock().unwrap().push(log_in(http, &name(0)).unwrap());
    }
    assert_eq!(server.stop(), Some(0));
    let early = std::fs::read(place.path("watchword.db")).unwrap();

    let server = start(&place);
    let http = server.http();
    let mut ledger = http_ledger.lock().unwrap();
    refresh(http, &mut ledger[0]).unwrap();
    refresh(http, &mut ledger[0]).unwrap();
    log_out(http, &mut ledger[1]).unwrap();
    ledger.push(log_in(http, &name(0)).unwrap());
    assert_eq!(server.stop(), Some(0));
    let whole = std::fs::read(place.path("watchword.db")).unwrap();

    place.write("watchword.db", early);
    let server = start(&place);
    let broken = check(server.http(), &mut ledger.clone());
    for (index, kind) in [(0, "refresh"), (1, "logged out"), (3, "login")] {
        let id = &ledger[index].session_id;
        let told = broken.iter().any(|line| line.starts_with(id.as_str()) && line.contains(kind));
        assert!(told, "the lost {kind} is not among {broken:#?}");
    }
    assert!(!broken.iter().any(|line| line.starts_with(&ledger[2].session_id)), "{broken:#?}");
    assert_eq!(server.stop(), Some(0));

    place.write("watchword.db", whole);
    let server = start(&place);
    assert_eq!(check(server.http(), &mut ledger), Vec::<String>::new());
}

/// Everything that the server, just back, does not keep of what it has acknowledged.
pub fn check(http: Http, ledger: &mut [Login]) -> Vec<String> {
    let mut broken = Vec::new();
    for login in ledger {
        let id = login.session_id.clone();
        let mut claim = |holds: bool, what: &str| {
            if !holds {
                broken.push(format!("{id}: {what}"));
            }
        };
        let by_cookie = accepts(http, &login.cookie);
        let by_token = accepts(http, &bearer(&login.access));
        let awaited = login.awaits.take();
        let last = login.chain.last().unwrap().clone();
        if login.is_over {
            claim(!by_cookie, "logged out, but the cookie is accepted");
            claim(!by_token, "logged out, but the access token is accepted");
            claim(post(http, "/refresh", &last).status == 401, "logged out, but the refresh token is accepted");
            continue;
        }
        let refreshed = post(http, "/refresh", &last);
        let by_refresh = refreshed.status == 200;
        if awaited == Some(Deed::Logout) {
            // Done or not, but the same for all of its credentials.
            claim(by_cookie == by_token && by_token == by_refresh, "half logged out");
            if !by_refresh {
                login.is_over = true;
                continue;
            }
        }
        claim(by_cookie, "the login's cookie is lost");
        claim(by_token, "the login's access token is refused");
        claim(by_refresh, if login.chain.len() > 1 { "the last refresh is lost" } else { "the login is lost" });
        if !by_refresh {
            login.is_over = true;
            continue;
        }
        login.access = refreshed.text("access_token");
        login.chain.push(refreshed.text("refresh_token"));
        // What had been used up before the kill stays used up. Showing it ends the session, so only every other one does.
        if login.chain.len() > 3 && id.as_bytes()[0] % 2 == 0 {
            let spent = login.chain[login.chain.len() - 3].clone();
            claim(post(http, "/refresh", &spent).status == 401, "a refresh was undone: its token works again");
            claim(!accepts(http, &login.cookie), "a used refresh token came back, but the session goes on");
            login.is_over = true;
        }
    }
    broken
}

/// Lets all clients work until so many deeds are acknowledged, and kills the server in the middle of the next ones.
fn load_and_kill(server: &mut Server, ledgers: &[Ledger], deeds: usize, round: usize) {
    let http = server.http();
    let stop = Arc::new(AtomicBool::new(false));
    let (done, is_done) = mpsc::channel();
    let clients: Vec<_> = ledgers
        .iter()
        .enumerate()
        .map(|(client, ledger)| {
            let (ledger, done, stop) = (Arc::clone(ledger), done.clone(), Arc::clone(&stop));
            let random = Random::seeded((round * CLIENTS + client) as u64);
            std::thread::spawn(move || work(http, &name(client), &ledger, random, &done, &stop))
        })
        .collect();
    for _ in 0..deeds {
        is_done.recv_timeout(SOON).expect("the clients get on");
    }
    server.kill();
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
}

/// One client, until the server is gone.
fn work(http: Http, name: &str, ledger: &Ledger, mut random: Random, done: &mpsc::Sender<()>, stop: &AtomicBool) {
    let mut ledger = ledger.lock().unwrap();
    while !stop.load(Ordering::Relaxed) {
        let live: Vec<usize> = (0..ledger.len()).filter(|index| !ledger[*index].is_over).collect();
        let answered = match random.below(10) {
            0 | 1 => log_in(http, name).map(|login| ledger.push(login)),
            _ if live.is_empty() => log_in(http, name).map(|login| ledger.push(login)),
            2 => log_out(http, &mut ledger[live[random.below(live.len())]]),
            _ => refresh(http, &mut ledger[live[random.below(live.len())]]),
        };
        if answered.is_err() || done.send(()).is_err() {
            break;
        }
    }
}

pub fn log_in(http: Http, name: &str) -> std::io::Result<Login> {
    let body = json!({"username": name, "password": PASSWORD, "cookie": true}).to_string();
    let reply = http.send("POST", "/login", &["Content-Type: application/json".to_owned()], &body)?;
    assert_eq!(reply.status, 200, "{reply:?}");
    Ok(Login {
        session_id: reply.text("session_id"),
        cookie: reply.cookie(),
        access: reply.text("access_token"),
        chain: vec![reply.text("refresh_token")],
        is_over: false,
        awaits: None,
    })
}

fn refresh(http: Http, login: &mut Login) -> std::io::Result<()> {
    login.awaits = Some(Deed::Refresh);
    let reply = http.send("POST", "/refresh", &[bearer(login.chain.last().unwrap())], "")?;
    assert_eq!(reply.status, 200, "{reply:?}");
    login.access = reply.text("access_token");
    login.chain.push(reply.text("refresh_token"));
    login.awaits = None;
    Ok(())
}

fn log_out(http: Http, login: &mut Login) -> std::io::Result<()> {
    login.awaits = Some(Deed::Logout);
    let reply = http.send("POST", "/logout", &[bearer(&login.access)], "")?;
    assert_eq!(reply.json()["ended"], true, "{reply:?}");
    login.is_over = true;
    login.awaits = None;
    Ok(())
}

pub fn accepts(http: Http, credential: &str) -> bool {
    match http.get("/dashboard", &[credential.to_owned()]).status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

pub fn post(http: Http, path: &str, token: &str) -> Reply {
    http.post(path, &[bearer(token)])
}

pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

pub fn place() -> Place {
    let place = Place::new();
    (0..CLIENTS).for_each(|client| place.add_user(&name(client)));
    place
}

/// Each client has an account of its own: one account may have only so many sessions.
pub fn name(client: usize) -> String {
    format!("client-{client}")
}

/// The port changes from run to run, and the issuer must not. The grace is longer than a slow machine takes to come back.
pub fn start(place: &Place) -> Server {
    place.serve_with(
        &[],
        &[
            ("WATCHWORD_TOKENS_REFRESH_GRACE", "60s"),
            ("WATCHWORD_THROTTLE_ACCOUNT_BURST", "100"),
            ("WATCHWORD_THROTTLE_ACCOUNT_EVERY", "1h"),
            ("WATCHWORD_THROTTLE_ADDRESS_BURST", "100000"),
            ("WATCHWORD_PUBLIC_URL", "http://localhost:8080"),
        ],
    )
}

pub const CLIENTS: usize = 6;
const ROUNDS: usize = 8;
