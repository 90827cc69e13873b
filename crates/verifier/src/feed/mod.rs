//! The revocation feed: learning from the issuer, within milliseconds, what has been withdrawn, and knowing how much is known.
//!
//! The protocol is described in `docs/revocation-feed.md`.

mod frame;
mod freshness;
mod log;
#[cfg(feature = "serve")]
mod long;
#[cfg(feature = "serve")]
mod onward;
#[cfg(feature = "serve")]
mod question;
mod seen;
#[cfg(feature = "serve")]
mod serve;

use std::time::Duration;

pub use frame::{Frame, Frames, Position, Watermark};
pub use freshness::{Freshness, View};
pub use log::{Answer, Log};
#[cfg(feature = "serve")]
pub use long::{Long, NotTaken};
#[cfg(feature = "serve")]
pub use onward::Onward;
#[cfg(feature = "serve")]
pub use question::Question;
pub use seen::Seen;
#[cfg(feature = "serve")]
pub use serve::Feed;

/// For how long an answer is held back at most. Whoever asks for longer is refused.
pub const LONGEST_WAIT: Duration = Duration::from_secs(25);
