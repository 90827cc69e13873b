//! Many tokens, looked at in an order that no processor foresees, by one thread and by two at once.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use token::{Claims, Expectation, KeySet, Profile, Secret, SigningKey};
use verifier::Checker;

use crate::support::{NOW, claims, expectation};

pub(crate) fn tokens() {
    for count in [1, 1_000, 100_000, 1_000_000] {
        let bench = Bench::new(count);
        let alone = bench.alone();
        let both = bench.side_by_side().map(|(one, other)| {
            format!("two threads at once {one:.0} and {other:.0} ns, ×{:.2}", alone / one + alone / other)
        });
        let both = both.unwrap_or_else(|| "two threads never had a processor each".to_owned());
        println!("{count} distinct tokens: {alone:.0} ns; {both}");
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

    fn alone(&self) -> f64 {
        let windows = self.windows(1, &AtomicU64::new(0), &AtomicU64::new(0));
        middle(windows.iter().map(|window| window.nanoseconds))
    }

    /// Of two threads, while both had a processor: as far as the other got, so far did this one, more or less.
    fn side_by_side(&self) -> Option<(f64, f64)> {
        let (start, progress) = (Barrier::new(2), [const { AtomicU64::new(0) }; 2]);
        let run = |own: usize| {
            start.wait();
            let windows = self.windows(own as u64 + 1, &progress[own], &progress[1 - own]);
            let together = windows.iter().filter(|window| (WINDOW / 2..WINDOW * 2).contains(&window.progress_of_other));
            let times: Vec<f64> = together.map(|window| window.nanoseconds).collect();
            (times.len() > 20).then(|| middle(times.into_iter()))
        };
        thread::scope(|scope| {
            let other = scope.spawn(|| run(1));
            let own = run(0);
            own.zip(other.join().unwrap())
        })
    }

    /// A request has just read its token, so that it is at hand; what is remembered of it is not.
    fn windows(&self, seed: u64, progress: &AtomicU64, other: &AtomicU64) -> Vec<Window> {
        let mut random = Random(seed * 2 + 1);
        let mut at_hand: [String; BATCH] = std::array::from_fn(|_| String::new());
        let mut window = || {
            let (from, mut time) = (other.load(Ordering::Relaxed), Duration::ZERO);
            for _ in 0..WINDOW {
                for token in &mut at_hand {
                    token.clear();
                    token.push_str(&self.tokens[random.below(self.tokens.len())]);
                }
                let start = Instant::now();
                for token in &at_hand {
                    black_box(self.checker.verify(black_box(token), NOW)).unwrap();
                }
                time += start.elapsed();
                progress.fetch_add(1, Ordering::Relaxed);
            }
            let nanoseconds = time.as_secs_f64() * 1e9 / (BATCH as f64 * WINDOW as f64);
            Window { nanoseconds, progress_of_other: other.load(Ordering::Relaxed) - from }
        };
        let began = Instant::now();
        std::iter::from_fn(|| (began.elapsed() < SPAN).then(&mut window)).collect()
    }
}

/// Some batches in a row.
struct Window {
    /// Of one check.
    nanoseconds: f64,
    /// How many batches the other thread did meanwhile.
    progress_of_other: u64,
}

/// The one in the middle, which does not see when another program had the processor.
fn middle(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
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
const WINDOW: u64 = 20;
/// So long that even on a busy machine two threads have a processor each at some time.
const SPAN: Duration = Duration::from_secs(2);
