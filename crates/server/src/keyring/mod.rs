//! The keys of this installation: one master key in a file, and signing keys that the database keeps encrypted under it.

mod master;

use domain::UnixMillis;
use domain::revocation::keep_until;
use store::{KeyState, Store, StoredKey};
use token::{Algorithm, KeySet, MasterKey, Profile, RefreshKey, SealingKey, SigningKey};
use zeroize::Zeroizing;

use crate::config::Config;

pub use master::MASTER_KEY_VARIABLE;

/// Every key that a running server holds.
pub struct Keyring {
    /// Signs access tokens.
    pub signing: SigningKey,
    /// Checks access tokens: the signing key and those that were it before.
    pub verifying: KeySet,
    /// Makes and checks refresh tokens.
    pub refresh: RefreshKey,
    /// What access tokens look like.
    pub profile: Profile,
    /// Binds forms to sessions.
    pub csrf: Zeroizing<[u8; 32]>,
    /// Hides the names and addresses that throttle records are about.
    pub throttle: Zeroizing<[u8; 32]>,
}

/// Why the keys cannot be used. The message says what to do; it never contains key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Something about the master key.
    #[error("{0}")]
    Master(String),
    /// The master key is not the one that the database was begun with.
    #[error(
        "this database was begun with another master key; \
         put back the key file that belongs to it (a copy of {0})"
    )]
    Sealed(String),
    /// The shared secret for HS256.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The database failed.
    #[error("the database failed while reading keys: {0}")]
    Store(#[from] store::Error),
    /// The cryptographic library refused.
    #[error("a signing key could not be made: {0}")]
    Library(String),
}

impl Keyring {
    /// Reads all keys; on the first run, makes them.
    pub async fn open(
        config: &Config,
        env: &[(String, String)],
        store: &Store,
        now: UnixMillis,
    ) -> Result<Self, KeyError> {
        let stored = store.keys().await?;
        let check = store.master_key_check().await?;
        let master = master::load(config, env, check.is_some())?;
        if store.set_master_key_check(check_value(&master)).await? != check_value(&master) {
            return Err(KeyError::Sealed(config.master_key_file().display().to_string()));
        }
        let sealing = SealingKey::derive(&master, "watchword signing keys");
        let algorithm: Algorithm = config.tokens.algorithm.parse().expect("the configuration has checked it");
        let mut verifying = KeySet::new();
        let mut signing = None;
        for key in stored.iter().filter(|key| algorithm != Algorithm::Hs256 && is_trusted(key, now)) {
            let opened = open_key(key, &sealing)
                .ok_or_else(|| KeyError::Sealed(config.master_key_file().display().to_string()))?;
            verifying.insert(opened.verifying_key()).map_err(|e| KeyError::Library(e.to_string()))?;
            if key.state == KeyState::Active && opened.algorithm() == algorithm {
                signing = Some(opened);
            }
        }
        let signing = match signing {
            _ if algorithm == Algorithm::Hs256 => shared_secret(config, env)?,
            Some(key) => key,
            None => make(algorithm, &sealing, store, now).await?,
        };
        if verifying.get(signing.kid()).is_none() {
            verifying.insert(signing.verifying_key()).map_err(|e| KeyError::Library(e.to_string()))?;
        }
        Ok(Self {
            signing,
            verifying,
            refresh: RefreshKey::derive(&master),
            profile: config.tokens.profile(),
            csrf: master.subkey("watchword csrf"),
            throttle: master.subkey("watchword throttle"),
        })
    }
}

/// What the database remembers of the master key, to tell it from another: 63 bits that say nothing else about it.
fn check_value(master: &MasterKey) -> i64 {
    let derived = master.subkey("watchword master key check");
    i64::from_be_bytes(derived[..8].try_into().expect("32 bytes have 8")) & i64::MAX
}

/// Whether tokens signed by a key may still be around, judged at the start. A change to a shared secret is a clean cut.
fn is_trusted(key: &StoredKey, now: UnixMillis) -> bool {
    match (key.state, key.retired_at) {
        (KeyState::Gone, _) => false,
        (KeyState::Retired, Some(retired_at)) => now < keep_until(retired_at),
        _ => true,
    }
}

/// The shared secret is configuration, not ours to keep: it never enters the database.
fn shared_secret(config: &Config, env: &[(String, String)]) -> Result<SigningKey, KeyError> {
    let secret = config.tokens.secret(env)?;
    Ok(SigningKey::from_secret(&secret))
}

fn open_key(key: &StoredKey, sealing: &SealingKey) -> Option<SigningKey> {
    let pkcs8 = sealing.open(&key.sealed, key.kid.as_bytes()).ok()?;
    SigningKey::from_pkcs8(key.algorithm.parse().ok()?, &pkcs8).ok()
}

async fn make(
    algorithm: Algorithm,
    sealing: &SealingKey,
    store: &Store,
    now: UnixMillis,
) -> Result<SigningKey, KeyError> {
    let library = |e: &dyn std::fmt::Display| KeyError::Library(e.to_string());
    let key = SigningKey::generate(algorithm).map_err(|e| library(&e))?;
    let pkcs8 = key.to_pkcs8().expect("a generated key is asymmetric");
    store
        .add_key(StoredKey {
            kid: key.kid().to_owned(),
            algorithm: algorithm.name().to_owned(),
            state: KeyState::Next,
            public_jwk: key.jwk().map(|jwk| jwk.to_value().to_string()),
            sealed: sealing.seal(&pkcs8, key.kid().as_bytes()),
            created_at: now,
            activated_at: None,
            retired_at: None,
        })
        .await?;
    store.activate_key(key.kid(), now).await?;
    tracing::info!(kid = key.kid(), algorithm = algorithm.name(), "made a signing key");
    Ok(key)
}
