//! How many refreshes per second this disk allows: `cargo run --release -p watchword-store --example rotates [folder]`.
//!
//! 64 callers, each with a session of its own, wait for one answer before the next request.
#![allow(clippy::print_stdout, reason = "its purpose")]

use std::path::Path;
use std::time::{Duration, Instant};

use domain::session::Timeouts;
use domain::{GrantId, Roles, SecretHash, SessionId, Span, UnixMillis, UserId};
use watchword_store::{NewGrant, NewSession, NewUser, Options, RotateRequest, Rotated, Store};

const CALLERS: u8 = 64;
const TIMEOUTS: Timeouts = Timeouts { idle: Span::hours(24), absolute: Span::days(14) };
const T0: UnixMillis = UnixMillis(1_800_000_000_000);
const RUN: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    println!("group  rotates/s  commits/s  rotates/commit   p50 ms   p99 ms   reads/s");
    for group in [256, 1, 256, 1] {
        let folder = tempfile::tempdir_in(&folder)?;
        measure(folder.path(), group).await?;
    }
    Ok(())
}

async fn measure(folder: &Path, group: usize) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let store = Store::open(&Options { group, ..Options::file(folder.join("watchword.db")) })?;
    let user = NewUser {
        user_id: UserId([1; 16]),
        username: "kavya".parse()?,
        email: None,
        password: None,
        roles: Roles::default(),
        created_at: T0,
    };
    store.add_user(user).await?;
    for caller in 0..CALLERS {
        store.open_session(session(caller)).await?.ok_or("refused")?;
    }
    let (commits, began) = (store.commits(), Instant::now());
    let callers: Vec<_> = (0..CALLERS).map(|caller| tokio::spawn(refresh(store.clone(), caller, began))).collect();
    let mut waits = Vec::new();
    for caller in callers {
        waits.extend(caller.await??);
    }
    let seconds = began.elapsed().as_secs_f64();
    let commits = (store.commits() - commits) as f64;
    waits.sort();
    let rotates = waits.len() as f64;
    let wait = |part: f64| waits[((rotates - 1.0) * part) as usize].as_secs_f64() * 1000.0;
    println!(
        "{group:>5} {:>10.0} {:>10.0} {:>15.1} {:>8.2} {:>8.2} {:>9.0}",
        rotates / seconds,
        commits / seconds,
        rotates / commits,
        wait(0.5),
        wait(0.99),
        reads(&store).await?
    );
    store.close().await;
    Ok(())
}

async fn refresh(store: Store, caller: u8, began: Instant) -> Result<Vec<Duration>, watchword_store::Error> {
    let mut waits = Vec::new();
    while began.elapsed() < RUN {
        let asked = Instant::now();
        let request = RotateRequest {
            session_id: SessionId([caller; 16]),
            grant_id: GrantId([caller; 16]),
            presented: waits.len() as u32,
            client_id: "first-party",
            grace: Span::seconds(10),
            now: T0 + Span(began.elapsed().as_millis() as i64),
            timeouts: TIMEOUTS,
            access_exp: T0 + Span::minutes(10),
            keep_until: T0 + Span::minutes(11),
        };
        assert!(matches!(store.rotate(request).await?, Rotated::Issued { repeated: false, .. }));
        waits.push(asked.elapsed());
    }
    Ok(waits)
}

/// Session reads per second on one thread.
async fn reads(store: &Store) -> Result<f64, watchword_store::Error> {
    let began = Instant::now();
    for n in 0..100_000u32 {
        store.session(SessionId([(n % u32::from(CALLERS)) as u8; 16])).await?;
    }
    Ok(100_000.0 / began.elapsed().as_secs_f64())
}

fn session(caller: u8) -> NewSession {
    NewSession {
        session_id: SessionId([caller; 16]),
        user_id: UserId([1; 16]),
        cookie_hash: Some(SecretHash([caller; 32])),
        now: T0,
        timeouts: TIMEOUTS,
        amr: vec!["pwd".into()],
        user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
        ip: [192, 0, 2, 7].into(),
        epoch: 0,
        grant: Some(NewGrant {
            grant_id: GrantId([caller; 16]),
            client_id: "first-party".into(),
            scope: "openid".into(),
        }),
        replaces: None,
        rehash: None,
        refund: Vec::new(),
        max_access_exp: T0 + Span::minutes(10),
        keep_until: T0 + Span::minutes(11),
    }
}
