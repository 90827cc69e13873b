//! What commands share: logging, opening everything in the right order, stopping cleanly, finding accounts.

use std::fmt::Display;
use std::io::IsTerminal;
use std::net::SocketAddr;

use domain::{Account, LoginName};
use store::{OpenError, Options, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tracing_subscriber::EnvFilter;

use crate::app::{App, StartError};
use crate::clock::Clock;
use crate::config::{Config, Log, LogFormat};
use crate::{jobs, routes, serve};

/// A server that is about to accept connections.
pub struct Server {
    /// The state of its handlers.
    pub app: App,
    /// Where it listens.
    pub bound: SocketAddr,
    /// Where it answers with metrics, if anywhere.
    pub metrics_bound: Option<SocketAddr>,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    stop: Signals,
}

/// What asks the program to end.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Server {
    /// Binds the address and opens database, keys and memory. From here on a signal ends the program in order, although
    /// only once it [`run`](Self::run)s.
    pub async fn open(config: Config, env: &[(String, String)]) -> Result<Self, StartError> {
        let stop = Signals::catch().map_err(|e| StartError::System(format!("cannot wait for signals: {e}")))?;
        if config.tokens.algorithm == "HS256" {
            // Judged before anything is made.
            config.tokens.secret(env)?;
        }
        let listener = serve::bind("listen", config.listen.0).await?;
        let address = |listener: &TcpListener| listener.local_addr().map_err(|e| StartError::System(e.to_string()));
        let bound = address(&listener)?;
        let metrics = match config.metrics_listen {
            Some(listen) => Some(serve::bind("metrics_listen", listen.0).await?),
            None => None,
        };
        let metrics_bound = metrics.as_ref().map(address).transpose()?;
        let store = open(&config).await?;
        let started = async {
            let clock = Clock::of(&store).await?;
            App::start(config, env, store.clone(), clock, bound).await
        };
        match started.await {
            Ok(app) => Ok(Self { app, bound, metrics_bound, listener, metrics, stop }),
            Err(error) => {
                store.close().await;
                Err(error)
            }
        }
    }

    /// Serves until Ctrl-C or SIGTERM, then finishes what is in flight and writes what is left to write.
    pub async fn run(self) -> Result<(), StartError> {
        let mut jobs = jobs::start(&self.app);
        let (mut is_broken, mut gone) = (false, None);
        let stop = async {
            tokio::select! {
                () = self.stop.any() => {}
                // Jobs go on for ever. Without the one that learns of revocations, nothing here could be trusted.
                _ = jobs.join_next() => is_broken = true,
                why = jobs::departure(&self.app) => gone = Some(why),
            }
            // Else these requests would never finish.
            self.app.memory.feed().stop();
            self.app.listeners.stop();
        };
        let stopped = Notify::new();
        let serving = async {
            serve::serve(self.listener, routes::routes(&self.app), stop).await;
            stopped.notify_one();
        };
        let watching = async {
            if let Some(listener) = self.metrics {
                serve::serve(listener, routes::metrics(&self.app), stopped.notified()).await;
            }
        };
        tokio::join!(serving, watching);
        drop(jobs);
        if let Some(why) = gone {
            self.app.store.close().await;
            return Err(why.into());
        }
        let written = jobs::write_seen(&self.app).await;
        let raised = self.app.store.raise_clock_floor(self.app.clock.now()).await;
        self.app.store.close().await;
        match written.and(raised) {
            // What is closed has its last word from the command that closed it.
            Ok(()) | Err(store::Error::Closed) => {}
            Err(error) => return Err(error.into()),
        }
        if is_broken {
            return Err(StartError::System(
                "a background job ended; stopped rather than going on without it".to_owned(),
            ));
        }
        tracing::info!("stopped");
        Ok(())
    }
}

impl Signals {
    /// From here on a signal no longer ends the program by itself.
    pub fn catch() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Resolves at the first of them.
    pub async fn any(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Opens the database, and makes in it what is missing.
pub async fn open(config: &Config) -> Result<Store, StartError> {
    Ok(open_with(config, |options| options).await??)
}

async fn open_with(
    config: &Config,
    change: impl FnOnce(Options) -> Options,
) -> Result<Result<Store, OpenError>, StartError> {
    if let store::Database::Server(url) = &config.database.0
        && url.is_open_to_others()
    {
        tracing::warn!(
            "whoever is on the way to the database can take its place, and sees its password: use sslmode=verify-full"
        );
    }
    let options = change(Options { group: config.group_commit, ..Options::new(config.database.0.clone()) });
    // It waits for the disk or the network.
    let opened = tokio::task::spawn_blocking(move || Store::open(&options)).await;
    opened.map_err(|error| StartError::System(format!("cannot open the database: {error}")))
}

/// The database of an installation that exists: looking at one must make neither file nor tables.
pub async fn existing(config: &Config) -> Result<Store, StartError> {
    refuse_missing(config)?;
    Ok(open_with(config, |options| Options { makes: false, ..options }).await??)
}

/// A database that was put back to an earlier state, where all that was issued is about to be voided: its tables may be
/// those of an earlier version, but are there, and what writes it lacks does not matter any more.
pub async fn put_back(config: &Config) -> Result<Store, StartError> {
    refuse_missing(config)?;
    let accepting = |makes| move |options| Options { makes, danger_accept_lost_writes: true, ..options };
    match open_with(config, accepting(false)).await? {
        Err(OpenError::Behind { .. }) => Ok(open_with(config, accepting(true)).await??),
        opened => Ok(opened?),
    }
}

fn refuse_missing(config: &Config) -> Result<(), StartError> {
    if let Some(path) = config.database.file()
        && !path.exists()
    {
        return Err(StartError::System(format!(
            "there is no database at {}; say where it is with --database, or start the server once to make one",
            path.display()
        )));
    }
    Ok(())
}

/// The account of this username or e-mail address.
pub async fn account(store: &Store, name: &str) -> Result<Account, StartError> {
    let parsed: LoginName = name.parse().map_err(wrong)?;
    let found = store.account_by_name(&parsed).await?;
    found.ok_or_else(|| wrong(format!("there is no account `{parsed}`; `watchword user list` shows all")))
}

/// What a command cannot do, and why.
pub fn wrong(error: impl Display) -> StartError {
    StartError::System(error.to_string())
}

/// Sends logs to standard error: for people on a terminal, as JSON otherwise.
pub fn log(config: &Log) -> Result<(), StartError> {
    let filter = EnvFilter::try_new(&config.filter).map_err(|e| {
        StartError::System(format!("log.filter: `{}` is not a filter such as info: {e}", config.filter))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let human = match config.format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    if human {
        builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).init();
    } else {
        builder.json().flatten_event(true).init();
    }
    Ok(())
}
