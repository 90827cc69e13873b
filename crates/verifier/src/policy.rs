//! What a route demands of who is asking, beyond a credential that stands.

use std::time::Duration;

use crate::clock::millis;
use crate::{Authenticated, Kind};

/// The demands of a route. Without any, whoever is authenticated may come in.
///
/// ```
/// use std::time::Duration;
/// use verifier::Policy;
/// let policy = Policy::new().role("accountant").scope("invoices:write").authenticated_within(Duration::from_mins(10));
/// # let _ = policy;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Policy {
    roles: Vec<Vec<String>>,
    scopes: Vec<String>,
    authenticated_within: Option<Duration>,
    only: Option<Kind>,
    when_stale: WhenStale,
}

/// What becomes of a credential that stands, as far as is known, when too little is known: the issuer has not told for longer
/// than the bound what was withdrawn. Only while [following](crate::Connect::follow) the issuer's revocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WhenStale {
    /// 401 `stale`: the client refreshes, and the new token itself proves that its session was live a moment ago. So service
    /// goes on for clients that can reach the issuer, although this process cannot. About a cookie the issuer is asked.
    #[default]
    Refresh,
    /// 503, until the issuer tells again.
    Deny,
    /// The issuer is asked about this one session.
    Introspect,
    /// It is accepted until it expires, for minutes after a logout. Counted and logged.
    UntilExp,
}

/// The demand that was not met. Logging in again helps against [`Unmet::TooLongAgo`] alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unmet {
    /// The user has none of the roles.
    #[error("this needs the role {}", .0.join(" or "))]
    Role(Vec<String>),
    /// The client was not granted these scopes, all of which are needed (RFC 6749 §3.3).
    #[error("this needs the scope {}", .0.join(" "))]
    Scope(Vec<String>),
    /// The user proved who they are longer ago than so many seconds (RFC 9470).
    #[error("this needs a login within the last {0} seconds")]
    TooLongAgo(u64),
    /// The other kind of credential is needed.
    #[error("this takes {}", match .0 { Kind::Token => "an access token, not a cookie", Kind::Cookie => "a session cookie, not an access token" })]
    Kind(Kind),
}

impl Policy {
    /// No demands beyond a credential that stands.
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands a role. Of several calls, all must be met.
    #[must_use]
    pub fn role(self, role: impl Into<String>) -> Self {
        self.any_role([role])
    }

    /// Demands one of several roles.
    #[must_use]
    pub fn any_role<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles.push(roles.into_iter().map(Into::into).collect());
        self
    }

    /// Demands that the client was granted a scope. A cookie carries none: it is nobody's delegate. Of several calls, all
    /// must be met.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Demands that the user has proved who they are so lately. A refresh proves nothing.
    #[must_use]
    pub fn authenticated_within(mut self, age: Duration) -> Self {
        self.authenticated_within = Some(age);
        self
    }

    /// Takes one kind of credential only.
    #[must_use]
    pub fn only(mut self, kind: Kind) -> Self {
        self.only = Some(kind);
        self
    }

    /// Says what happens while too little is known of what was withdrawn.
    #[must_use]
    pub fn when_stale(mut self, what: WhenStale) -> Self {
        self.when_stale = what;
        self
    }

    #[cfg_attr(not(feature = "tower"), expect(dead_code, reason = "it is the layers that ask"))]
    pub(crate) fn stale(&self) -> WhenStale {
        self.when_stale
    }

    /// Judges somebody at a moment in unix milliseconds, with so much tolerance for clocks that differ.
    pub(crate) fn judge(&self, who: &Authenticated, now_ms: i64, leeway_seconds: u32) -> Result<(), Unmet> {
        if let Some(kind) = self.only.filter(|kind| *kind != who.kind()) {
            return Err(Unmet::Kind(kind));
        }
        if let Some(roles) = self.roles.iter().find(|roles| !roles.iter().any(|role| who.has_role(role))) {
            return Err(Unmet::Role(roles.clone()));
        }
        if self.scopes.iter().any(|scope| !who.has_scope(scope)) {
            return Err(Unmet::Scope(self.scopes.clone()));
        }
        let Some(age) = self.authenticated_within else { return Ok(()) };
        let latest = millis(age).saturating_add(i64::from(leeway_seconds) * 1000);
        match who.claims().auth_time {
            Some(at) if now_ms.saturating_sub(at.saturating_mul(1000)) <= latest => Ok(()),
            _ => Err(Unmet::TooLongAgo(age.as_secs())),
        }
    }
}
