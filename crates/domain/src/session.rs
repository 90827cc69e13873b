//! Sessions: one login on one device, its timeouts, and whether it still stands.

use std::net::IpAddr;

use crate::{Account, CookieHash, SessionId, Span, UnixMillis, UserId};

/// One login on one device, as stored.
#[derive(Clone)]
pub struct Session {
    /// The unit of revocation.
    pub session_id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// Half of the hash of the cookie secret; absent for a session that was only ever given tokens.
    pub cookie_hash: Option<CookieHash>,
    /// When it began.
    pub created_at: UnixMillis,
    /// When the user last proved who they are (`auth_time`, OpenID Connect Core §2).
    pub authenticated_at: UnixMillis,
    /// When it was last used, at most [`SEEN_INTERVAL`] behind.
    pub seen_at: UnixMillis,
    /// When it ends unless it is used again.
    pub idle_expires_at: UnixMillis,
    /// When it ends in any case.
    pub expires_at: UnixMillis,
    /// How the user proved who they are (RFC 8176), such as `pwd`.
    pub amr: Vec<String>,
    /// What was kept of the client's `User-Agent`, at most 256 bytes ([`crate::device::marks`]).
    pub user_agent: String,
    /// Where the login came from.
    pub ip: IpAddr,
    /// The user's epoch when the session began, or when it last went on in spite of a higher one.
    pub epoch_at_issue: u64,
    /// When the last access token issued under it expires, or up to a minute later; [`UnixMillis`] zero if there was none.
    pub max_access_exp: UnixMillis,
    /// When and why it ended.
    pub ended: Option<(UnixMillis, EndedWhy)>,
}

/// How a session came to its end. The texts are stored and shown in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedWhy {
    /// The user logged out on this device.
    Logout,
    /// The user ended it from another device.
    EndedByUser,
    /// An administrator ended it, or everything that stood at a moment.
    EndedByAdmin,
    /// A new login in the same browser took its place.
    Replaced,
    /// A refresh token was used that had been used before.
    RefreshReuse,
    /// An idle or absolute timeout passed.
    Expired,
    /// The user's epoch was raised: the password changed, or the account was disabled.
    AccountChanged,
}

/// The lengths that bound a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Ends after this long without use.
    pub idle: Span,
    /// Ends this long after login, used or not.
    pub absolute: Span,
}

/// Whether a session admits its bearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Live,
    /// A timeout has passed, though nobody has recorded it yet.
    Expired,
    /// It was ended, or its account was disabled or its epoch raised since.
    Ended,
}

/// How far `seen_at` may lag behind: it is written at most this often per session, away from the request path.
pub const SEEN_INTERVAL: Span = Span::minutes(1);

/// What is kept of a `User-Agent` header, in bytes.
pub const USER_AGENT_LIMIT: usize = 256;

impl Timeouts {
    /// The idle deadline of a session seen at `seen_at`: later by [`SEEN_INTERVAL`], because `seen_at` may be that
    /// much too old, and never beyond the absolute one.
    pub fn idle_deadline(&self, seen_at: UnixMillis, expires_at: UnixMillis) -> UnixMillis {
        (seen_at + self.idle + SEEN_INTERVAL).min(expires_at)
    }
}

impl Session {
    /// Which views of it were handed out, in words.
    pub fn views(&self) -> &'static str {
        match (self.cookie_hash.is_some(), self.max_access_exp > UnixMillis(0)) {
            (true, true) => "cookie and tokens",
            (true, false) => "cookie",
            (false, _) => "tokens",
        }
    }

    /// Whether the session of `account` admits its bearer at `now`, with the idle deadline as stored.
    pub fn standing(&self, account: &Account, now: UnixMillis) -> Standing {
        self.standing_until(account, self.idle_expires_at, now)
    }

    /// The same with an idle deadline that is later than the stored one, because of use not written yet.
    pub fn standing_until(&self, account: &Account, idle_expires_at: UnixMillis, now: UnixMillis) -> Standing {
        if self.ended.is_some() || account.disabled_at.is_some() || self.epoch_at_issue < account.epoch {
            Standing::Ended
        } else if now >= self.expires_at || now >= idle_expires_at {
            Standing::Expired
        } else {
            Standing::Live
        }
    }
}

impl EndedWhy {
    /// The stored and published text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::EndedByUser => "ended_by_user",
            Self::EndedByAdmin => "ended_by_admin",
            Self::Replaced => "replaced",
            Self::RefreshReuse => "refresh_reuse",
            Self::Expired => "expired",
            Self::AccountChanged => "account_changed",
        }
    }

    /// The reverse of [`EndedWhy::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Logout,
            Self::EndedByUser,
            Self::EndedByAdmin,
            Self::Replaced,
            Self::RefreshReuse,
            Self::Expired,
            Self::AccountChanged,
        ]
        .into_iter()
        .find(|why| why.as_str() == text)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::account::Roles;

    const T0: UnixMillis = UnixMillis(1_800_000_000_000);

    pub(crate) fn account() -> Account {
        Account {
            user_id: UserId([7; 16]),
            username: "kavya".parse().unwrap(),
            email: None,
            roles: Roles::default(),
            epoch: 3,
            created_at: T0,
            disabled_at: None,
        }
    }

    pub(crate) fn session() -> Session {
        let expires_at = T0 + Span::days(14);
        Session {
            session_id: SessionId([1; 16]),
            user_id: UserId([7; 16]),
            cookie_hash: None,
            created_at: T0,
            authenticated_at: T0,
            seen_at: T0,
            idle_expires_at: TIMEOUTS.idle_deadline(T0, expires_at),
            expires_at,
            amr: vec!["pwd".into()],
            user_agent: String::new(),
            ip: [127, 0, 0, 1].into(),
            epoch_at_issue: 3,
            max_access_exp: UnixMillis(0),
            ended: None,
        }
    }

    const TIMEOUTS: Timeouts = Timeouts { idle: Span::hours(24), absolute: Span::days(14) };

    #[test]
    fn a_session_stands_until_the_first_of_its_deadlines() {
        let idle = T0 + Span::hours(24) + SEEN_INTERVAL;
        let fresh = session();
        let mut busy = session();
        busy.idle_expires_at = TIMEOUTS.idle_deadline(T0 + Span::days(13) + Span::hours(23), busy.expires_at);
        for (session, now, expected) in [
            (&fresh, T0, Standing::Live),
            (&fresh, idle - Span(1), Standing::Live),
            (&fresh, idle, Standing::Expired),
            (&busy, T0 + Span::days(14) - Span(1), Standing::Live),
            (&busy, T0 + Span::days(14), Standing::Expired),
        ] {
            assert_eq!(session.standing(&account(), now), expected, "{now:?}");
        }
    }

    #[test]
    fn a_session_falls_with_its_account() {
        let mut ended = session();
        ended.ended = Some((T0, EndedWhy::Logout));
        let mut disabled = account();
        disabled.disabled_at = Some(T0);
        let mut raised = account();
        raised.epoch = 4;
        assert_eq!(ended.standing(&account(), T0), Standing::Ended);
        assert_eq!(session().standing(&disabled, T0), Standing::Ended);
        assert_eq!(session().standing(&raised, T0), Standing::Ended);
    }

    #[test]
    fn each_reason_reads_back_as_it_was_written() {
        for why in [EndedWhy::Logout, EndedWhy::Replaced, EndedWhy::RefreshReuse, EndedWhy::AccountChanged] {
            assert_eq!(EndedWhy::parse(why.as_str()), Some(why));
        }
        assert_eq!(EndedWhy::parse("eaten by the dog"), None);
    }
}
