//! Password hashing with Argon2id (RFC 9106): off the async threads, and only so many at once.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::login::PasswordCheck;
use domain::password::Weakness;
use domain::{Email, PasswordHash, Username};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::config;
use crate::failure::Failure;

/// Hashes and checks passwords. Work beyond the bound waits its turn; beyond the queue it is turned away.
pub struct Passwords {
    argon2: Argon2<'static>,
    params: Params,
    running: Arc<Semaphore>,
    queue: Semaphore,
}

impl Passwords {
    /// Ready to hash with the configured cost.
    pub fn new(config: &config::Passwords) -> Self {
        let params = Params::new(config.memory_kib, config.iterations, config.parallelism, None)
            .expect("the configuration has checked the ranges");
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let concurrent = if config.concurrent == 0 { processors } else { config.concurrent };
        Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone()),
            params,
            running: Arc::new(Semaphore::new(concurrent)),
            queue: Semaphore::new(concurrent + QUEUE),
        }
    }

    /// Compares a typed password with the stored hash. Without one it takes the same time and differs.
    pub async fn check(
        &self,
        password: Zeroizing<String>,
        stored: Option<PasswordHash>,
    ) -> Result<PasswordCheck, Failure> {
        let (argon2, params) = (self.argon2.clone(), self.params.clone());
        self.run(move || {
            if let Some(stored) = stored {
                compare(&argon2, &params, &password, &stored)
            } else {
                let mut out = Zeroizing::new([0; 32]);
                let hashed = argon2.hash_password_into(password.as_bytes(), &[0; 16], &mut *out);
                hashed.map(|()| PasswordCheck::Differs).map_err(|e| Failure::internal(&e))
            }
        })
        .await
    }

    /// Judges a password that `username` is about to choose: looking it up among the common ones takes its time, too.
    pub async fn judge(
        &self,
        password: Zeroizing<String>,
        username: Username,
        email: Option<Email>,
    ) -> Result<Result<(), Weakness>, Failure> {
        self.run(move || Ok(domain::password::judge(&password, &username, email.as_ref()))).await
    }

    /// Hashes a password under a fresh salt of 16 bytes, as a PHC string.
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<PasswordHash, Failure> {
        let argon2 = self.argon2.clone();
        let salt: [u8; 16] = crate::random::bytes();
        self.run(move || {
            let phc: Phc =
                argon2.hash_password_with_salt(password.as_bytes(), &salt).map_err(|e| Failure::internal(&e))?;
            Ok(PasswordHash(phc.to_string()))
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let busy = || Failure::Unavailable { retry_after: 2 };
        let _place = self.queue.try_acquire().map_err(|_| busy())?;
        let turn = tokio::time::timeout(LONGEST_WAIT, Arc::clone(&self.running).acquire_owned()).await;
        let turn = turn.map_err(|_| busy())?.expect("the semaphore is never closed");
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work itself: a client that hangs up does not make room for more.
            let _turn = turn;
            work()
        });
        done.await.map_err(|e| Failure::internal(&e))?
    }
}

fn compare(
    argon2: &Argon2<'_>,
    wanted: &Params,
    password: &str,
    stored: &PasswordHash,
) -> Result<PasswordCheck, Failure> {
    let phc = Phc::new(&stored.0).map_err(|e| Failure::internal(&e))?;
    if argon2.verify_password(password.as_bytes(), &phc).is_err() {
        return Ok(PasswordCheck::Differs);
    }
    let used = Params::try_from(&phc).map_err(|e| Failure::internal(&e))?;
    let cost = |p: &Params| (p.m_cost(), p.t_cost(), p.p_cost());
    let current = cost(&used) == cost(wanted) && phc.algorithm.as_str() == "argon2id";
    Ok(if current { PasswordCheck::Matches } else { PasswordCheck::MatchesOutdated })
}

/// Most logins that wait for their turn; one more is answered 503.
const QUEUE: usize = 128;

/// How long one of them waits at most.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
