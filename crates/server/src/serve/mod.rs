//! The listener: accepts connections with limits on what each may cost, and finishes what is in flight before it ends.

mod host;
mod patience;

use std::convert::Infallible;
use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval};
use tower::ServiceExt;

use crate::app::StartError;
use patience::Patient;

/// Binds the address that is configured under `key`. The error says what to do.
pub async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| {
        StartError::System(match error.kind() {
            ErrorKind::AddrInUse => format!(
                "{key}: {address} is in use by another program. Stop it, or choose another port: {} {}:{}",
                if key == "listen" { "--listen".to_owned() } else { format!("{key} =") },
                address.ip(),
                address.port().wrapping_add(1)
            ),
            ErrorKind::PermissionDenied => {
                format!("{key}: {address} needs more rights than this user has; choose a port above 1023")
            }
            _ => format!("{key}: cannot listen on {address}: {error}"),
        })
    })
}

/// Serves until `stop` resolves, then lets the requests in flight finish, for at most [`FINISH`].
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let builder = builder();
    let mut again = interval(ACCEPT_AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(stop);
    loop {
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
            let accepted = listener.accept().await;
            if accepted.is_err() {
                // Most likely out of file descriptors. The error comes at once and again until others close theirs.
                again.tick().await;
            }
            (place, accepted)
        };
        let (place, (stream, peer)) = tokio::select! {
            (place, accepted) = accept => match accepted {
                Ok(accepted) => (place, accepted),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let connection = connection(&builder, stream, peer, router.clone(), &graceful);
        tokio::spawn(async move {
            let _place = place;
            connection.await;
        });
    }
    drop(listener);
    if tokio::time::timeout(FINISH, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests took longer than {FINISH:?} to finish and were cut off");
    }
}

fn connection(
    builder: &Builder,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + 'static {
    // Small answers must not wait for the client's acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            if head_bytes(&request) > HEADER_BYTES {
                return Ok(closing(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
            }
            if !host::is_clear(&request) {
                return Ok(closing(StatusCode::BAD_REQUEST));
            }
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    let connection = builder.serve_connection(TokioIo::new(Patient::new(stream, PATIENCE)), service);
    let watched = graceful.watch(connection);
    async move {
        if let Err(error) = watched.await {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    }
}

/// The size of a request's head. hyper looks at its limit only when it has to read more, so a head may slip past it.
fn head_bytes<B>(request: &Request<B>) -> usize {
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    fields.sum::<usize>() + request.uri().path().len() + request.uri().query().map_or(0, str::len)
}

/// As hyper answers what it cannot read, and with it the end: nobody knows whose the next request would be.
fn closing(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    crate::edge::harden(response.headers_mut());
    response
}

/// HTTP/1.1 only: browsers speak HTTP/2 over TLS alone, which is the proxy's business, and what it costs to bound that
/// well is better spent there.
fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADER_COUNT);
    builder
}

/// How long a client may take to send the head of a request; also how long an idle connection is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a client may take to make room for an answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// The largest head of a request, in bytes.
const HEADER_BYTES: usize = 32 * 1024;

/// Most header fields of a request.
const HEADER_COUNT: usize = 64;

/// Most connections at a time; more wait in the system's queue.
const CONNECTIONS: usize = 10_000;

/// How soon to accept again after an error.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How long requests in flight get to finish.
const FINISH: Duration = Duration::from_secs(10);
