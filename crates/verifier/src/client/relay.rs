//! A verifier that serves on what it has heard, so that not everybody need reach the issuer.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::Verifier;
use crate::feed::Feed;

/// Serves the revocations on to other verifiers, as the issuer does: see [`Verifier::relay`]. It says how old what it tells is,
/// so what they accept holds to their bound whether or not it is up to date. Clones serve the same.
///
/// Nobody is admitted unless told so.
#[derive(Clone)]
pub struct Relay {
    verifier: Verifier,
    feed: Arc<Feed>,
    doors: Vec<Door>,
}

/// Who may ask.
#[derive(Clone)]
enum Door {
    /// Whoever shows what has this SHA-256, under this name.
    Secret(String, [u8; SHA256_OUTPUT_LEN]),
    /// Whoever is known to the application, which says under which name.
    Judge(Arc<Judge>),
}

/// Given a credential, the name of whom it belongs to, if the application knows them.
type Judge = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Why somebody cannot be let in by a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// Not a name.
    #[error("the name of a listener is 1 to 64 letters, digits and `-._`")]
    Name,
    /// Too easily guessed, or it cannot be sent.
    #[error("the secret of a listener is 32 to 512 visible characters of ASCII, made at random")]
    Secret,
}

impl Verifier {
    /// Serves on what this verifier has heard. `None` unless it was told to [keep it](super::Connect::keep_for_relay).
    ///
    /// ```no_run
    /// # async fn start(credential: String, secret: String) -> Result<(), Box<dyn std::error::Error>> {
    /// use verifier::Verifier;
    /// let connect = Verifier::from_issuer("https://login.example.org").follow(credential).keep_for_relay(1_000_000);
    /// let relay = connect.await?.relay().ok_or("it keeps nothing")?.listener("orders", &secret)?;
    /// # #[cfg(feature = "axum")]
    /// let app: axum::Router = relay.router();
    /// # Ok(()) }
    /// ```
    pub fn relay(&self) -> Option<Relay> {
        let feed = Arc::clone(self.0.following.as_ref()?.feed()?);
        Some(Relay { verifier: self.clone(), feed, doors: Vec::new() })
    }
}

impl Relay {
    /// Lets in whoever shows a secret, compared in a time that tells nothing about it.
    pub fn listener(mut self, name: impl Into<String>, secret: &str) -> Result<Self, RelayError> {
        let name = name.into();
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_ours) {
            return Err(RelayError::Name);
        }
        if !(32..=512).contains(&secret.len()) || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(RelayError::Secret);
        }
        self.doors.push(Door::Secret(name, hash(secret)));
        Ok(self)
    }

    /// Lets in whoever the application knows: `judge` is given the credential and answers a name, or nothing. It must not block.
    ///
    /// By that name [long answers](crate::feed::Feed::admit) are counted, so that nobody takes every place. Answer one for each party
    /// that may be told apart, such as the subject of a token that was verified, and never one made of what the caller chooses.
    #[must_use]
    pub fn admit(mut self, judge: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.doors.push(Door::Judge(Arc::new(judge)));
        self
    }

    /// The name of whoever shows a credential in the `Authorization` header, if it is one.
    pub fn admits(&self, headers: &HeaderMap) -> Option<String> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (value, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
        let (scheme, shown) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let hashed = hash(shown);
        let mut found = None;
        for door in &self.doors {
            // All of them are tried, so that the time does not tell which one it was.
            let name = match door {
                Door::Secret(name, expected) => {
                    verify_slices_are_equal(&hashed, expected).is_ok().then(|| name.clone())
                }
                Door::Judge(judge) => judge(shown),
            };
            found = found.or(name);
        }
        found
    }

    /// What is served.
    pub fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// The verifier whose knowledge it is.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The issuer's keys as they were published (RFC 7517), for those who cannot reach it. `None` while they may not be believed:
    /// also when one may have been withdrawn and that forgotten unheard, after a quarter of an hour without news.
    pub async fn keys(&self) -> Option<bytes::Bytes> {
        let following = self.verifier.0.following.as_ref()?;
        let document = self.verifier.0.keys.document().await?;
        following.hears_of_every_key().then_some(document)
    }
}

fn hash(secret: &str) -> [u8; SHA256_OUTPUT_LEN] {
    let mut hashed = [0; SHA256_OUTPUT_LEN];
    hashed.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hashed
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}
