//! How much more two threads do than one where they share nothing: no more can be asked of threads that share a cache.

use std::hash::{BuildHasher, Hasher};
use std::hint::black_box;

use foldhash::fast::FixedState;

use crate::threads::{BATCH, measure, timed};
use crate::tokens::Random;

pub(crate) fn of_the_machine() {
    println!("{:<36} {}", "floor: work in registers", measure(|_| computing));
    println!("{:<36} {}", "floor: one read in own 256 MiB", measure(reading));
}

/// About as long as a check takes.
fn computing() -> std::time::Duration {
    timed(|| {
        for _ in 0..BATCH {
            let hash = (0..20).fold(1, |hash, _| {
                let mut hasher = FixedState::with_seed(hash).build_hasher();
                hasher.write_u64(black_box(hash));
                hasher.finish()
            });
            black_box(hash);
        }
    })
}

/// Reads that wait for memory, each for the one before.
fn reading(seed: u64) -> impl FnMut() -> std::time::Duration {
    let mut random = Random::new(seed);
    let numbers: Vec<u64> = (0..1 << 25).map(|_| random.next()).collect();
    let (mut at, mut n) = (0, 0);
    move || {
        timed(|| {
            for _ in 0..BATCH {
                // Counted on, or the reads would soon go in a circle that the processor's own memory holds.
                n += 1;
                at = (numbers[at] ^ n) as usize % numbers.len();
            }
            black_box(at);
        })
    }
}
