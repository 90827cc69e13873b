//! Many tokens, looked at in an order that no processor foresees, by one thread and by two at once.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use token::{Claims, Expectation, KeySet, Profile, Secret, SigningKey};
use verifier::Checker;

use crate::support::{NOW, claims, expectation};

pub(crate) fn tokens() {
    for count in [1, 1_000, 100_000, 1_000_000] {
        let bench = Bench::new(count);
        let alone = bench.median(0);
        let (both, other) = bench.side_by_side();
        let scaling = alone / both + alone / other;
        println!(
            "{count} distinct tokens: {alone:.0} ns; two threads at once: {both:.0} and {other:.0} ns, ×{scaling:.2}"
        );
    }
}

struct Bench {
    checker: Checker,
    tokens: Vec<String>,
}

impl Bench {
    fn new(count: usize) -> Self {
        let secret = Secret::new(b"9bT!kq2v#Lw8zR4mXc7pY0sNd5fHg1jU".to_vec()).unwrap();
        // Signed with a shared secret, because a million other signatures would take a while.
        let key = SigningKey::from_secret(&secret);
        let mut keys = KeySet::new();
        keys.insert(key.verifying_key()).unwrap();
        let expect: Expectation = expectation();
        let tokens = (0..count as u128).map(|n| token::sign(&key, Profile::Rfc9068, &numbered(n)));
        // With room to spare, so that nothing gives way.
        let bench = Self { checker: Checker::new(expect, keys, count * 3 / 2 + 1_000), tokens: tokens.collect() };
        for token in &bench.tokens {
            bench.checker.verify(token, NOW).unwrap();
        }
        assert_eq!(bench.checker.cached(), count);
        bench
    }

    /// Nanoseconds for one check. A request has just read its token, so that it is at hand; what is remembered of it is not.
    fn median(&self, seed: u64) -> f64 {
        let mut random = Random(seed * 2 + 1);
        let mut at_hand: [String; BATCH] = std::array::from_fn(|_| String::new());
        let mut batches: Vec<f64> = (0..BATCHES)
            .map(|_| {
                for token in &mut at_hand {
                    token.clear();
                    token.push_str(&self.tokens[random.below(self.tokens.len())]);
                }
                let start = Instant::now();
                for token in &at_hand {
                    black_box(self.checker.verify(black_box(token), NOW)).unwrap();
                }
                start.elapsed().as_secs_f64() * 1e9 / BATCH as f64
            })
            .collect();
        batches.sort_by(f64::total_cmp);
        // The middle one does not see when another program had the processor.
        batches[BATCHES / 2]
    }

    fn side_by_side(&self) -> (f64, f64) {
        let start = Barrier::new(2);
        let run = |seed| {
            start.wait();
            self.median(seed)
        };
        thread::scope(|scope| {
            let other = scope.spawn(|| run(1));
            (run(2), other.join().unwrap())
        })
    }
}

/// Claims of a user and a session of their own.
fn numbered(n: u128) -> Claims {
    let id = format!("0190a5c4-7d2e-7000-8000-{n:012x}");
    Claims { sub: id.clone(), jti: id, ..claims((n + 1).to_be_bytes()) }
}

/// An order that cannot be foreseen, and is the same each time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

const BATCH: usize = 32;
const BATCHES: usize = 20_000;
