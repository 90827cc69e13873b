//! What `serve` and `demo` share: logging, opening everything in the right order, and stopping cleanly.

use std::io::IsTerminal;

use store::{Options, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::app::{App, StartError};
use crate::clock::Clock;
use crate::config::{Config, Log, LogFormat};
use crate::{jobs, routes, serve};

/// A server that is about to accept connections.
pub struct Server {
    /// The state of its handlers.
    pub app: App,
    listener: TcpListener,
}

impl Server {
    /// Binds the address and opens database, keys and memory.
    pub async fn open(config: Config, env: &[(String, String)]) -> Result<Self, StartError> {
        let listener = serve::bind(config.listen.0).await?;
        let bound = listener.local_addr().map_err(|e| StartError::System(e.to_string()))?;
        let store = Store::open(&Options { group: config.group_commit, ..Options::new(&config.database.0) })?;
        let clock = Clock::system(store.clock_floor().await?);
        let app = App::start(config, env, store, clock, bound).await?;
        Ok(Self { app, listener })
    }

    /// Serves until Ctrl-C or SIGTERM, then finishes what is in flight and writes what is left to write.
    pub async fn run(self) -> Result<(), StartError> {
        let jobs = jobs::start(&self.app);
        let stop = stop_signal().map_err(|e| StartError::System(format!("cannot wait for signals: {e}")))?;
        serve::serve(self.listener, routes::routes(&self.app), stop).await;
        drop(jobs);
        jobs::write_seen(&self.app).await?;
        self.app.store.raise_clock_floor(self.app.clock.now()).await?;
        self.app.store.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
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
