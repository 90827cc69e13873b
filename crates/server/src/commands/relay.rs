//! `watchword relay`: a verifier whose only business is to serve the revocations on.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::Span;
use tower::ServiceExt;
use verifier::{ConnectError, FetchError, Relay, Verifier};

use super::output::line;
use super::start::{Signals, log, wrong};
use crate::app::StartError;
use crate::config::Config;
use crate::revocation_feed::new_credential;
use crate::{edge, serve};

#[derive(clap::Args)]
pub struct RelayCommand {
    /// The server whose revocations are served on: its `public_url`
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// A file with what `watchword verifier add` printed there: its first line is the credential
    #[arg(long, value_name = "FILE")]
    credential_file: PathBuf,
    /// Who may ask: a name, and a file with its secret, which is made if it is missing. May be given several times
    #[arg(long = "listener", value_name = "NAME=FILE", required = true, value_parser = listener)]
    listeners: Vec<(String, PathBuf)>,
    /// Follow this relay instead of the server: the URL of its revocations. The credential is then a secret of that relay
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// Take the server's keys from that relay too, because the server cannot be reached from here
    #[arg(long, requires = "from")]
    keys_from_relay: bool,
    /// What this relay calls itself towards whom it asks
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How old its knowledge may become while all is well; it asks three times as often
    #[arg(long, value_name = "TIME", default_value = "1s")]
    bound: Span,
    /// How many revocations it holds, about 200 bytes each; beyond that verifiers refuse more than they have to
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    entries: usize,
}

/// What is served once something is known.
struct Ready {
    relay: Relay,
    router: Router,
    bound: Duration,
}

type Place = Arc<OnceLock<Ready>>;

pub async fn run(command: RelayCommand, config: &Config) -> Result<ExitCode, StartError> {
    log(&config.log)?;
    let signals = Signals::catch().map_err(|e| wrong(format!("cannot wait for signals: {e}")))?;
    let credential = secret(&command.credential_file)?;
    let listeners = command.listener_secrets()?;
    let listener = serve::bind("listen", config.listen.0).await?;
    let bound = listener.local_addr().map_err(wrong)?;
    line(format!("Listening on http://{bound}"));
    line(format!("Follows      {}", command.from.as_ref().unwrap_or(&command.issuer)));
    for (name, path) in &command.listeners {
        line(format!("Listener     {name}, with the secret in {}", path.display()));
    }
    let (name, path) = &command.listeners[0];
    line(format!(
        "\nVerifiers follow http://{bound}/revocations, or what a proxy with TLS makes of it. Is it well, as {name} sees it?\n\n  \
         curl --fail --silent --output /dev/null --write-out '%{{http_code}}\\n' \\\n    \
         --header \"Authorization: Bearer $(head -n 1 {})\" http://{bound}/revocations\n",
        path.display()
    ));
    let place = Place::default();
    let router = routes(&place);
    let mut failed = None;
    let stop = async {
        let follow = async {
            match command.relay(&credential, &listeners).await {
                Ok(relay) => {
                    let router = relay.router();
                    let _ = place.set(Ready { relay, router, bound: duration(command.bound) });
                    tracing::info!("the revocations are known and served");
                    std::future::pending().await
                }
                Err(error) => error,
            }
        };
        tokio::select! {
            () = signals.any() => {}
            error = follow => failed = Some(error),
        }
        if let Some(ready) = place.get() {
            // Else these requests would never finish.
            ready.relay.feed().stop();
        }
    };
    serve::serve(listener, router, stop).await;
    failed.map_or(Ok(ExitCode::SUCCESS), Err)
}

impl RelayCommand {
    /// The server whose revocations are served on.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    fn listener_secrets(&self) -> Result<Vec<(String, String)>, StartError> {
        let made_or_read = self.listeners.iter().map(|(name, path)| Ok((name.clone(), secret_or_new(path)?)));
        made_or_read.collect()
    }

    /// Learns everything from whom it follows, for as long as that takes, unless it will not do.
    async fn relay(&self, credential: &str, listeners: &[(String, String)]) -> Result<Relay, StartError> {
        loop {
            let mut connect =
                Verifier::from_issuer(&self.issuer).bound(duration(self.bound)).keep_for_relay(self.entries);
            connect = match &self.from {
                Some(url) => connect.follow_relay(url, credential),
                None => connect.follow(credential),
            };
            if self.keys_from_relay {
                connect = connect.keys_from_relay();
            }
            if let Some(name) = &self.name {
                connect = connect.named(name);
            }
            match connect.await {
                Ok(verifier) => {
                    let relay = verifier.relay().expect("it was told to keep what it hears");
                    return listeners.iter().try_fold(relay, |relay, (name, secret)| {
                        relay.listener(name, secret).map_err(|why| wrong(format!("listener {name}: {why}")))
                    });
                }
                Err(ConnectError::Fetch(error)) if !is_final(&error) => {
                    tracing::warn!(%error, "not ready: the revocations cannot be had yet");
                }
                Err(error) => return Err(wrong(error)),
            }
        }
    }
}

fn routes(place: &Place) -> Router {
    let harden = |mut response: Response| async move {
        edge::harden(response.headers_mut());
        response
    };
    Router::new()
        .route("/health/live", get(async || StatusCode::OK))
        .route("/health/ready", get(is_ready))
        .fallback(pass)
        .with_state(Arc::clone(place))
        .layer(axum::middleware::map_response(harden))
}

async fn is_ready(State(place): State<Place>) -> Response {
    let age = place.get().and_then(|ready| Some((ready.relay.verifier().age()?, ready.bound)));
    match age {
        Some((age, bound)) if age <= bound => StatusCode::OK.into_response(),
        _ => not_ready(),
    }
}

async fn pass(State(place): State<Place>, request: Request) -> Response {
    match place.get() {
        Some(ready) => ready.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {}),
        None => not_ready(),
    }
}

/// Whether there is no use in asking again.
fn is_final(error: &FetchError) -> bool {
    matches!(error, FetchError::Status { status, .. } if [400, 401, 403, 404].contains(&status.as_u16()))
}

fn listener(text: &str) -> Result<(String, PathBuf), String> {
    let parts = text.split_once('=').filter(|(name, path)| !name.is_empty() && !path.is_empty());
    let (name, path) = parts.ok_or("it takes a name and a file, such as orders=orders.secret")?;
    Ok((name.to_owned(), path.into()))
}

fn secret(path: &Path) -> Result<String, StartError> {
    let read = std::fs::read_to_string(path);
    let text = read.map_err(|e| wrong(format!("cannot read the credential in {}: {e}", path.display())))?;
    // What `watchword verifier add` prints behind it is for people.
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

fn secret_or_new(path: &Path) -> Result<String, StartError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let (made, _) = new_credential();
            let written = writeln!(file, "{made}").and_then(|()| file.sync_all());
            written.map_err(|e| wrong(format!("cannot write {}: {e}", path.display())))?;
            Ok(made)
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => secret(path),
        Err(e) => Err(wrong(format!("cannot make {}: {e}", path.display()))),
    }
}

fn duration(span: Span) -> Duration {
    Duration::from_millis(u64::try_from(span.0).unwrap_or(0))
}

fn not_ready() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response()
}
