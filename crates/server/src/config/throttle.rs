//! `[throttle]`: how many failed logins are allowed before one has to wait.

use domain::Span;
use domain::throttle::Limit;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Limits on failed logins. A success gives its try back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Throttle {
    /// Failures in a row on one account.
    pub account_burst: u32,
    /// How long until one of them is forgiven.
    pub account_every: Span,
    /// Failures in a row from one address (IPv6: one /64), whatever the accounts.
    pub address_burst: u32,
    /// How long until one of them is forgiven.
    pub address_every: Span,
}

impl Throttle {
    /// The limit per account.
    pub fn account(&self) -> Limit {
        Limit { burst: self.account_burst, every: self.account_every }
    }

    /// The limit per address.
    pub fn address(&self) -> Limit {
        Limit { burst: self.address_burst, every: self.address_every }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let bounded = |limit: Limit, most| (1..=most).contains(&limit.burst) && limit.every >= Span(1);
        if bounded(self.account(), 100) && bounded(self.address(), 100_000) {
            return Ok(());
        }
        Err(ConfigError(
            "throttle: account_burst must be 1 to 100 and address_burst 1 to 100000, each with an interval above zero"
                .to_owned(),
        ))
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self { account_burst: 10, account_every: Span::minutes(1), address_burst: 60, address_every: Span::seconds(5) }
    }
}
