//! `[keys]`: how long a signing key signs, and how long it is published before.

use domain::Span;
use domain::signing_keys::{SHORTEST_LEAD, Schedule};
use serde::{Deserialize, Serialize};

use super::{ConfigError, Tokens};

/// The rotation of signing keys.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// How long a key signs: 1h to 3650d, or `never` to rotate only when somebody asks for it.
    pub rotate_every: RotateEvery,
    /// How long a key is published before it signs: 10m to 30d.
    pub publish_ahead: PublishAhead,
}

/// A length of time, or `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RotateEvery(pub Option<Span>);

/// A length of time that is longer than anybody keeps a copy of the published keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublishAhead(pub Span);

impl Keys {
    /// As the domain takes it. None with a shared secret, which is not ours to rotate.
    pub fn schedule(&self, tokens: &Tokens) -> Option<Schedule> {
        let algorithm = tokens.algorithm.clone();
        let (rotate_every, publish_ahead) = (self.rotate_every.0, self.publish_ahead.0);
        (!tokens.is_shared_secret()).then_some(Schedule { algorithm, rotate_every, publish_ahead })
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let (every, ahead) = (self.rotate_every.0, self.publish_ahead.0);
        if every.is_some_and(|every| every.0 < 2 * ahead.0) {
            return Err(ConfigError(format!(
                "keys.rotate_every: {} must be at least twice keys.publish_ahead, which is {ahead}",
                String::from(self.rotate_every)
            )));
        }
        Ok(())
    }
}

impl Default for RotateEvery {
    fn default() -> Self {
        Self(Some(Span::days(90)))
    }
}

impl Default for PublishAhead {
    fn default() -> Self {
        Self(Span::hours(1))
    }
}

impl TryFrom<String> for RotateEvery {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self(None));
        }
        let span: Span = text.parse().map_err(|e| format!("keys.rotate_every: `{text}`: {e}, or never"))?;
        if span < Span::hours(1) {
            return Err(format!("keys.rotate_every: `{text}` is not within 1h to 3650d, or never"));
        }
        Ok(Self(Some(span)))
    }
}

impl TryFrom<String> for PublishAhead {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let span: Span = text.parse().map_err(|e| format!("keys.publish_ahead: `{text}`: {e}"))?;
        if !(SHORTEST_LEAD..=Span::days(30)).contains(&span) {
            return Err(format!(
                "keys.publish_ahead: `{text}` is not within 10m to 30d: verifiers keep a copy of the published keys for \
                 five minutes, and clocks differ"
            ));
        }
        Ok(Self(span))
    }
}

impl From<RotateEvery> for String {
    fn from(every: RotateEvery) -> Self {
        every.0.map_or_else(|| "never".to_owned(), |span| span.to_string())
    }
}

impl From<PublishAhead> for String {
    fn from(ahead: PublishAhead) -> Self {
        ahead.0.to_string()
    }
}
