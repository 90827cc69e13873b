//! Every id is its own type: a page of sessions cannot be cursored by a user id and still compile.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Why a text is not the id that was expected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed id")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Uuid::from_bytes(self.0).hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                // Only the form that `Display` writes: one id has one spelling.
                let id = Uuid::try_parse(text).map(|uuid| Self(*uuid.as_bytes())).map_err(|_| NotAnId)?;
                if id.to_string() == text { Ok(id) } else { Err(NotAnId) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// Who logs in. A version 7 UUID: sorted by the time the account was made.
    UserId
);
id!(
    /// One login on one device: the unit of revocation (the `sid` claim, OpenID Connect Front-Channel Logout §3).
    /// The moment of the login and 80 random bits; knowing it admits nobody.
    SessionId
);
id!(
    /// What one client holds under one session. 16 random bytes; also the salt of its refresh tokens.
    GrantId
);

impl UserId {
    /// A new id from the moment of creation (unix milliseconds) and ten random bytes (RFC 9562 §5.7).
    pub fn new(now: crate::UnixMillis, random: &[u8; 10]) -> Self {
        Self(*uuid::Builder::from_unix_timestamp_millis(now.0.max(0) as u64, random).into_uuid().as_bytes())
    }
}

impl SessionId {
    /// A new id: six bytes of the moment of the login (unix milliseconds, the highest first) and ten random ones. Those of
    /// one time lie together in an index, so that it stays small and what is in use of it stays in memory.
    pub fn new(now: crate::UnixMillis, random: [u8; 10]) -> Self {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&now.0.to_be_bytes()[2..]);
        id[6..].copy_from_slice(&random);
        Self(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = SessionId([0xab; 16]);
        assert_eq!(id.to_string(), "abababab-abab-abab-abab-abababababab");
        for other in ["ABABABAB-ABAB-ABAB-ABAB-ABABABABABAB", "abababababababababababababababab", "", "x"] {
            assert_eq!(other.parse::<SessionId>(), Err(NotAnId));
        }
    }

    proptest::proptest! {
        #[test]
        fn a_session_of_a_later_login_has_the_higher_id(at in 0..1_i64 << 47, later in 1..1_i64 << 47, random: [[u8; 10]; 2]) {
            let id = |at, random| SessionId::new(crate::UnixMillis(at), random);
            let (one, other) = (id(at, random[0]), id(at + later, random[1]));
            proptest::prop_assert!(one < other);
            proptest::prop_assert_eq!((&one.0[6..], &other.0[6..]), (&random[0][..], &random[1][..]));
        }

        #[test]
        fn every_id_reads_back_as_it_was_written(bytes: [u8; 16]) {
            proptest::prop_assert_eq!(GrantId(bytes).to_string().parse(), Ok(GrantId(bytes)));
        }
    }
}
