//! Making a connection: how long that may take, and what every one of them is set to.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::reason;
use super::history::{History, REFUSAL};
use super::session::Session;
use super::tls;
use super::url::PostgresUrl;
use crate::OpenError;

/// How long it may take to reach one address of the server.
const REACH: Duration = Duration::from_secs(2);

/// How long a connection may take to be ready, encryption and login included; with several hosts, for all together.
pub(super) const CONNECT: Duration = Duration::from_secs(4);

/// When an idle connection is first asked whether its other end is there, how often then, and how often in vain.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);

/// How long sent bytes may stay without a receipt until the connection counts as dead.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// The oldest version whose behaviour the tests know.
const OLDEST: i64 = 15;

/// What each connection is set to, and what is read from it. The server gives up before the caller does: a statement after
/// 4 s, waiting for a lock after 2 s, a transaction that was left alone after 10 s. A commit that is answered is on disk,
/// and on the synchronous standby if there is one; what the administrator has set more strictly stays.
const SETTINGS: &str = "select
    current_setting('server_version_num')::bigint / 10000,
    current_setting('fsync'),
    current_setting('server_encoding'),
    set_config('statement_timeout', '4s', false),
    set_config('lock_timeout', '2s', false),
    set_config('idle_in_transaction_session_timeout', '10s', false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('synchronous_commit', case current_setting('synchronous_commit')
        when 'remote_apply' then 'remote_apply' else 'on' end, false)";

/// Makes connections to the one server, of those that the URL names, that can be written.
pub(super) struct Connector {
    /// One per host.
    hosts: Vec<Config>,
    /// Which of them was used last.
    host: Cell<usize>,
    /// What a server must still have.
    pub(super) history: History,
    tls: MakeRustlsConnect,
    /// As it may be shown.
    pub(super) shown: String,
    /// What keeps the connections going, until their sessions are dropped.
    running: RefCell<JoinSet<()>>,
    /// Whether it was said that the server does not wait for its disk.
    has_warned: Cell<bool>,
}

/// A connection that whoever asked for it has to keep going.
pub(super) type Apart = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Nobody answered in time.
    Silence,
    /// The server answered, or the network did.
    Said(tokio_postgres::Error),
    /// The server is older than any that is known to work.
    Old(i64),
    /// The database cannot hold every text.
    Encoding(String),
    /// The server lacks what was acknowledged.
    HistoryLost,
}

impl Connector {
    pub(super) fn new(url: &PostgresUrl) -> Result<Self, OpenError> {
        let hosts = (0..url.config().get_hosts().len()).map(|host| one_host(url.config(), host)).collect();
        let (tls, running) = (tls::connector(url)?, RefCell::default());
        let (host, has_warned) = (Cell::new(0), Cell::new(false));
        Ok(Self { hosts, host, history: History::new(), tls, shown: url.to_string(), running, has_warned })
    }

    /// The same for whoever only looks: a standby does, too.
    pub(super) fn looking(url: &PostgresUrl) -> Result<Self, OpenError> {
        let mut connector = Self::new(url)?;
        for host in &mut connector.hosts {
            host.target_session_attrs(TargetSessionAttrs::Any);
        }
        Ok(connector)
    }

    /// A connection that is ready for store functions: to the host used last, or else to the next one that can be written and
    /// has everything that was acknowledged.
    pub(super) async fn connect(&self) -> Result<Session, Refusal> {
        let (count, first) = (self.hosts.len(), self.host.get());
        let (mut refusal, mut forgetful) = (Refusal::Silence, None);
        for host in (first..first + count).map(|host| host % count) {
            let reached = timeout(CONNECT / count as u32, self.reach(host)).await;
            match reached.unwrap_or(Err(Refusal::Silence)) {
                Ok((session, true)) => {
                    self.host.set(host);
                    return Ok(session);
                }
                Ok((session, false)) => forgetful = Some(session),
                Err(why) => refusal = why,
            }
        }
        if let Some(session) = forgetful {
            // Without an answer it is written down the next time.
            let _ = timeout(CONNECT, self.history.refuse(session.client())).await;
            return Err(Refusal::HistoryLost);
        }
        Err(refusal)
    }

