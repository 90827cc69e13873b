//! A store in a folder or schema of its own, and ready-made rows.

use std::ops::Deref;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use domain::revocation::Revocation;
use domain::session::Timeouts;
use domain::{Account, CookieHash, EndedWhy, GrantId, PasswordHash, Roles, SessionId, Span, UnixMillis, UserId};
use store::{
    Database, Error, Live, NewGrant, NewSession, NewUser, OpenError, Options, Position, Receipt, Revoked,
    RotateRequest, Store,
};
use tempfile::TempDir;
use test_postgres::Schema;
use tokio::task::JoinSet;

pub(crate) const T0: UnixMillis = UnixMillis(1_800_000_000_000);
pub(crate) const KEEP: UnixMillis = UnixMillis(T0.0 + 660_000);
pub(crate) const TIMEOUTS: Timeouts = Timeouts { idle: Span::hours(24), absolute: Span::days(14) };

pub(crate) struct TestStore {
    store: Store,
    place: Place,
}

/// Where a store is, or is to be.
pub(crate) enum Place {
    File(TempDir),
    Schema(Schema),
}

impl TestStore {
    pub(crate) fn on_sqlite() -> Self {
        Self::with_group(256)
    }

    pub(crate) fn with_group(group: usize) -> Self {
        let place = Place::File(tempfile::tempdir().unwrap());
        Self { store: Store::open(&Options { group, ..place.options() }).unwrap(), place }
    }

    pub(crate) fn on_postgres() -> Self {
        let place = Place::Schema(Schema::new());
        Self { store: open(&place.options()).unwrap(), place }
    }

    /// A store on what another program has made with these statements.
    pub(crate) fn after(is_on_server: bool, sql: &str) -> Self {
        let place = Place::with(is_on_server, sql);
        Self { store: open(&place.options()).unwrap(), place }
    }

    /// Another node on the same database.
    pub(crate) fn beside(&self) -> Store {
        open(&self.place.options()).unwrap()
    }

    /// Where it is.
    pub(crate) fn database(&self) -> Database {
        self.place.options().database
    }

    /// Its file, on SQLite.
    pub(crate) fn path(&self) -> PathBuf {
        self.place.path()
    }

    /// Its schema, on PostgreSQL.
    pub(crate) fn schema(&self) -> &Schema {
        let Place::Schema(schema) = &self.place else { panic!("this store is a file") };
        schema
    }

    /// Another process's view of the file.
    pub(crate) fn outside(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    /// Whether it is on PostgreSQL.
    pub(crate) fn is_on_server(&self) -> bool {
        matches!(self.place, Place::Schema(_))
    }

    /// Closes the store and opens the file again.
    pub(crate) async fn reopened(self) -> Self {
        self.store.close().await;
        let store = open(&self.place.options()).unwrap();
        Self { store, place: self.place }
    }

    /// Runs a statement as another program.
    pub(crate) fn execute(&self, sql: &str) {
        self.place.execute(sql);
    }

    /// A count, as another program sees it.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.place.count(sql)
    }

    pub(crate) async fn user(&self, n: u8) -> Account {
        self.add_user(new_user(n)).await.unwrap()
    }

    /// A session of user `n`, who must exist, with a grant of the same number.
    pub(crate) async fn session_of(&self, n: u8, session: u8) -> Live {
        self.open_session(new_session(n, session)).await.unwrap().unwrap().live
    }

    pub(crate) async fn ended(&self, session: u8) -> Option<EndedWhy> {
        self.session(session_id(session)).await.unwrap().unwrap().session.ended.map(|(_, why)| why)
    }

    /// Everything in the revocation log.
    pub(crate) async fn entries(&self) -> Vec<Revocation> {
        self.revocations_since(&Position::default()).await.unwrap().revocations
    }

    /// What it revokes.
    pub(crate) async fn log(&self) -> Vec<Revoked> {
        self.entries().await.into_iter().map(|entry| entry.revoked).collect()
    }
}

impl Place {
    /// What another program has made with these statements.
    pub(crate) fn with(is_on_server: bool, sql: &str) -> Self {
        let place = if is_on_server { Self::Schema(Schema::new()) } else { Self::File(tempfile::tempdir().unwrap()) };
        place.execute(sql);
        place
    }

