//! Waiting between two tries.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Pauses between tries: longer each time, and never the same for two verifiers.
#[derive(Default)]
pub(super) struct Pause(u32);

impl Pause {
    /// The next one, at most so long.
    pub(super) fn next(&mut self, longest: Duration) -> Duration {
        let pause = (FIRST_PAUSE * (1 << self.0.min(16))).min(longest);
        self.0 = self.0.saturating_add(1);
        let random = RandomState::new().build_hasher().finish() % 1_000;
        pause.saturating_sub(pause * u32::try_from(random).unwrap_or(0) / 2_000)
    }
}

#[expect(clippy::disallowed_methods, reason = "there is no event that ends a pause")]
pub(super) async fn rest(time: Duration) {
    tokio::time::sleep(time).await;
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);
