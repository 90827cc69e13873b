//! The issuer: what its URL must look like, and what it says about itself (RFC 8414).

use http::Uri;
use serde::Deserialize;

use super::fetch::{Fetch, FetchError};

/// What an issuer says about itself.
pub(super) struct Issuer {
    pub(super) jwks_uri: Uri,
    pub(super) session: Option<SessionEndpoint>,
    pub(super) revocations: Option<Uri>,
}

/// Where to ask whose session a cookie is.
pub(super) struct SessionEndpoint {
    pub(super) uri: Uri,
    pub(super) cookie: String,
}

/// Why an issuer cannot be used. The message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Not a URL that an issuer may have.
    #[error(
        "`{0}` cannot be an issuer: it takes https, or http on this machine, without user, query, fragment or a slash at \
         the end, such as https://login.example.org"
    )]
    Url(String),
    /// The issuer, or what should be there, does not answer as it should.
    #[error("the issuer does not answer: {0}")]
    Fetch(#[from] FetchError),
    /// What it says about itself is not readable (RFC 8414 §3.2).
    #[error("{uri} is not the description of an authorization server: {why}")]
    Metadata {
        /// What was read.
        uri: Uri,
        /// What is wrong with it.
        why: String,
    },
    /// It calls itself by another name (RFC 8414 §3.3).
    #[error("{asked} calls itself {named}: use that name here, or correct the server's public_url")]
    OtherName {
        /// Who was asked.
        asked: String,
        /// What it says.
        named: String,
    },
    /// Not an origin.
    #[error("`{0}` is not an origin as browsers write it, such as https://www.example.org")]
    Origin(String),
    /// It names an address at another origin, which it has no business to be asked at.
    #[error("{0} is not at the issuer's own origin")]
    Elsewhere(String),
    /// Its key set is not readable.
    #[error("the issuer's keys cannot be used: {0}")]
    Keys(#[from] token::KeySetRefused),
    /// It publishes no key at all.
    #[error(
        "the issuer publishes no key that checks tokens. With algorithm HS256 there is only the shared secret: choose \
         EdDSA, ES256 or RS256 there"
    )]
    NoKeys,
    /// A verifier's credential or name cannot be one.
    #[error("the {0} of the verifier cannot be one: `watchword verifier add NAME` prints a credential, `wwv_…`")]
    Verifier(&'static str),
    /// Not a URL that a relay may have.
    #[error(
        "`{0}` cannot be a relay: it takes https, or http on this machine, with the path of its revocations, such as \
         https://relay.example.org/revocations"
    )]
    Relay(String),
    /// The revocations cannot be followed.
    #[error("the issuer's revocations cannot be followed: {0}")]
    Feed(String),
    /// The machine's certificate authorities cannot be read.
    #[error("the machine's trusted certificates cannot be read: {0}")]
    Certificates(#[from] std::io::Error),
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
    watchword_session_endpoint: Option<String>,
    watchword_session_cookie: Option<String>,
    watchword_revocations_endpoint: Option<String>,
}

impl Issuer {
    /// Reads what the issuer says about itself, and believes it only what concerns itself.
    pub(super) async fn discover(url: &str, origin: &Uri, fetch: &Fetch) -> Result<Self, ConnectError> {
        let uri = metadata_uri(origin);
        let answer = fetch.document(&uri).await?;
        let metadata: Metadata = serde_json::from_slice(&answer.body)
            .map_err(|error| ConnectError::Metadata { uri: uri.clone(), why: error.to_string() })?;
        if metadata.issuer != url {
            return Err(ConnectError::OtherName { asked: url.to_owned(), named: metadata.issuer });
        }
        let own = |text: String| match text.parse::<Uri>() {
            Ok(uri) if is_same_origin(&uri, origin) => Ok(uri),
            _ => Err(ConnectError::Elsewhere(text)),
        };
        let session = match (metadata.watchword_session_endpoint, metadata.watchword_session_cookie) {
            (Some(_), Some(cookie)) if !is_cookie_name(&cookie) => {
                return Err(ConnectError::Metadata { uri, why: format!("`{cookie}` is not a cookie's name") });
            }
            (Some(endpoint), Some(cookie)) => Some(SessionEndpoint { uri: own(endpoint)?, cookie }),
            _ => None,
        };
        let revocations = metadata.watchword_revocations_endpoint.map(own).transpose()?;
        Ok(Self { jwks_uri: own(metadata.jwks_uri)?, session, revocations })
    }
}

/// The URL in its parts, if an issuer may have it.
pub(super) fn origin(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?.as_str();
    let host = uri.host()?.trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let is_safe = match uri.scheme_str()? {
        "https" => true,
        "http" => is_loopback,
        _ => false,
    };
    let is_plain = !authority.contains('@') && uri.query().is_none() && !url.contains('#') && !url.ends_with('/');
    (is_safe && is_plain).then_some(uri)
}

/// The well-known place, put in before the path (RFC 8414 §3.1).
fn metadata_uri(issuer: &Uri) -> Uri {
    let path = issuer.path().trim_end_matches('/');
    let authority = issuer.authority().expect("an issuer has one");
    let scheme = issuer.scheme_str().expect("an issuer has one");
    let text = format!("{scheme}://{authority}/.well-known/oauth-authorization-server{path}");
    text.parse().expect("a URL with another path is a URL")
}

fn is_cookie_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn is_same_origin(uri: &Uri, issuer: &Uri) -> bool {
    uri.scheme() == issuer.scheme() && uri.authority() == issuer.authority()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_that_an_issuer_may_have_are_asked() {
        for good in [
            "https://id.example",
            "https://id.example:8443",
            "https://id.example/tenant",
            "http://127.0.0.1:1",
            "http://localhost",
            "http://[::1]:8080",
        ] {
            assert!(origin(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "id.example",
            "/x",
            "ftp://id.example",
            "http://id.example",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "https://a@id.example",
            "https://id.example/",
            "https://id.example?x",
            "https://id.example#x",
            "https://",
        ] {
            assert!(origin(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_well_known_place_comes_before_the_path() {
        let of = |url: &str| metadata_uri(&origin(url).unwrap()).to_string();
        assert_eq!(of("https://id.example"), "https://id.example/.well-known/oauth-authorization-server");
        assert_eq!(of("https://id.example:1/a/b"), "https://id.example:1/.well-known/oauth-authorization-server/a/b");
    }

    #[test]
    fn another_origin_is_elsewhere() {
        let issuer = origin("https://id.example").unwrap();
        for elsewhere in
            ["http://id.example/x", "https://id.example:8443/x", "https://id.example.evil/x", "https://evil/x", "/x"]
        {
            assert!(!is_same_origin(&elsewhere.parse().unwrap(), &issuer), "{elsewhere}");
        }
        assert!(is_same_origin(&"https://ID.example/x".parse().unwrap(), &issuer));
    }
}
