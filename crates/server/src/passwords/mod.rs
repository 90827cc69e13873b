//! Password hashing with Argon2id (RFC 9106): off the async threads, and only so many at once.

mod argon;

use std::sync::Arc;
use std::time::Duration;

use argon2::Params;
use domain::login::PasswordCheck;
use domain::password::Weakness;
use domain::{Email, PasswordHash, Username};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::config;
use crate::failure::Failure;
use argon::Argon;

/// Hashes and checks passwords. Work beyond the bound waits its turn; beyond the queue it is turned away.
pub struct Passwords {
    argon: Arc<Argon>,
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
            argon: Arc::new(Argon::new(params)),
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
        self.run(move |argon| {
            let checked = match stored {
                Some(stored) => argon.compare(&password, &stored),
                None => argon.compare_with_nothing(&password),
            };
            checked.map_err(|e| Failure::internal(&e))
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
        self.run(move |_| Ok(domain::password::judge(&password, &username, email.as_ref()))).await
    }

    /// Hashes a password under a fresh salt of 16 bytes, as a PHC string.
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<PasswordHash, Failure> {
        self.run(move |argon| argon.hash(&password, &crate::random::bytes()).map_err(|e| Failure::internal(&e))).await
    }

    /// Gives back the memory that hashing has borrowed, unless it is in use.
    pub fn rest(&self) {
        self.argon.rest();
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let busy = || Failure::Unavailable { retry_after: 2 };
        let _place = self.queue.try_acquire().map_err(|_| busy())?;
        let turn = tokio::time::timeout(LONGEST_WAIT, Arc::clone(&self.running).acquire_owned()).await;
        let turn = turn.map_err(|_| busy())?.expect("the semaphore is never closed");
        let argon = Arc::clone(&self.argon);
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work itself: a client that hangs up does not make room for more.
            let _turn = turn;
            work(&argon)
        });
        done.await.map_err(|e| Failure::internal(&e))?
    }
}

/// Most logins that wait for their turn; one more is answered 503.
const QUEUE: usize = 128;

/// How long one of them waits at most.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
