//! The file that a backup is: what is in it, the database in chunks that may be encrypted, and a checksum of all that.
//!
//! ```text
//! watchword backup 1 ⏎  {head as JSON} ⏎  chunks of 64 KiB, each with a tag if encrypted  SHA-256 of everything before
//! ```

mod read;
mod sealing;
mod secret;
#[cfg(test)]
mod tests;
mod write;

use serde::{Deserialize, Serialize};

pub use read::read;
pub use secret::{PASSWORD_VARIABLE, Secret};
pub use write::write;

/// What is said about a backup before its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// When it was made, in unix milliseconds.
    pub made_at: i64,
    /// The version of Watchword that made it.
    pub made_by: String,
    /// The number of the last migration of the database.
    pub schema: i64,
    /// The size of the database.
    pub bytes: u64,
    /// How it is encrypted.
    pub sealed: Sealed,
}

/// Whether a backup is encrypted, and what opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Sealed {
    /// Not at all.
    No,
    /// Under a password, with 32 random bytes as base64url.
    Password(String),
    /// Under a key file, with 32 random bytes as base64url.
    KeyFile(String),
}

impl Sealed {
    fn salt(&self) -> Option<[u8; 32]> {
        match self {
            Self::No => None,
            Self::Password(salt) | Self::KeyFile(salt) => token::base64url::decode_array(salt).ok(),
        }
    }
}

/// How every backup begins, before its format's number.
const NAME: &[u8] = b"watchword backup ";

/// How one of this format begins.
const MAGIC: &[u8] = b"watchword backup 1\n";

/// The longest line that describes a backup.
const HEAD: u64 = 1024;

/// How much is encrypted at a time.
const CHUNK: usize = 64 * 1024;

/// The length of a chunk's tag.
const TAG: usize = 16;

/// The length of the checksum.
const SUM: usize = 32;
