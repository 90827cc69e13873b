//! Password hashing with Argon2id (RFC 9106): off the async threads, and only so many at once.

mod argon;
mod hashers;

use std::time::Duration;

use argon2::Params;
use domain::login::PasswordCheck;
use domain::password::Weakness;
use domain::{Email, PasswordHash, Username};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::config;
use crate::failure::Failure;
use argon::Argon;
use hashers::Hashers;

/// Hashes and checks passwords. Work beyond the bound waits its turn; beyond the queue it is turned away.
pub struct Passwords(Hashers);

impl Passwords {
    /// Ready to hash with the configured cost.
    pub fn new(config: &config::Passwords) -> Self {
        let params = Params::new(config.memory_kib, config.iterations, config.parallelism, None)
            .expect("the configuration has checked the ranges");
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let concurrent = if config.concurrent == 0 { processors } else { config.concurrent };
        Self(Hashers::new(concurrent, move || Argon::new(params.clone())))
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

    /// Judges a password that `username` is about to choose: looking it up among the common ones takes its time, too. Nobody
    /// waits for being told that it is too short or too long.
    pub async fn judge(
        &self,
        password: Zeroizing<String>,
        username: Username,
        email: Option<Email>,
    ) -> Result<Result<(), Weakness>, Failure> {
        if let Err(weakness) = domain::password::measure(&password) {
            return Ok(Err(weakness));
        }
        self.run(move |_| Ok(domain::password::judge(&password, &username, email.as_ref()))).await
    }

    /// Hashes a password under a fresh salt of 16 bytes, as a PHC string.
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<PasswordHash, Failure> {
        self.run(move |argon| argon.hash(&password, &crate::random::bytes()).map_err(|e| Failure::internal(&e))).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Argon) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let busy = || Failure::Unavailable { retry_after: 2 };
        let (reply, done) = oneshot::channel();
        let asked = self.0.ask(Box::new(move |argon| {
            // A client that has hung up in the meantime is not worked for.
            if !reply.is_closed() {
                let _ = reply.send(work(argon));
            }
        }));
        if !asked {
            return Err(busy());
        }
        let answer = tokio::time::timeout(LONGEST_WAIT, done).await.map_err(|_| busy())?;
        answer.map_err(|_| Failure::internal(&"a hashing job panicked"))?
    }
}

/// How long a login waits at most, its own hash included.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
