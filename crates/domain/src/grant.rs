//! Grants and the rotation of their refresh tokens: a deterministic chain with one live link.

use crate::{GrantId, SessionId, Span, UnixMillis};

/// What one client holds under one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Also the salt of its refresh tokens.
    pub grant_id: GrantId,
    /// The session it falls with.
    pub session_id: SessionId,
    /// Which client holds it.
    pub client_id: String,
    /// What it may do, space-separated (RFC 6749 §3.3).
    pub scope: String,
    /// The one rotation whose refresh token has not been used yet. The first is 0.
    pub rotation: u32,
    /// When `rotation` was reached.
    pub rotated_at: UnixMillis,
}

/// What becomes of a genuine refresh token that is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It is the current one: the grant moves on to this rotation.
    Advance(u32),
    /// It is one behind, within the grace, and its successor is unused: a second tab, or a reply that got lost.
    /// The answer is the same successor again; nothing changes.
    Repeat(u32),
    /// It was used before: somebody else holds a copy. The session must end.
    Reuse,
    /// It is ahead of the record, as after restoring an old backup, or belongs to another client. Refused, no more.
    Unknown,
}

/// How long a used refresh token still yields the same successor, unless configured otherwise.
pub const DEFAULT_GRACE: Span = Span::seconds(10);

impl Grant {
    /// Judges a genuine refresh token of this grant that carries `presented`, at `now`.
    ///
    /// The successor counts as unused exactly while `rotation` still names it: using it would have moved the grant on.
    pub fn judge(&self, presented: u32, client_id: &str, grace: Span, now: UnixMillis) -> Rotation {
        if client_id != self.client_id || presented > self.rotation {
            return Rotation::Unknown;
        }
        if presented == self.rotation {
            // The last of four billion rotations is never handed out, so the sum cannot overflow.
            return presented.checked_add(1).map_or(Rotation::Unknown, Rotation::Advance);
        }
        if presented + 1 == self.rotation && now.since(self.rotated_at) < grace {
            return Rotation::Repeat(self.rotation);
        }
        Rotation::Reuse
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const T0: UnixMillis = UnixMillis(1_800_000_000_000);

    fn grant(rotation: u32) -> Grant {
        Grant {
            grant_id: GrantId([2; 16]),
            session_id: SessionId([1; 16]),
            client_id: "first-party".into(),
            scope: String::new(),
            rotation,
            rotated_at: T0,
        }
    }

    #[test]
    fn a_refresh_token_is_judged_by_its_rotation_and_age() {
        let grace = DEFAULT_GRACE;
        for (presented, now, expected) in [
            (5, T0, Rotation::Advance(6)),
            (5, T0 + Span::days(9), Rotation::Advance(6)),
            (4, T0, Rotation::Repeat(5)),
            (4, T0 + grace - Span(1), Rotation::Repeat(5)),
            (4, T0 + grace, Rotation::Reuse),
            (3, T0, Rotation::Reuse),
            (0, T0, Rotation::Reuse),
            (6, T0, Rotation::Unknown),
        ] {
            assert_eq!(grant(5).judge(presented, "first-party", grace, now), expected, "{presented} at {now:?}");
        }
    }

    #[test]
    fn without_grace_every_second_use_is_reuse() {
        assert_eq!(grant(1).judge(0, "first-party", Span::ZERO, T0), Rotation::Reuse);
    }

    #[test]
    fn another_clients_refresh_token_is_not_accepted() {
        assert_eq!(grant(1).judge(1, "somebody-else", DEFAULT_GRACE, T0), Rotation::Unknown);
    }

    proptest! {
        #[test]
        fn at_most_one_rotation_advances_and_at_most_one_repeats(current: u32, presented: u32, age in 0i64..60_000) {
            let judged = grant(current).judge(presented, "first-party", DEFAULT_GRACE, T0 + Span(age));
            prop_assert_eq!(matches!(judged, Rotation::Advance(_)), presented == current && current < u32::MAX);
            if let Rotation::Repeat(same) = judged {
                prop_assert!(same == current && presented + 1 == current);
            }
        }
    }
}
