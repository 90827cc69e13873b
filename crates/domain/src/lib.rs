//! What Watchword knows: accounts, sessions, grants, and the decisions about them.
//!
//! Pure: no IO, no clock, no randomness. The moment and random bytes are arguments.

pub mod account;
pub mod device;
pub mod grant;
pub mod id;
pub mod login;
pub mod password;
pub mod revocation;
pub mod secret;
pub mod session;
pub mod signing_keys;
pub mod throttle;
pub mod time;

pub use account::{Account, Email, LoginName, Roles, Username};
pub use grant::Grant;
pub use id::{GrantId, SessionId, UserId};
pub use secret::{CookieHash, CookieSecret, OneTimeSecret, PasswordHash, SecretHash, VerifierSecret};
pub use session::{EndedWhy, Session};
pub use signing_keys::KeyState;
pub use time::{Span, UnixMillis};
