//! The ways to know who is asking, each in front of the same route of a small application.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use domain::session::Standing;
use serde::Serialize;
use tokio::task::JoinSet;
use verifier::Verifier;

use super::issuer::{Credentials, Issuer, LOOPBACK};
use super::wire::{Connection, request};
use crate::app::{App, StartError};
use crate::commands::start::wrong;
use crate::serve;

/// A way to know who is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Nobody is asked: what the route costs by itself.
    NoCheck,
    /// A cookie whose session is read from the database for every request.
    CookieDatabase,
    /// A cookie whose session is read once, held against the revocations that the feed brings.
    CookieFeed,
    /// A token that is verified, and nothing more.
    JwtAlone,
    /// A token that is verified, and held against the revocations that the feed brings.
    JwtFeed,
    /// A token about which the issuer is asked for every request.
    JwtIntrospection,
}

impl Way {
    /// In the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::NoCheck, Self::CookieDatabase, Self::CookieFeed, Self::JwtAlone, Self::JwtFeed, Self::JwtIntrospection];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoCheck => "no check (the floor)",
            Self::CookieDatabase => "cookie, database read",
            Self::CookieFeed => "cookie, cache + feed",
            Self::JwtAlone => "JWT alone",
            Self::JwtFeed => "JWT + feed",
            Self::JwtIntrospection => "JWT + introspection",
        }
    }

    /// Whether it is how Watchword does it.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::CookieFeed | Self::JwtFeed)
    }

    /// Whether anything tells it of a logout.
    pub fn heeds_logouts(self) -> bool {
        !matches!(self, Self::NoCheck | Self::JwtAlone)
    }

    /// What a client sends to the route at this address.
    pub fn request(self, host: SocketAddr, login: &Credentials) -> Vec<u8> {
        let credential = match self {
            Self::NoCheck => String::new(),
            Self::CookieDatabase | Self::CookieFeed => format!("Cookie: {}\r\n", login.cookie),
            Self::JwtAlone | Self::JwtFeed | Self::JwtIntrospection => bearer(&login.token),
        };
        request("GET", ROUTE, host, &credential, "")
    }
}

/// The header with an access token.
pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// The application, once for each way, until it is dropped.
pub struct Applications {
    addresses: Vec<(Way, SocketAddr)>,
    /// What the way without revocation checks with.
    pub alone: Verifier,
    _serving: JoinSet<()>,
}

/// How one application checks.
enum Check {
    Nothing,
    Database(App, store::Store),
    Verifier(Verifier),
    Introspection(Verifier, Introspection),
}

impl Applications {
    /// Starts them all.
    pub async fn start(issuer: &Issuer) -> Result<Self, StartError> {
        let alone = Verifier::from_issuer(issuer.url()).await.map_err(wrong)?;
        let following = |name: &str| Verifier::from_issuer(issuer.url()).follow(&issuer.credential).named(name);
        let (mut addresses, mut serving) = (Vec::new(), JoinSet::new());
        for way in Way::ALL {
            let check = match way {
                Way::NoCheck => Check::Nothing,
                Way::CookieDatabase => Check::Database(issuer.app.clone(), issuer.shared.clone()),
                Way::CookieFeed => Check::Verifier(following("cookie").await.map_err(wrong)?),
                Way::JwtAlone => Check::Verifier(alone.clone()),
                Way::JwtFeed => Check::Verifier(following("jwt").await.map_err(wrong)?),
                Way::JwtIntrospection => Check::Introspection(alone.clone(), Introspection::of(issuer)),
            };
            let listener = serve::bind("listen", LOOPBACK).await?;
            addresses.push((way, listener.local_addr().map_err(wrong)?));
            let router = Router::new().route(ROUTE, get(show)).with_state(Arc::new(check));
            serving.spawn(serve::serve(listener, router, std::future::pending()));
        }
        Ok(Self { addresses, alone, _serving: serving })
    }

    /// Where the application listens that does it this way.
    pub fn address(&self, way: Way) -> SocketAddr {
        let found = self.addresses.iter().find(|(own, _)| *own == way);
        found.expect("there is one for each way").1
    }
}

/// The route: the same answer to whoever is let in, however that was found out.
async fn show(State(check): State<Arc<Check>>, request: Request) -> Response {
    #[derive(Serialize)]
    struct Greeting {
        message: String,
    }
    let (parts, _) = request.into_parts();
    match check.admit(&parts).await {
        Ok(name) => Json(Greeting { message: format!("Welcome {name}") }).into_response(),
        Err(status) => status.into_response(),
    }
}

impl Check {
    /// The name of who is asking.
    async fn admit(&self, parts: &Parts) -> Result<String, StatusCode> {
        match self {
            Self::Nothing => Ok("kavya".to_owned()),
            Self::Database(app, store) => by_database(app, store, &parts.headers).await,
            Self::Verifier(verifier) => by_verifier(verifier, parts).await,
            Self::Introspection(verifier, introspection) => {
                let name = by_verifier(verifier, parts).await?;
                let token = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
                introspection.ask(token.unwrap_or_default()).await?;
                Ok(name)
            }
        }
    }
}

async fn by_database(app: &App, store: &store::Store, headers: &HeaderMap) -> Result<String, StatusCode> {
    let cookie = app.cookies.session(headers).ok_or(StatusCode::UNAUTHORIZED)?;
    let live = store.session(cookie.session_id).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let live = live.ok_or(StatusCode::UNAUTHORIZED)?;
    let is_its_own = live.session.cookie_hash.is_some_and(|stored| stored.matches(&cookie.hash));
    if is_its_own && live.session.standing(&live.account, app.clock.now()) == Standing::Live {
        Ok(live.account.username.to_string())
    } else {
        Err(StatusCode::UNAUTHORIZED)
    }
}

async fn by_verifier(verifier: &Verifier, parts: &Parts) -> Result<String, StatusCode> {
    let who = verifier.authenticate(parts).await.map_err(|rejection| rejection.status())?;
    Ok(who.username().to_owned())
}

/// Asks the issuer about a token, every time.
struct Introspection {
    issuer: SocketAddr,
    bytes: Arc<AtomicU64>,
    idle: Mutex<Vec<Connection>>,
}

impl Introspection {
    fn of(issuer: &Issuer) -> Self {
        Self { issuer: issuer.address, bytes: issuer.bytes(), idle: Mutex::default() }
    }

    async fn ask(&self, authorization: &str) -> Result<(), StatusCode> {
        let asked = request("GET", QUESTION, self.issuer, &format!("Authorization: {authorization}\r\n"), "");
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let answered = match idle {
            // The issuer may have closed it meanwhile.
            Some(connection) => match self.ask_on(connection, &asked).await {
                Ok(status) => Ok(status),
                Err(_) => self.ask_anew(&asked).await,
            },
            None => self.ask_anew(&asked).await,
        };
        match answered {
            Ok(200) => Ok(()),
            Ok(401) => Err(StatusCode::UNAUTHORIZED),
            _ => Err(StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    async fn ask_anew(&self, asked: &[u8]) -> std::io::Result<u16> {
        self.ask_on(Connection::open(self.issuer).await?, asked).await
    }

    async fn ask_on(&self, mut connection: Connection, asked: &[u8]) -> std::io::Result<u16> {
        let status = connection.exchange(asked).await?;
        self.bytes.fetch_add(connection.take_bytes(), Ordering::Relaxed);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(status)
    }
}

/// The protected route.
const ROUTE: &str = "/dashboard";

/// Where the issuer says whether a token's session stands.
const QUESTION: &str = "/api/v1/session";
