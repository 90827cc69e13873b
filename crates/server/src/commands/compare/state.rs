//! What a login and a logout take in the database, indexes and all: by how much the file grows.

use std::path::Path;

use domain::revocation::keep_until;
use domain::session::Timeouts;
use domain::{CookieSecret, EndedWhy, GrantId, Roles, SessionId, Span, UnixMillis, UserId};
use futures_util::future::try_join_all;
use serde::Serialize;
use store::{Database, NewGrant, NewSession, NewUser, Options, Store};

use crate::app::StartError;
use crate::clock::Clock;
use crate::commands::start::wrong;

/// Bytes in the database.
#[derive(Clone, Copy, Serialize)]
pub struct State {
    /// A session with a cookie.
    pub cookie_login: f64,
    /// A session with tokens, and the counter by which they are refreshed.
    pub token_login: f64,
    /// What a logout leaves in the log of revocations, and for how many seconds.
    pub logout: f64,
    /// How long it stays there, in seconds.
    pub logout_kept_seconds: f64,
}

impl State {
    /// Fills databases of their own: how full the pages of one are depends on what was there before.
    pub async fn measure(folder: &Path) -> Result<Self, StartError> {
        let now = Clock::wall();
        let [file, other] = ["cookies.db", "tokens.db"].map(|name| folder.join(name));
        let cookies = grow(&file, async |store| open_sessions(store, true, now).await.map(drop)).await?;
        let mut ids = Vec::new();
        let tokens = grow(&other, async |store| {
            ids = open_sessions(store, false, now).await?;
            Ok(())
        });
        let tokens = tokens.await?;
        let logouts = grow(&other, async |store| end_sessions(store, &ids, now).await).await?;
        let kept = keep_until(now).since(now);
        Ok(Self {
            cookie_login: cookies,
            token_login: tokens,
            logout: logouts,
            logout_kept_seconds: kept.0 as f64 / 1000.0,
        })
    }
}

/// By how much the file grows for each of [`MANY`].
async fn grow(file: &Path, work: impl AsyncFnOnce(&Store) -> Result<(), StartError>) -> Result<f64, StartError> {
    // People are there before, and the rest of what is made once.
    let store = open(file).await?;
    let is_new = store.account_by_name(&"p0".parse().expect("a well-formed name")).await?.is_none();
    if is_new {
        try_join_all((0..PEOPLE).map(|n| store.add_user(person(n)))).await?;
    }
    store.close().await;
    let before = size(file)?;
    let store = open(file).await?;
    work(&store).await?;
    // Moves everything into the one file.
    store.close().await;
    Ok((size(file)?.saturating_sub(before)) as f64 / MANY as f64)
}

async fn open(file: &Path) -> Result<Store, StartError> {
    let options = Options { readers: 1, ..Options::new(Database::File(file.to_owned())) };
    Ok(tokio::task::spawn_blocking(move || Store::open(&options)).await.map_err(wrong)??)
}

fn size(file: &Path) -> Result<u64, StartError> {
    Ok(std::fs::metadata(file).map_err(wrong)?.len())
}

async fn open_sessions(store: &Store, cookie: bool, now: UnixMillis) -> Result<Vec<SessionId>, StartError> {
    let mut ids = Vec::new();
    let opening = (0..MANY).map(|n| {
        let new = session(n % PEOPLE, cookie, now);
        ids.push(new.session_id);
        store.open_session(new)
    });
    try_join_all(opening.collect::<Vec<_>>()).await?;
    Ok(ids)
}

async fn end_sessions(store: &Store, ids: &[SessionId], now: UnixMillis) -> Result<(), StartError> {
    let end = |id: &SessionId| store.end_session(*id, EndedWhy::Logout, keep_until(now), now);
    try_join_all(ids.iter().map(end)).await?;
    Ok(())
}

fn person(n: usize) -> NewUser {
    NewUser {
        user_id: user_id(n),
        username: format!("p{n}").parse().expect("a well-formed name"),
        email: None,
        password: None,
        roles: Roles::default(),
        created_at: UnixMillis(0),
    }
}

fn user_id(n: usize) -> UserId {
    UserId([u8::try_from(n).expect("few people"); 16])
}

fn session(n: usize, cookie: bool, now: UnixMillis) -> NewSession {
    let grant = || NewGrant {
        grant_id: GrantId(crate::random::bytes()),
        client_id: crate::issue::FIRST_PARTY.to_owned(),
        scope: String::new(),
    };
    NewSession {
        session_id: SessionId::new(now, crate::random::bytes()),
        user_id: user_id(n),
        cookie_hash: cookie.then(|| CookieSecret(crate::random::bytes()).hash()),
        now,
        timeouts: Timeouts { idle: Span::hours(24), absolute: Span::days(14) },
        amr: vec!["pwd".to_owned()],
        user_agent: domain::device::marks(USER_AGENT),
        ip: std::net::Ipv4Addr::new(192, 0, 2, 7).into(),
        epoch: 0,
        grant: (!cookie).then(grant),
        replaces: None,
        rehash: None,
        refund: Vec::new(),
        max_access_exp: if cookie { UnixMillis(0) } else { now + Span::minutes(10) },
        keep_until: keep_until(now),
    }
}

/// How many logins of each kind, so that pages do not blur the figure.
const MANY: usize = 1_000;

/// Who logs in: nobody has more than 100 sessions.
const PEOPLE: usize = 25;

/// Of the usual length.
const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
