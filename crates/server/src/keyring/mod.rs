//! The keys of this installation: a master key outside the database, and everything else in it, sealed under that.
//!
//! Signing keys follow each other while the server runs. Every node compares what it has with the database ten times a
//! second, and takes whichever step is due; of several nodes that try, one does it.

mod in_force;
mod master;
mod vault;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use domain::signing_keys::{KeyLife, Schedule, Step, plan};
use domain::{KeyState, Span, UnixMillis};
use store::Store;
use token::{Profile, RefreshKey, SigningKey};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::failure::Failure;
use crate::memory::Memory;

pub use in_force::InForce;
pub use master::{MASTER_KEY_VARIABLE, NEW_MASTER_KEY_VARIABLE};
pub use vault::{Exchanged, Vault, generate, rekey};

/// Every key that a running server holds.
pub struct Keyring {
    /// Makes and checks refresh tokens.
    pub refresh: RefreshKey,
    /// What access tokens look like.
    pub profile: Profile,
    /// Binds forms to sessions.
    pub csrf: Zeroizing<[u8; 32]>,
    /// Makes the link for the first administrator.
    pub setup: Zeroizing<[u8; 32]>,
    /// Hides the names and addresses that throttle records are about.
    pub throttle: Zeroizing<[u8; 32]>,
    in_force: ArcSwap<InForce>,
    /// When they were last found to be what the database has.
    confirmed_at: AtomicI64,
    replacing: Mutex<()>,
    vault: Mutex<Vault>,
    /// None with a shared secret.
    schedule: Option<Schedule>,
}

/// Why the keys cannot be used. The message says what to do; it never contains key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Something about the master key.
    #[error("{0}")]
    Master(String),
    /// The master key is not the one that the database was begun with, or went over to.
    #[error("this database has keys under another master key; put back the one that belongs to it ({0})")]
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

/// Where the master key is looked for, and whether the one with this mark is there. Makes and changes nothing.
pub fn find_master(config: &Config, env: &[(String, String)], check: Option<i64>) -> Result<(String, bool), KeyError> {
    let source = master::Source::of(config, env)?;
    let is_here = check.map_or(Ok(true), |check| source.has(check))?;
    Ok((source.name(), is_here))
}

impl Keyring {
    /// Reads all keys and takes what steps are due; on the first run, makes the keys.
    pub async fn open(
        config: &Config,
        env: &[(String, String)],
        store: &Store,
        now: UnixMillis,
    ) -> Result<Self, KeyError> {
        let (vault, root) = Vault::open(config, env, store).await?;
        let vault = Mutex::new(vault);
        let schedule = config.keys.schedule(&config.tokens);
        let in_force = match &schedule {
            None => InForce::shared(SigningKey::from_secret(&config.tokens.secret(env)?))?,
            Some(schedule) => {
                settle(store, &vault, schedule, now).await?;
                let version = store.keys_version().await?;
                InForce::read(&store.keys().await?, version, &hold(&vault), None, now)?
            }
        };
        Ok(Self {
            refresh: RefreshKey::derive(&root),
            profile: config.tokens.profile(),
            csrf: root.subkey("watchword csrf"),
            setup: root.subkey("watchword setup"),
            throttle: root.subkey("watchword throttle"),
            in_force: ArcSwap::from_pointee(in_force),
            confirmed_at: AtomicI64::new(now.0),
            replacing: Mutex::new(()),
            vault,
            schedule,
        })
    }

