//! The check itself: cached or not, a token is admitted only if it is neither expired nor revoked now.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use token::{Claims, Expectation, KeySet, Room};

use crate::cache::{Entry, Verified};
use crate::{Refused, Revoked};

/// Verifies access tokens from memory. Share one among all threads.
pub struct Checker {
    expect: Expectation,
    keys: ArcSwap<Keys>,
    /// The generation of the keys in force; entries of the cache from another one do not count.
    generation: AtomicU64,
    replacing: Mutex<()>,
    cache: Verified,
    revoked: Revoked,
}

struct Keys {
    set: KeySet,
    generation: u64,
}

impl Checker {
    /// Demands what `expect` says, trusts `keys`, remembers about `cache_capacity` verified tokens.
    ///
    /// ```
    /// use token::{Expectation, KeySet, Profile};
    /// let expect = Expectation::new(Profile::Rfc9068, "https://id.example", "https://api.example");
    /// let checker = verifier::Checker::new(expect, KeySet::new(), 10_000);
    /// assert_eq!(checker.verify("x", 0).unwrap_err().code(), "segments");
    /// ```
    pub fn new(expect: Expectation, keys: KeySet, cache_capacity: usize) -> Self {
        let revoked = Revoked::new(Revoked::CAPACITY, expect.leeway_seconds());
        Self {
            expect,
            keys: ArcSwap::from_pointee(Keys { set: keys, generation: 0 }),
            generation: AtomicU64::new(0),
            replacing: Mutex::new(()),
            cache: Verified::new(cache_capacity),
            revoked,
        }
    }

    /// Verifies a token at a moment in unix milliseconds, and lends its claims. The signature of a token seen before is not
    /// checked again; its times and its revocation always are.
    ///
    /// For a token seen before this takes no lock and writes nothing that other threads read, so that any number of them may
    /// present the same one at once.
    ///
    /// ```
    /// use token::{Expectation, KeySet, Profile};
    /// let expect = Expectation::new(Profile::Rfc9068, "https://id.example", "https://api.example");
    /// let checker = verifier::Checker::new(expect, KeySet::new(), 10_000);
    /// let is_admin = checker.check("x", 0, |claims| claims.roles.iter().any(|role| role == "admin"));
    /// assert_eq!(is_admin.unwrap_err().code(), "segments");
    /// ```
    pub fn check<R>(&self, token: &str, now_ms: i64, read: impl FnOnce(&Claims) -> R) -> Result<R, Refused> {
        self.check_shared(token, now_ms, |claims| read(claims))
    }

    /// As [`Self::check`], for whoever keeps the claims: they are shared, and counting who shares them is the one thing that
    /// threads with the same token wait for.
    pub fn verify(&self, token: &str, now_ms: i64) -> Result<Arc<Claims>, Refused> {
        self.check_shared(token, now_ms, Arc::clone)
    }

    /// Trusts these keys from now on, and no others: a token whose key is gone is refused although it was cached.
    ///
    /// ```
    /// use token::{Expectation, KeySet, Profile};
    /// let expect = Expectation::new(Profile::Rfc9068, "https://id.example", "https://api.example");
    /// let checker = verifier::Checker::new(expect, KeySet::new(), 10_000);
    /// checker.replace_keys(KeySet::from_jwks(br#"{"keys":[]}"#)?);
    /// # Ok::<(), token::KeySetRefused>(())
    /// ```
    pub fn replace_keys(&self, keys: KeySet) {
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.generation.load(Ordering::Acquire) + 1;
        self.keys.store(Arc::new(Keys { set: keys, generation }));
        // Entries of older generations no longer count; they give way as others are inserted.
        self.generation.store(generation, Ordering::Release);
    }

    /// What has been revoked: insert here, and it holds for the next check.
    pub fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// What is demanded of a token.
    pub fn expectation(&self) -> &Expectation {
        &self.expect
    }

    /// How many verified tokens are remembered.
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    #[inline]
    fn check_shared<R>(&self, token: &str, now_ms: i64, read: impl FnOnce(&Arc<Claims>) -> R) -> Result<R, Refused> {
        let address = self.cache.address(token);
        if let Some(entry) = self.cache.lookup(address, token)
            && entry.generation == self.generation.load(Ordering::Acquire)
        {
            self.judge(&entry, now_ms).inspect_err(|_| self.cache.remove(address, token))?;
            return Ok(read(&entry.claims));
        }
        let entry = self.verify_anew(token, now_ms)?;
        let answer = read(&entry.claims);
        self.cache.insert(address, token, entry);
        Ok(answer)
    }

    #[cold]
    fn verify_anew(&self, token: &str, now_ms: i64) -> Result<Entry, Refused> {
        let keys = self.keys.load();
        let mut room = Room::new();
        // As it is judged when it has been remembered: by no earlier clock than entries were expired at.
        let now_ms = now_ms.max(self.revoked.horizon());
        let verified = token::verify_in(&mut room, token, &keys.set, &self.expect, now_ms)?;
        let key = verified.key();
        let entry = Entry::new(verified.into_claims(), key.kid(), &self.expect, keys.generation);
        self.judge(&entry, now_ms)?;
        Ok(entry)
    }

    /// What is asked on every check.
    fn judge(&self, entry: &Entry, now_ms: i64) -> Result<(), Refused> {
        let is_revoked = self.revoked.is_revoked(&entry.marks());
        // A clock that stepped back must not revive what the set has dropped as expired. The horizon is read after the
        // set: an entry that was missed because it had been dropped is then expired here.
        token::judge_life(&entry.life, now_ms.max(self.revoked.horizon()))?;
        if is_revoked { Err(Refused::Revoked) } else { Ok(()) }
    }
}
