//! `[passwords]`: what one Argon2id hash costs, and how many are computed at once.

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Argon2id parameters (RFC 9106). The defaults are OWASP's floor; lower ones are refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Passwords {
    /// Memory per hash, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// Most hashes computed at the same time; 0 means one per processor.
    pub concurrent: usize,
}

impl Passwords {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let floor = self.memory_kib >= 19_456 && self.iterations >= 2 && self.parallelism >= 1;
        let ceiling = self.memory_kib <= 1_048_576 && self.iterations <= 20 && self.parallelism <= 16;
        if !floor || !ceiling || self.concurrent > 256 {
            return Err(ConfigError(
                "passwords: memory_kib must be 19456 to 1048576, iterations 2 to 20, parallelism 1 to 16, \
                 concurrent at most 256"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self { memory_kib: 19_456, iterations: 2, parallelism: 1, concurrent: 0 }
    }
}
