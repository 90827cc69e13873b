//! Accounts: who may log in, under which names and with which roles.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::{UnixMillis, UserId};

/// A user's account, without its password hash.
#[derive(Clone, Debug)]
pub struct Account {
    /// Stable, never reused.
    pub user_id: UserId,
    /// Unique, lower case.
    pub username: Username,
    /// Unique, lower case; absent when the user gave none.
    pub email: Option<Email>,
    /// What the user may do.
    pub roles: Roles,
    /// A counter; raising it voids every token issued before, and every session that is not taken along.
    pub epoch: u64,
    /// When the account was made.
    pub created_at: UnixMillis,
    /// Since when nobody can log in to it.
    pub disabled_at: Option<UnixMillis>,
}

/// Why a text is not an acceptable name, address or role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// See the message.
    #[error(
        "A username has 2 to 64 letters a to z, digits, dots, hyphens or underscores, with a letter or digit first."
    )]
    Username,
    /// See the message.
    #[error("This is not an e-mail address that mail can be sent to.")]
    Email,
    /// See the message.
    #[error(
        "A role has 1 to 32 letters a to z, digits, hyphens or underscores, with a letter first; at most 32 roles."
    )]
    Role,
}

/// A username: ASCII, compared without regard to case, never containing `@`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Username(String);

/// An e-mail address, lower case, at most 254 characters (RFC 5321 §4.5.3.1), of the unquoted form only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(String);

/// What somebody typed to say who they are: a username or an e-mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginName {
    /// Contains no `@`.
    Username(Username),
    /// Contains an `@`.
    Email(Email),
}

/// A sorted set of roles. [`Roles::ADMIN`] is the one that Watchword itself knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Roles(Vec<String>);

impl Username {
    /// The name in its one stored spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Email {
    /// The address in its one stored spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Roles {
    /// The role that administers Watchword.
    pub const ADMIN: &str = "admin";

    /// Just the administrator's role.
    pub fn admin() -> Self {
        Self(vec![Self::ADMIN.to_owned()])
    }

    /// Parses each role; the order given does not matter and repeats count once.
    pub fn parse<'a>(roles: impl IntoIterator<Item = &'a str>) -> Result<Self, BadName> {
        let mut parsed = Vec::new();
        for role in roles {
            let shaped = role.len() <= 32
                && role.starts_with(|c: char| c.is_ascii_lowercase())
                && role.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
            if !shaped {
                return Err(BadName::Role);
            }
            parsed.push(role.to_owned());
        }
        parsed.sort();
        parsed.dedup();
        if parsed.len() <= 32 { Ok(Self(parsed)) } else { Err(BadName::Role) }
    }

    /// Whether `role` is among them.
    pub fn contains(&self, role: &str) -> bool {
        self.0.iter().any(|own| own == role)
    }

    /// The roles in order.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for Username {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let name = text.to_ascii_lowercase();
        let shaped = (2..=64).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if shaped { Ok(Self(name)) } else { Err(BadName::Username) }
    }
}

impl FromStr for Email {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let address = text.to_ascii_lowercase();
        let (local, domain) = address.split_once('@').ok_or(BadName::Email)?;
        let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
        let label = |l: &str| {
            !l.is_empty()
                && l.len() <= 63
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !l.starts_with('-')
                && !l.ends_with('-')
        };
        let shaped = address.len() <= 254
            && (1..=64).contains(&local.len())
            && local.bytes().all(atom)
            && local.split('.').all(|part| !part.is_empty())
            && domain.split('.').all(label);
        if shaped { Ok(Self(address)) } else { Err(BadName::Email) }
    }
}

impl FromStr for LoginName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if text.contains('@') { text.parse().map(Self::Email) } else { text.parse().map(Self::Username) }
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Username(name) => name.fmt(f),
            Self::Email(email) => email.fmt(f),
        }
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_regard_to_case() {
        assert_eq!("Kavya".parse::<Username>(), "kavya".parse());
        assert_eq!("Kavya@Example.org".parse::<Email>().map(|e| e.to_string()), Ok("kavya@example.org".into()));
    }

    #[test]
    fn a_username_can_never_be_mistaken_for_an_address() {
        for text in ["", "k", "k@v", "-kavya", "ka vya", "kavyä", "k\0vya", &"k".repeat(65), "ka\nvya", "admin\u{202e}"]
        {
            assert_eq!(text.parse::<Username>(), Err(BadName::Username), "{text:?}");
        }
    }

    #[test]
    fn an_address_names_one_recipient_and_no_header() {
        for text in [
            "a@x,b@y",
            "\"a@x\"@y",
            "a@x\r\nBcc: b@y",
            "a@x\0",
            "a b@x",
            "@x",
            "a@",
            "a@@x",
            "a@-x",
            "a..b@x",
            ".a@x",
            "<a@x>",
            &format!("{}@x.org", "a".repeat(65)),
        ] {
            assert_eq!(text.parse::<Email>(), Err(BadName::Email), "{text:?}");
        }
    }

    #[test]
    fn roles_are_a_sorted_set() {
        let roles = Roles::parse(["user", "admin", "user"]).expect("well-formed");
        assert_eq!(roles.to_string(), "admin user");
        assert!(roles.contains(Roles::ADMIN));
        for role in ["", "Admin", "a b", "9lives", "a,b"] {
            assert_eq!(Roles::parse([role]), Err(BadName::Role), "{role}");
        }
    }
}