    /// The keys as this node last read them: enough to check with.
    pub fn known(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// The keys, compared with the database no longer than [`CONFIRMED_FOR`] ago: what is needed to sign, or to tell
    /// others what to trust. A node that was asleep would otherwise use a key that the others have long forgotten.
    pub async fn confirmed(&self, store: &Store, memory: &Memory, now: UnixMillis) -> Result<Arc<InForce>, KeyError> {
        if now.since(UnixMillis(self.confirmed_at.load(Ordering::Acquire))) > CONFIRMED_FOR {
            self.catch_up(store, memory, now).await?;
        }
        Ok(self.known())
    }

    /// Learns what changed, and takes what steps are due.
    pub async fn tend(&self, store: &Store, memory: &Memory, now: UnixMillis) -> Result<(), KeyError> {
        self.catch_up(store, memory, now).await?;
        let Some(schedule) = &self.schedule else { return Ok(()) };
        if plan(&self.known().lives, schedule, now).is_some() {
            settle(store, &self.vault, schedule, now).await?;
            self.catch_up(store, memory, now).await?;
        }
        Ok(())
    }

    /// Learns what changed.
    pub async fn catch_up(&self, store: &Store, memory: &Memory, now: UnixMillis) -> Result<(), KeyError> {
        let before = self.known();
        let version = if self.schedule.is_some() { store.keys_version().await? } else { before.version };
        if version != before.version || before.unopened > 0 {
            let stored = store.keys().await?;
            let followed = follow(store, &self.vault).await;
            let read = InForce::read(&stored, version, &hold(&self.vault), Some(&before), now)?;
            if read.unopened > 0 && version != before.version {
                let error = followed.err().map(|e| e.to_string());
                tracing::error!(error, "a key is sealed under a master key that this process does not have");
            }
            self.replace(read, memory);
        }
        self.confirmed_at.fetch_max(now.0, Ordering::AcqRel);
        Ok(())
    }

    fn replace(&self, read: InForce, memory: &Memory) {
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        if read.version >= self.in_force.load().version {
            // First, so that nothing is signed here that would be refused here.
            memory.trust(read.verifying.clone());
            self.in_force.store(Arc::new(read));
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            // The job that looks after the keys logs why.
            _ => Self::Unavailable { retry_after: 5 },
        }
    }
}

/// Takes every step that is due. One that another node takes first is no error.
async fn settle(store: &Store, vault: &Mutex<Vault>, schedule: &Schedule, now: UnixMillis) -> Result<(), KeyError> {
    for _ in 0..STEPS {
        let lives: Vec<KeyLife> = store.keys().await?.into_iter().map(|key| key.life).collect();
        let Some(step) = plan(&lives, schedule, now) else { break };
        let (done, kid) = match step {
            Step::Begin | Step::Prepare => {
                follow(store, vault).await?;
                let algorithm = schedule.algorithm.parse().expect("the configuration has checked it");
                let made = generate(algorithm).await?;
                let key = hold(vault).seal(&made, now);
                let kid = key.kid.clone();
                let begins = step == Step::Begin;
                (if begins { store.begin_key(key).await? } else { store.add_key(key).await? }, kid)
            }
            Step::Activate(ref kid) => {
                let signs = lives.iter().any(|key| key.state == KeyState::Active);
                let made_by = if signs { now - schedule.publish_ahead } else { now };
                (store.activate_key(kid, made_by, now).await?, kid.clone())
            }
            Step::Drop(ref kid, state) => (store.drop_key(kid, state).await?, kid.clone()),
        };
        if done {
            tracing::info!(kid, "{}", name(&step));
        }
    }
    Ok(())
}

fn name(step: &Step) -> &'static str {
    match step {
        Step::Begin => "made the first signing key",
        Step::Prepare => "published a signing key that is to take over",
        Step::Activate(_) => "a signing key took over",
        Step::Drop(..) => "a signing key is gone",
    }
}

/// Goes over to the master key that is in force, if it was exchanged.
async fn follow(store: &Store, vault: &Mutex<Vault>) -> Result<(), KeyError> {
    let stands = store.master().await?;
    stands.map_or(Ok(()), |stands| hold(vault).follow(stands.check))
}

fn hold(vault: &Mutex<Vault>) -> MutexGuard<'_, Vault> {
    vault.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For how long this node may go on with what it knew. Jobs compare far more often.
const CONFIRMED_FOR: Span = Span::seconds(5);

/// More steps than are ever due at once.
const STEPS: usize = 32;
