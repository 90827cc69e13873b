//! What a password hash costs by itself.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, Version};

/// Hashes per second on all processors at the default cost, with nothing else to do.
pub fn hashes_per_second(span: Duration) -> f64 {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let began = Instant::now();
    let counts = std::thread::scope(|scope| {
        let hash = || {
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19_456, 2, 1, None).unwrap());
            let mut count = 0;
            while began.elapsed() < span {
                argon2.hash_password_into(b"six quiet otters swim", &[7; 16], &mut [0; 32]).unwrap();
                count += 1;
            }
            count
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(hash)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>()
    });
    f64::from(counts) / began.elapsed().as_secs_f64()
}