    /// A count, as another program sees it.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        match self {
            Self::File(_) => {
                rusqlite::Connection::open(self.path()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
            }
            Self::Schema(schema) => schema.psql(sql).parse().unwrap(),
        }
    }

    /// Whether the database refuses a change because its installation is on the way.
    pub(crate) fn is_closed_to(&self, sql: &str) -> bool {
        match self {
            Self::File(_) => {
                let outcome = rusqlite::Connection::open(self.path()).unwrap().execute_batch(sql);
                outcome.is_err_and(|error| error.to_string().starts_with("closed: "))
            }
            Self::Schema(schema) => {
                let ask = format!(
                    "create or replace function refused() returns int language plpgsql as $$ begin {sql}; return 0;
                    exception when sqlstate 'WW001' then return 1; end $$; select refused()"
                );
                schema.psql(&ask).ends_with('1')
            }
        }
    }
    fn path(&self) -> PathBuf {
        let Self::File(folder) = self else { panic!("this store is no file") };
        folder.path().join("watchword.db")
    }

    pub(crate) fn execute(&self, sql: &str) {
        match self {
            Self::File(_) => rusqlite::Connection::open(self.path()).unwrap().execute_batch(sql).unwrap(),
            Self::Schema(schema) => drop(schema.psql(sql)),
        }
    }

    pub(crate) fn options(&self) -> Options {
        match self {
            Self::File(folder) => Options::file(folder.path().join("watchword.db")),
            Self::Schema(schema) => Options::new(Database::Server(Box::new(schema.url().parse().unwrap()))),
        }
    }
}

impl Deref for TestStore {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

/// A store at this URL.
pub(crate) fn on_server(url: &str) -> Store {
    open(&Options::new(Database::Server(Box::new(url.parse().unwrap())))).unwrap()
}

pub(crate) fn user_id(n: u8) -> UserId {
    UserId([n; 16])
}

pub(crate) fn session_id(n: u8) -> SessionId {
    SessionId([n; 16])
}

pub(crate) fn grant_id(n: u8) -> GrantId {
    GrantId([n; 16])
}

pub(crate) fn new_user(n: u8) -> NewUser {
    NewUser {
        user_id: user_id(n),
        username: format!("user-{n:03}").parse().unwrap(),
        email: Some(format!("user-{n:03}@example.org").parse().unwrap()),
        password: Some(PasswordHash(format!("$argon2id$of-{n}"))),
        roles: Roles::parse(["user"]).unwrap(),
        created_at: T0,
    }
}

pub(crate) fn new_session(user: u8, session: u8) -> NewSession {
    NewSession {
        session_id: session_id(session),
        user_id: user_id(user),
        cookie_hash: Some(CookieHash([session; 16])),
        now: T0,
        timeouts: TIMEOUTS,
        amr: vec!["pwd".into(), "otp".into()],
        user_agent: "curl/8.5.0".into(),
        ip: [192, 0, 2, 7].into(),
        epoch: 0,
        grant: Some(NewGrant {
            grant_id: grant_id(session),
            client_id: "first-party".into(),
            scope: "openid email".into(),
        }),
        replaces: None,
        rehash: None,
        refund: Vec::new(),
        max_access_exp: T0 + Span::minutes(10),
        keep_until: KEEP,
    }
}

/// The refresh token of `session` with the rotation `presented`, at T0.
pub(crate) fn refresh(session: u8, presented: u32) -> RotateRequest<'static> {
    RotateRequest {
        session_id: session_id(session),
        grant_id: grant_id(session),
        presented,
        client_id: "first-party",
        grace: Span::seconds(10),
        now: T0,
        timeouts: TIMEOUTS,
        access_exp: T0 + Span::minutes(10),
        keep_until: KEEP,
    }
}

pub(crate) fn revoked(receipt: &Receipt) -> Vec<Revoked> {
    receipt.revocations.iter().map(|entry| entry.revoked.clone()).collect()
}

pub(crate) fn is_taken<T>(outcome: &Result<T, Error>, column: &str) -> bool {
    matches!(outcome, Err(Error::Taken(taken)) if *taken == column)
}

/// Opens a store at a server that is there, but may have no time for seconds.
pub(crate) fn open(options: &Options) -> Result<Store, OpenError> {
    let began = Instant::now();
    loop {
        match Store::open(options) {
            Err(OpenError::Unreachable { .. }) if began.elapsed() < PATIENCE => {}
            outcome => return outcome,
        }
    }
}

/// Asks again for as long as so many ask at the same time that not all get their turn in time, as whoever calls a server does.
pub(crate) async fn insist<T, F>(call: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, Error>>,
{
    let began = Instant::now();
    loop {
        match call().await {
            Err(Error::Unavailable) if began.elapsed() < PATIENCE => {}
            outcome => return outcome.unwrap(),
        }
    }
}

/// Waits until something is so that nobody promises by when.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::task::yield_now().await;
    }
}

/// Longer than anything takes, on however slow a machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Runs `count` tasks at the same time and collects what they answer, in no particular order.
pub(crate) async fn at_once<T, F>(count: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: JoinSet<T> = (0..count).map(task).collect();
    tasks.join_all().await
}
