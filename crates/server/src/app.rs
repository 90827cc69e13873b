//! The only state that handlers share.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use store::Store;

use crate::clock::Clock;
use crate::config::{Config, PublicUrl};
use crate::keyring::Keyring;
use crate::listeners::Listeners;
use crate::memory::Memory;
use crate::passwords::Passwords;
use crate::proofs::CookieNames;
use crate::traffic::Traffic;

/// A handle to everything a handler needs; a handler asks for it by type.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// What an [`App`] points to.
pub struct Shared {
    /// Where everything is kept.
    pub store: Store,
    /// Which credentials stand, answered from memory.
    pub memory: Memory,
    /// Who follows the revocations, and up to where.
    pub listeners: Listeners,
    /// What goes out to them, and which credentials were judged.
    pub traffic: Arc<Traffic>,
    /// Every key.
    pub keys: Keyring,
    /// The clock.
    pub clock: Clock,
    /// Password hashing.
    pub passwords: Passwords,
    /// The effective configuration.
    pub config: Config,
    /// The origin that browsers use; also the issuer.
    pub public_url: PublicUrl,
    /// The names and flags of cookies at that origin.
    pub cookies: CookieNames,
}

/// Why the server could not start. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The machine's clock cannot be believed.
    #[error(transparent)]
    Clock(#[from] crate::clock::ClockBehind),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] store::OpenError),
    /// The installation was not moved.
    #[error(transparent)]
    Transfer(#[from] store::TransferError),
    /// The database failed.
    #[error("the database failed while starting: {0}")]
    Store(#[from] store::Error),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] crate::keyring::KeyError),
    /// The address cannot be listened on, or another system call failed.
    #[error("{0}")]
    System(String),
}

impl App {
    /// Opens the keys and recalls what has been revoked.
    pub async fn start(
        config: Config,
        env: &[(String, String)],
        store: Store,
        clock: Clock,
        bound: SocketAddr,
    ) -> Result<Self, StartError> {
        let public_url = config.public_url(bound);
        let keys = Keyring::open(&config, env, &store, clock.now()).await?;
        let memory = Memory::recall(&config, &public_url, &keys, &store, &clock).await?;
        let passwords = Passwords::new(&config.passwords);
        let cookies = CookieNames::of(&public_url);
        Ok(Self(Arc::new(Shared {
            store,
            memory,
            listeners: Listeners::default(),
            traffic: Arc::default(),
            keys,
            clock,
            passwords,
            config,
            public_url,
            cookies,
        })))
    }
}

impl Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl FromRequestParts<App> for App {
    type Rejection = Infallible;
    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(app.clone())
    }
}
