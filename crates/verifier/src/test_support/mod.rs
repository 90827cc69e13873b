//! An issuer for the tests of applications: on loopback, with a clock that moves when told to, and forged users.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use verifier::test_support::TestIssuer;
//!
//! let issuer = TestIssuer::start().await;
//! let verifier = issuer.verifier().await;
//! let token = issuer.user("kavya").role("clerk").token();
//! assert!(verifier.verify(&token).await.is_ok());
//!
//! issuer.clock().advance(Duration::from_secs(3_600));
//! assert_eq!(verifier.verify(&token).await.unwrap_err().code(), "expired");
//! # Ok(()) }
//! ```

mod http;
mod user;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use token::{Algorithm, KeySet, SigningKey};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::{Clock, Connect, Verifier};

pub use user::TestUser;

/// An issuer that listens on a free port of this machine until it is dropped.
pub struct TestIssuer {
    state: Arc<State>,
    url: String,
    listener: AbortHandle,
}

struct State {
    clock: Clock,
    keys: Mutex<Keys>,
    /// What the session endpoint says, by the cookie's value.
    sessions: Mutex<HashMap<String, Value>>,
    is_down: AtomicBool,
    is_hanging: watch::Sender<bool>,
    key_fetches: AtomicUsize,
    cookie_checks: AtomicUsize,
    serial: AtomicU64,
}

struct Keys {
    signing: SigningKey,
    published: KeySet,
}

impl TestIssuer {
    /// Starts one. Its clock stands at 14 November 2023.
    pub async fn start() -> Self {
        let signing = SigningKey::generate(Algorithm::EdDSA).expect("Ed25519 keys can be made");
        let mut published = KeySet::new();
        published.insert(signing.verifying_key()).expect("the first key has no rival");
        let state = Arc::new(State {
            clock: Clock::manual(1_700_000_000_000),
            keys: Mutex::new(Keys { signing, published }),
            sessions: Mutex::new(HashMap::new()),
            is_down: AtomicBool::new(false),
            is_hanging: watch::Sender::new(false),
            key_fetches: AtomicUsize::new(0),
            cookie_checks: AtomicUsize::new(0),
            serial: AtomicU64::new(1),
        });
        let (url, listener) = http::serve(Arc::clone(&state)).await;
        Self { state, url, listener }
    }

    /// Its name, and where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its clock, which its verifiers share.
    pub fn clock(&self) -> &Clock {
        &self.state.clock
    }

    /// A verifier that trusts it.
    pub async fn verifier(&self) -> Verifier {
        self.connect().await.expect("the issuer is there")
    }

    /// The same, to say more before it is awaited.
    pub fn connect(&self) -> Connect {
        Verifier::from_issuer(&self.url).clock(self.state.clock.clone())
    }

    /// A user with a session of ten minutes, to be described further and given a [token](TestUser::token) or a
    /// [cookie](TestUser::cookie).
    pub fn user(&self, username: &str) -> TestUser<'_> {
        TestUser::new(self, username)
    }

    /// Ends the session of a cookie: the issuer knows it no more.
    pub fn end(&self, cookie: &str) {
        let value = cookie.split_once('=').map_or(cookie, |(_, value)| value);
        self.state.sessions().remove(value);
    }

    /// The JWKS that it publishes now.
    pub fn jwks(&self) -> String {
        self.state.keys().published.to_jwks()
    }

    /// Signs with a new key from now on. The old one stays published until [`Self::withdraw_old_keys`].
    pub fn rotate_keys(&self) {
        let signing = SigningKey::generate(Algorithm::EdDSA).expect("Ed25519 keys can be made");
        let mut keys = self.state.keys();
        keys.published.insert(signing.verifying_key()).expect("a new key has a new name");
        keys.signing = signing;
    }

    /// Publishes only the key that signs.
    pub fn withdraw_old_keys(&self) {
        let mut keys = self.state.keys();
        let mut published = KeySet::new();
        published.insert(keys.signing.verifying_key()).expect("the only key has no rival");
        keys.published = published;
    }

    /// Answers everything with 503, or no longer.
    pub fn set_down(&self, is_down: bool) {
        self.state.is_down.store(is_down, Ordering::Release);
    }

    /// Takes requests without answering them, or answers them all.
    pub fn set_hanging(&self, is_hanging: bool) {
        self.state.is_hanging.send_replace(is_hanging);
    }

    /// How often its keys have been fetched.
    pub fn key_fetches(&self) -> usize {
        self.state.key_fetches.load(Ordering::Acquire)
    }

    /// How often it was asked about a cookie.
    pub fn cookie_checks(&self) -> usize {
        self.state.cookie_checks.load(Ordering::Acquire)
    }
}

impl Drop for TestIssuer {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl State {
    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Value>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn metadata(url: &str) -> Value {
        json!({
            "issuer": url,
            "jwks_uri": format!("{url}/.well-known/jwks.json"),
            "watchword_session_endpoint": format!("{url}/api/v1/session"),
            "watchword_session_cookie": "session",
        })
    }
}
