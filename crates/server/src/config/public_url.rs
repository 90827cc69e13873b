//! `public_url`: the origin that browsers and clients use. It is the issuer, and decides the cookie's name and flags.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// An origin (RFC 6454 §4): scheme, host and port, without path, query or trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl {
    origin: String,
    host: String,
    port: Option<u16>,
    https: bool,
}

impl PublicUrl {
    /// The URL of a listener on loopback.
    pub fn of_listener(bound: SocketAddr) -> Self {
        Self::try_from(format!("http://{bound}")).expect("a socket address is a well-formed authority")
    }

    /// The origin as browsers send it in `Origin`.
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// Whether cookies can be `Secure`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether only this machine is meant.
    pub fn is_loopback(&self) -> bool {
        let ip = self.host.trim_matches(['[', ']']).parse::<IpAddr>();
        self.host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether `origin` is this one. On loopback, `localhost`, `127.0.0.1` and `[::1]` are the same place.
    pub fn is_same_origin(&self, origin: &str) -> bool {
        if origin == self.origin {
            return true;
        }
        let other = Self::try_from(origin.to_owned());
        self.is_loopback()
            && other
                .is_ok_and(|o| o.is_loopback() && o.https == self.https && o.port == self.port && o.origin == origin)
    }

    pub(super) fn check(&self, danger_plain_http: bool) -> Result<(), ConfigError> {
        if self.https || self.is_loopback() || danger_plain_http {
            return Ok(());
        }
        Err(ConfigError(format!(
            "public_url: {self} is plain http off loopback, where anyone on the way can read every password and cookie. \
             Use https://{} with a TLS proxy in front; danger_plain_http = true accepts the risk",
            self.host
        )))
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("public_url: `{text}` is not an origin such as https://login.example.org, without path");
        let uri: axum::http::Uri = text.parse().map_err(|_| bad())?;
        let (scheme, authority) = (uri.scheme_str().ok_or_else(bad)?, uri.authority().ok_or_else(bad)?);
        let whole =
            uri.path() == "/" && uri.query().is_none() && !text.contains('#') && !authority.as_str().contains('@');
        let https = match scheme {
            "https" if whole => true,
            "http" if whole => false,
            _ => return Err(bad()),
        };
        let default_port = if https { 443 } else { 80 };
        let port = authority.port_u16().filter(|port| *port != default_port);
        let host = authority.host().to_ascii_lowercase();
        let origin = port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}"));
        Ok(Self { origin, host, port, https })
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> Self {
        url.origin
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}
