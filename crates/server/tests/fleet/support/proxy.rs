//! A load balancer that takes the nodes in turn: each request goes to another one than the request before, whoever sends it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response};
use http_body_util::BodyExt;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// Connections to one address, kept and used again.
pub struct Upstream {
    address: SocketAddr,
    idle: Mutex<Vec<(Instant, SendRequest<Body>)>>,
}

impl Upstream {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::default() }
    }

    /// One request, and the whole answer to it.
    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        let mut connection = self.connection().await;
        let (parts, body) = connection.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if connection.ready().await.is_ok() {
            self.idle.lock().unwrap().push((Instant::now(), connection));
        }
        Response::from_parts(parts, Body::from(body))
    }

    async fn connection(&self) -> SendRequest<Body> {
        while let Some((since, connection)) = self.take_idle() {
            if since.elapsed() < KEPT_FOR && !connection.is_closed() {
                return connection;
            }
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    fn take_idle(&self) -> Option<(Instant, SendRequest<Body>)> {
        self.idle.lock().unwrap().pop()
    }
}

/// Listens on a port of loopback, from now on and as long as the test's runtime lives.
pub async fn start(nodes: &[SocketAddr]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let nodes: Arc<[Upstream]> = nodes.iter().copied().map(Upstream::new).collect();
    let turn = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let (nodes, turn) = (Arc::clone(&nodes), Arc::clone(&turn));
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let (nodes, turn) = (Arc::clone(&nodes), turn.fetch_add(1, Ordering::Relaxed));
                async move { Ok::<_, Infallible>(forward(&nodes, turn, peer, request.map(Body::new)).await) }
            });
            tokio::spawn(Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

async fn forward(nodes: &[Upstream], turn: usize, peer: SocketAddr, mut request: Request<Body>) -> Response<Body> {
    let node = turn % nodes.len();
    let before = request.headers().get("x-forwarded-for").map(|value| format!("{}, ", value.to_str().unwrap()));
    let hops = format!("{}{}", before.unwrap_or_default(), peer.ip());
    request.headers_mut().insert("x-forwarded-for", hops.parse().unwrap());
    let mut response = nodes[node].send(request).await;
    response.headers_mut().insert(NODE, HeaderValue::from(node));
    response
}

/// The header of an answer that says which node gave it.
pub const NODE: &str = "x-node";

/// Shorter than the nodes keep an idle connection.
const KEPT_FOR: Duration = Duration::from_secs(5);
