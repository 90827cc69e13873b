//! `[session]`: how long a session lasts.

use domain::Span;
use domain::revocation::LONGEST_ACCESS_LIFETIME;
use domain::session::Timeouts;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The two timeouts of a session, both enforced by the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionConfig {
    /// Ends after this long without use.
    pub idle: Span,
    /// Ends this long after login, used or not.
    pub absolute: Span,
    /// For how long after it was ended a credential may still be accepted by a node that cannot ask the database. After
    /// that the node admits nobody until it can.
    pub bound: Span,
}

impl SessionConfig {
    /// As the domain takes them.
    pub fn timeouts(&self) -> Timeouts {
        Timeouts { idle: self.idle, absolute: self.absolute }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.idle < Span::minutes(1) || self.absolute < self.idle || self.absolute > Span::days(365) {
            return Err(ConfigError(format!(
                "session: idle ({}) must be at least 1m and at most absolute ({}), which must be at most 365d",
                self.idle, self.absolute
            )));
        }
        if self.bound < Span::seconds(1) || self.bound > LONGEST_ACCESS_LIFETIME {
            return Err(ConfigError(format!(
                "session: bound ({}) must be at least 1s and at most {LONGEST_ACCESS_LIFETIME}",
                self.bound
            )));
        }
        Ok(())
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self { idle: Span::hours(24), absolute: Span::days(14), bound: Span::seconds(5) }
    }
}
