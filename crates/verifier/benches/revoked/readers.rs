//! Threads that check one credential after the other, none foreseeable, in windows short enough to lie between two interruptions.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use verifier::{Marks, Revocation, Revoked};

pub(crate) struct Readers<'a> {
    revoked: &'a Revoked,
    has_user: bool,
}

impl<'a> Readers<'a> {
    pub(crate) fn new(revoked: &'a Revoked, has_user: bool) -> Self {
        Self { revoked, has_user }
    }

    /// Nanoseconds to find that somebody is not revoked.
    pub(crate) fn strange(&self) -> f64 {
        middle(self.windows(1, UNKNOWN, false, &IDLE, &IDLE).iter().map(|window| window.nanoseconds))
    }

    /// Nanoseconds to find that somebody is revoked, of so many that are.
    pub(crate) fn known(&self, entries: u64) -> f64 {
        middle(self.windows(1, 0..entries, true, &IDLE, &IDLE).iter().map(|window| window.nanoseconds))
    }

    pub(crate) fn side_by_side(&self) -> String {
        let (start, progress) = (Barrier::new(2), [const { AtomicU64::new(0) }; 2]);
        let run = |own: usize| {
            start.wait();
            let windows = self.windows(own as u64 + 1, UNKNOWN, false, &progress[own], &progress[1 - own]);
            // While both had a processor: as far as the other got, so far did this one, more or less.
            let together = windows.iter().filter(|window| matches!(window.progress_of_other, 1..=2));
            middle(together.map(|window| window.nanoseconds))
        };
        let (one, other) = thread::scope(|scope| {
            let other = scope.spawn(|| run(1));
            (run(0), other.join().unwrap())
        });
        let alone = self.strange();
        if (one + other).is_nan() {
            return "they never had a processor each".to_owned();
        }
        format!("{one:.1} and {other:.1} ns, ×{:.2}", alone / one + alone / other)
    }

    pub(crate) fn beside_a_writer(&self, entry: impl Fn(u64) -> Revocation + Sync) -> String {
        let is_over = AtomicBool::new(false);
        let (progress, before) = (AtomicU64::new(0), self.strange());
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let (_never_sent, tick) = mpsc::channel::<()>();
                while !is_over.load(Ordering::Relaxed) {
                    let n = progress.fetch_add(1, Ordering::Relaxed);
                    self.revoked.insert(&entry(n), 0);
                    tick.recv_timeout(Duration::from_millis(2)).unwrap_err();
                }
            });
            let windows = self.windows(1, UNKNOWN, false, &IDLE, &progress);
            is_over.store(true, Ordering::Relaxed);
            writer.join().unwrap();
            let disturbed = windows.iter().filter(|window| window.progress_of_other > 0);
            format!(
                "{:.1} ns, in the windows with an insertion {:.1}, without a writer {before:.1}; {} inserted",
                middle(windows.iter().map(|window| window.nanoseconds)),
                middle(disturbed.map(|window| window.nanoseconds)),
                progress.load(Ordering::Relaxed),
            )
        })
    }

    fn windows(
        &self,
        seed: u64,
        among: std::ops::Range<u64>,
        expected: bool,
        progress: &AtomicU64,
        other: &AtomicU64,
    ) -> Vec<Window> {
        let mut random = Random(seed);
        let mut window = || {
            let (from, start) = (other.load(Ordering::Relaxed), Instant::now());
            for _ in 0..WINDOW {
                let (sid, user) = ids(among.start + random.below(among.end - among.start));
                let marks = Marks {
                    sid,
                    user: self.has_user.then_some(user),
                    uep: 0,
                    rat: 0,
                    kid: Some("a kid"),
                    client_id: None,
                };
                assert_eq!(self.revoked.is_revoked(black_box(&marks)), expected);
            }
            let nanoseconds = start.elapsed().as_secs_f64() * 1e9 / f64::from(WINDOW);
            progress.fetch_add(1, Ordering::Relaxed);
            Window { nanoseconds, progress_of_other: other.load(Ordering::Relaxed) - from }
        };
        let began = Instant::now();
        std::iter::from_fn(|| (began.elapsed() < SPAN).then(&mut window)).collect()
    }
}

/// The loop without what is measured.
pub(crate) fn floor() -> f64 {
    let mut random = Random(1);
    let window = |_| {
        let start = Instant::now();
        for _ in 0..WINDOW {
            let (sid, _) = ids(random.below(1 << 40));
            black_box(&Marks { sid, user: None, uep: 0, rat: 0, kid: Some("a kid"), client_id: None });
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(WINDOW)
    };
    middle((0..10_000).map(window))
}

/// The ids of the session and the user of a number, without any likeness between those of two numbers.
pub(crate) fn ids(n: u64) -> ([u8; 16], [u8; 16]) {
    let id = |salt: u64| (u128::from(n.wrapping_add(salt)) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes();
    (id(1), id(1 << 50))
}

struct Window {
    /// Of one check.
    nanoseconds: f64,
    /// How many windows the other thread went through meanwhile, or entries it inserted.
    progress_of_other: u64,
}

/// The one in the middle, which does not see when another program had the processor.
fn middle(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// An order that cannot be foreseen, and is the same each time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

static IDLE: AtomicU64 = AtomicU64::new(0);
/// Numbers whose ids nobody has revoked.
const UNKNOWN: std::ops::Range<u64> = 1 << 32..1 << 48;
const WINDOW: u32 = 1_000;
const SPAN: Duration = Duration::from_secs(1);
