//! Asking the issuer: every answer is bounded in time and size, and no redirect is followed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, HeaderName};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

/// A client for one issuer. Cheap to clone; clones share connections.
#[derive(Clone)]
pub(super) struct Fetch(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

/// An answer, whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// For how many seconds it may be reused (RFC 9111 §5.2.2.1).
    pub(super) max_age: Option<u64>,
}

/// An answer that is still coming in.
pub(super) struct Incoming {
    uri: Uri,
    body: hyper::body::Incoming,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection, or it broke.
    #[error("{uri} cannot be reached: {why}")]
    Unreachable {
        /// What was asked for.
        uri: Uri,
        /// The cause, down to its root.
        why: String,
    },
    /// It took too long.
    #[error("{uri} did not answer within {seconds} s")]
    Slow {
        /// What was asked for.
        uri: Uri,
        /// How long was waited.
        seconds: u64,
    },
    /// The answer is longer than is read.
    #[error("{0} answered with more than 256 kB")]
    TooLong(Uri),
    /// The answer is not 200. A redirect is not followed: it could lead anywhere.
    #[error("{uri} answered {status}")]
    Status {
        /// What was asked for.
        uri: Uri,
        /// The answer.
        status: StatusCode,
    },
}

impl Fetch {
    /// Trusts the certificate authorities that the machine trusts; an issuer on plain http needs none.
    pub(super) fn new(issuer: &Uri) -> std::io::Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?;
        let tls = match issuer.scheme_str() {
            Some("http") => tls.with_root_certificates(RootCertStore::empty()),
            _ => tls.with_native_roots()?,
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls.with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http1_max_buf_size(MAX_HEAD)
            .build(connector);
        Ok(Self(client))
    }

    /// Asks, with a credential if there is one to ask about.
    pub(super) async fn get(
        &self,
        uri: &Uri,
        credential: Option<(HeaderName, HeaderValue)>,
        patience: Duration,
    ) -> Result<Answer, FetchError> {
        match timeout(patience, self.exchange(uri, credential)).await {
            Ok(answer) => answer,
            Err(_) => Err(FetchError::Slow { uri: uri.clone(), seconds: patience.as_secs() }),
        }
    }

    /// Asks for frames of the feed, with the credential of a verifier. The answer may go on for as long as it likes.
    pub(super) async fn open(
        &self,
        uri: &Uri,
        credential: HeaderValue,
        patience: Duration,
    ) -> Result<Incoming, FetchError> {
        let unreachable = |why: String| FetchError::Unreachable { uri: without_query(uri), why };
        let request = Request::get(uri.clone()).header(AUTHORIZATION, credential).body(Empty::new());
        let request = request.map_err(|error| unreachable(error.to_string()))?;
        // The position is no secret, but it is long.
        let place = without_query(uri);
        let response = match timeout(patience, self.0.request(request)).await {
            Ok(response) => response.map_err(|error| unreachable(root_cause(&error)))?,
            Err(_) => return Err(FetchError::Slow { uri: place, seconds: patience.as_secs() }),
        };
        match response.status() {
            StatusCode::OK => Ok(Incoming { uri: place, body: response.into_body() }),
            status => Err(FetchError::Status { uri: place, status }),
        }
    }

    /// Asks for a document: anything but 200 is an error.
    pub(super) async fn document(&self, uri: &Uri) -> Result<Answer, FetchError> {
        let answer = self.get(uri, None, DOCUMENT_PATIENCE).await?;
        if answer.status == StatusCode::OK {
            return Ok(answer);
        }
        Err(FetchError::Status { uri: uri.clone(), status: answer.status })
    }

    async fn exchange(&self, uri: &Uri, credential: Option<(HeaderName, HeaderValue)>) -> Result<Answer, FetchError> {
        let unreachable = |why: String| FetchError::Unreachable { uri: uri.clone(), why };
        let mut request = Request::get(uri.clone()).header(ACCEPT, "application/json");
        if let Some((name, value)) = credential {
            request = request.header(name, value);
        }
        let request = request.body(Empty::new()).map_err(|error| unreachable(error.to_string()))?;
        let response = self.0.request(request).await.map_err(|error| unreachable(root_cause(&error)))?;
        let (status, max_age) = (response.status(), max_age(response.headers()));
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                FetchError::TooLong(uri.clone())
            } else {
                unreachable(root_cause(error.as_ref()))
            }
        })?;
        Ok(Answer { status, body: body.to_bytes(), max_age })
    }
}

impl Incoming {
    /// What comes next, within so long; `None` at the end.
    pub(super) async fn next(&mut self, patience: Duration) -> Result<Option<Bytes>, FetchError> {
        loop {
            let Ok(frame) = timeout(patience, self.body.frame()).await else {
                return Err(FetchError::Slow { uri: self.uri.clone(), seconds: patience.as_secs() });
            };
            let Some(frame) = frame else { return Ok(None) };
            let frame =
                frame.map_err(|error| FetchError::Unreachable { uri: self.uri.clone(), why: root_cause(&error) })?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }
}

fn without_query(uri: &Uri) -> Uri {
    let text = uri.to_string();
    let place = text.split('?').next().unwrap_or_default();
    place.parse().unwrap_or_else(|_| uri.clone())
}

fn max_age(headers: &HeaderMap) -> Option<u64> {
    let directives = headers.get(CACHE_CONTROL)?.to_str().ok()?.to_ascii_lowercase();
    directives.split(',').find_map(|directive| directive.trim().strip_prefix("max-age=")?.parse().ok())
}

/// The innermost cause says what is the matter; those around it only where it was noticed.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// The longest body that is read, in bytes.
const MAX_BODY: usize = token::KeySet::MAX_BYTES;

/// The longest head of an answer that is read, in bytes.
const MAX_HEAD: usize = 64 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a document may take in all.
const DOCUMENT_PATIENCE: Duration = Duration::from_secs(5);

/// Shorter than the issuer's own, so that no request is sent on a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
