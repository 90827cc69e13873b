//! `listen`: the address and port of the one listener.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// An address and port, such as `127.0.0.1:8080` or `[::1]:8080`; port 0 takes a free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Listen(pub SocketAddr);

impl Listen {
    /// Whether only this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        self.0.ip().is_loopback()
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self(SocketAddr::from(([127, 0, 0, 1], 8080)))
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let spelled = text.replace("localhost:", "127.0.0.1:");
        spelled
            .parse()
            .map(Self)
            .map_err(|_| format!("listen: `{text}` is not an address with a port, such as 127.0.0.1:8080"))
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.to_string()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
