//! How soon a revocation on one node is known on another: polled, and hinted at.

use std::time::{Duration, Instant};

use domain::{EndedWhy, Roles, SessionId, Span, UserId};
use store::{NewUser, Position, Revoked, Store};
use tokio::time::{MissedTickBehavior, interval};

use crate::place::Place;
use crate::rows::{T0, USERS, id, new_session};

/// How many revocations of each kind: as many sessions as one account may have.
const REVOCATIONS: u64 = 100;

/// How often nodes poll.
const POLL: Duration = Duration::from_millis(100);

/// From one revocation to the next: longer than the above and no multiple of it, so that they come at any moment in between.
const PAUSE: Duration = Duration::from_millis(131);

pub async fn measure() {
    let place = Place::server();
    let (here, there) = (place.open(), place.open());
    println!("\nPostgreSQL: from the answer to a revocation until another node knows it, in ms");
    println!("{:<22} {:>8} {:>8} {:>8}", "", "p50", "p99", "most");
    for (turn, name) in ["polled every 100 ms", "hinted at too"].into_iter().enumerate() {
        let waits = waits(&here, &there, turn as u64, turn == 1).await;
        let at = |part: usize| waits[(waits.len() - 1) * part / 100].as_secs_f64() * 1000.0;
        println!("{name:<22} {:>8.1} {:>8.1} {:>8.1}", at(50), at(99), at(100));
    }
    here.close().await;
    there.close().await;
}

async fn waits(here: &Store, there: &Store, turn: u64, with_hints: bool) -> Vec<Duration> {
    let user = NewUser {
        user_id: UserId(id('u', turn)),
        username: format!("user-{turn}").parse().unwrap(),
        email: None,
        password: None,
        roles: Roles::default(),
        created_at: T0,
    };
    here.add_user(user).await.unwrap();
    let numbers: Vec<u64> = (0..REVOCATIONS).map(|n| n * USERS + turn).collect();
    for &n in &numbers {
        here.open_session(new_session(n)).await.unwrap().unwrap();
    }
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let learning = tokio::spawn(learn(there.clone(), with_hints, tell));
    let mut pauses = interval(PAUSE);
    pauses.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waits = Vec::new();
    for &n in &numbers {
        pauses.tick().await;
        let session_id = SessionId(id('s', n));
        here.end_session(session_id, EndedWhy::Logout, T0 + Span::minutes(17), T0).await.unwrap();
        let ended = Instant::now();
        loop {
            let (revoked, at): (Revoked, Instant) = told.recv().await.unwrap();
            if revoked == Revoked::Session(session_id) {
                waits.push(at.saturating_duration_since(ended));
                break;
            }
        }
    }
    learning.abort();
    waits.sort();
    waits
}

async fn learn(store: Store, with_hints: bool, tell: tokio::sync::mpsc::UnboundedSender<(Revoked, Instant)>) {
    let (mut ticks, mut position) = (interval(POLL), Position::default());
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = store.revocations_hinted(), if with_hints => {}
        }
        let news = store.revocations_since(&position).await.unwrap();
        position = news.position;
        for entry in news.revocations {
            tell.send((entry.revoked, Instant::now())).unwrap();
        }
    }
}
