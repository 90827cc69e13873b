//! Measures work of one thread, and of two that do it at once.

use std::fmt;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// So many operations are timed together.
pub(crate) const BATCH: usize = 32;

pub(crate) fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Measures what `prepare` makes of a seed, for each thread its own: something that does a batch and says how long it took.
pub(crate) fn measure<W: FnMut() -> Duration>(prepare: impl Fn(u64) -> W + Sync) -> Measured {
    let alone = windows(prepare(1), &Progress::default(), &Progress::default());
    let alone = middle(alone.iter().map(|window| window.nanoseconds));
    Measured { alone, both: side_by_side(prepare) }
}

pub(crate) struct Measured {
    /// Nanoseconds of one operation.
    alone: f64,
    both: Option<(f64, f64)>,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alone = self.alone;
        match self.both {
            Some((one, other)) => {
                let times = alone / one + alone / other;
                write!(f, "{alone:4.0} ns; two threads at once {one:4.0} and {other:4.0} ns, ×{times:.2}")
            }
            None => write!(f, "{alone:4.0} ns; two threads never had a processor each"),
        }
    }
}

/// How many batches a thread has done; a line of memory of its own, so that counting disturbs nobody.
#[derive(Default)]
#[repr(align(128))]
struct Progress(AtomicU64);

/// Some batches in a row.
struct Window {
    nanoseconds: f64,
    /// How many batches the other thread did meanwhile.
    progress_of_other: u64,
}

/// Of two threads, while both had a processor: as far as the other got, so far did this one, more or less.
fn side_by_side<W: FnMut() -> Duration>(prepare: impl Fn(u64) -> W + Sync) -> Option<(f64, f64)> {
    let (start, progress) = (Barrier::new(2), [const { Progress(AtomicU64::new(0)) }; 2]);
    let run = |own: usize| {
        let work = prepare(own as u64 + 2);
        start.wait();
        let windows = windows(work, &progress[own], &progress[1 - own]);
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

fn windows(mut work: impl FnMut() -> Duration, progress: &Progress, other: &Progress) -> Vec<Window> {
    let mut window = || {
        let from = other.0.load(Ordering::Relaxed);
        let batch = |_| {
            let time = work();
            progress.0.fetch_add(1, Ordering::Relaxed);
            time
        };
        let time: Duration = (0..WINDOW).map(batch).sum();
        let nanoseconds = time.as_secs_f64() * 1e9 / (BATCH as f64 * WINDOW as f64);
        Window { nanoseconds, progress_of_other: other.0.load(Ordering::Relaxed) - from }
    };
    let began = Instant::now();
    std::iter::from_fn(|| (began.elapsed() < SPAN).then(&mut window)).collect()
}

/// The one in the middle, which does not see when another program had the processor.
fn middle(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

const WINDOW: u64 = 20;
/// So long that even on a busy machine two threads have a processor each at some time.
const SPAN: Duration = Duration::from_secs(2);