    /// Whether a connection is to the server that is used now.
    pub(super) fn is_current(&self, session: &Session) -> bool {
        session.host() == self.host.get()
    }

    /// A connection to one host, and whether that has everything that was acknowledged.
    async fn reach(&self, host: usize) -> Result<(Session, bool), Refusal> {
        let (client, connection) = self.hosts[host].connect(self.tls.clone()).await?;
        {
            let mut running = self.running.borrow_mut();
            while running.try_join_next().is_some() {}
            // Its error is the error of whatever statement was under way.
            running.spawn_local(async move { drop(connection.await) });
        }
        let settings = client.query_typed(SETTINGS, &[]).await?;
        let read = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        let read: Result<_, tokio_postgres::Error> = settings.first().map(read).transpose();
        let (version, fsync, encoding): (i64, String, String) = read?.unwrap_or_default();
        if version < OLDEST {
            return Err(Refusal::Old(version));
        }
        if encoding != "UTF8" {
            return Err(Refusal::Encoding(encoding));
        }
        if fsync == "off" && !self.has_warned.replace(true) {
            tracing::warn!("PostgreSQL runs with fsync = off: what is acknowledged may be lost when the power fails");
        }
        let is_whole = self.history.is_whole(&client).await?;
        Ok((Session::new(client, host), is_whole))
    }

    /// A connection for something other than store functions, named so that whoever looks at the server can tell.
    pub(super) async fn connect_apart(&self) -> Result<(Client, Apart), Refusal> {
        let mut config = self.hosts[self.host.get()].clone();
        config.application_name(format!("{} hints", config.get_application_name().unwrap_or_default()));
        Ok(config.connect(self.tls.clone()).await?)
    }

    /// Waits until every connection has said goodbye to the server.
    pub(super) async fn closed(&self) {
        let mut running = self.running.take();
        while running.join_next().await.is_some() {}
    }
}

impl From<tokio_postgres::Error> for Refusal {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Said(error)
    }
}

impl fmt::Display for Refusal {
    /// Without values: an error of the server may hold some in its details.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => write!(f, "nobody answered within {} seconds", CONNECT.as_secs()),
            Self::Old(version) => write!(f, "the server is PostgreSQL {version}, older than {OLDEST}"),
            Self::Encoding(encoding) => write!(f, "the database is encoded as {encoding}, not UTF8"),
            Self::HistoryLost => f.write_str(REFUSAL),
            Self::Said(error) => f.write_str(&reason(error)),
        }
    }
}

/// What is asked of one of the hosts alone: the library gives the first so much time that nothing is left for the others.
fn one_host(all: &Config, host: usize) -> Config {
    let mut config = Config::new();
    match &all.get_hosts()[host] {
        Host::Tcp(name) => config.host(name),
        Host::Unix(folder) => config.host_path(folder),
    };
    let port = all.get_ports().get(host).or(all.get_ports().first());
    config.port(port.copied().unwrap_or(5432)).ssl_mode(all.get_ssl_mode());
    config.application_name(all.get_application_name().unwrap_or("watchword"));
    // A standby could answer questions, but would not hear of what was just revoked, and could not write.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    config.connect_timeout(REACH).tcp_user_timeout(UNACKNOWLEDGED);
    config.keepalives_idle(KEEPALIVE.0).keepalives_interval(KEEPALIVE.1).keepalives_retries(KEEPALIVE.2);
    if let Some(user) = all.get_user() {
        config.user(user);
    }
    if let Some(password) = all.get_password() {
        config.password(password);
    }
    if let Some(database) = all.get_dbname() {
        config.dbname(database);
    }
    if let Some(options) = all.get_options() {
        config.options(options);
    }
    config
}
