//! Many tokens, looked at in an order that no processor foresees.

use std::hint::black_box;
use std::time::Duration;

use token::{Claims, KeySet, Profile, Secret, SigningKey};
use verifier::Checker;

use crate::support::{NOW, claims, expectation};
use crate::threads::{BATCH, timed};

/// Tokens, and a checker that has seen each of them.
pub(crate) struct Tokens {
    pub(crate) checker: Checker,
    tokens: Vec<String>,
}

impl Tokens {
    pub(crate) fn new(count: usize) -> Self {
        let secret = Secret::new(b"9bT!kq2v#Lw8zR4mXc7pY0sNd5fHg1jU".to_vec()).unwrap();
        // Signed with a shared secret, because a million other signatures would take a while.
        let key = SigningKey::from_secret(&secret);
        let mut keys = KeySet::new();
        keys.insert(key.verifying_key()).unwrap();
        let tokens = (0..count as u128).map(|n| token::sign(&key, Profile::Rfc9068, &numbered(n)));
        // With room to spare, so that nothing gives way.
        let checker = Checker::new(expectation(), keys, count * 3 / 2 + 1_000);
        let all = Self { checker, tokens: tokens.collect() };
        for token in &all.tokens {
            all.checker.verify(token, NOW).unwrap();
        }
        assert_eq!(all.checker.cached(), count);
        all
    }

    /// Checks that borrow the claims.
    pub(crate) fn checks(&self, seed: u64) -> impl FnMut() -> Duration {
        self.batches(seed, |token| {
            black_box(self.checker.check(black_box(token), NOW, |claims| claims.sid)).unwrap();
        })
    }

    /// Checks that share the claims.
    pub(crate) fn verifications(&self, seed: u64) -> impl FnMut() -> Duration {
        self.batches(seed, |token| {
            black_box(self.checker.verify(black_box(token), NOW)).unwrap();
        })
    }

    /// A request has just read its token, so that it is at hand; what is remembered of it is not.
    fn batches(&self, seed: u64, check: impl Fn(&str)) -> impl FnMut() -> Duration {
        let mut random = Random::new(seed);
        let mut at_hand: [String; BATCH] = std::array::from_fn(|_| String::new());
        move || {
            for token in &mut at_hand {
                token.clear();
                token.push_str(&self.tokens[random.next() as usize % self.tokens.len()]);
            }
            timed(|| at_hand.iter().for_each(|token| check(token)))
        }
    }
}

/// Claims of a user and a session of their own.
fn numbered(n: u128) -> Claims {
    let id = format!("0190a5c4-7d2e-7000-8000-{n:012x}");
    Claims { sub: id.clone(), jti: id, ..claims((n + 1).to_be_bytes()) }
}

/// An order that cannot be foreseen, and is the same each time (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed * 2 + 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
