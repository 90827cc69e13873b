//! `[signup]`: whether people may make their own accounts.

use serde::{Deserialize, Serialize};

/// Self-service sign-up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Signup {
    /// Whether the page exists.
    pub enabled: bool,
}

impl Default for Signup {
    fn default() -> Self {
        Self { enabled: true }
    }
}
