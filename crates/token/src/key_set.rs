//! The keys that are trusted, by `kid`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::jws::Header;
use crate::{Jwk, JwkRefused, Profile, VerifyingKey, shape};

/// A set of keys with unique names, all of algorithms that access tokens use. Cheap to clone.
#[derive(Clone, Default)]
pub struct KeySet {
    by_kid: BTreeMap<String, VerifyingKey>,
    /// The header segments that tokens signed with these keys are expected to begin with, ordered by their tags.
    headers: Vec<(u64, Written)>,
}

/// What a header says that is just as its key's signer writes it.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) key: VerifyingKey,
    pub(crate) profile: Profile,
}

impl KeySet {
    /// The longest JWKS document that is read.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a public JWKS (RFC 7517 §5). Keys that are not for checking access tokens are skipped: unknown types, curves
    /// and algorithms, other uses, keys without `kid`, and secrets, which nobody publishes. A key that ought to be usable
    /// but is unfit or malformed, or that shows private members, refuses the document, and so does a `kid` used twice.
    ///
    /// ```
    /// use token::{Algorithm, KeySet, SigningKey};
    /// let mut keys = KeySet::new();
    /// keys.insert(SigningKey::generate(Algorithm::Es256)?.verifying_key())?;
    /// assert_eq!(KeySet::from_jwks(keys.to_jwks().as_bytes())?.to_jwks(), keys.to_jwks());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_jwks(json: &[u8]) -> Result<Self, KeySetRefused> {
        if json.len() > Self::MAX_BYTES {
            return Err(KeySetRefused::TooLong);
        }
        shape::check(json, shape::KEYS).map_err(|_| KeySetRefused::Malformed)?;
        let document: Map<String, Value> = serde_json::from_slice(json).map_err(|_| KeySetRefused::Malformed)?;
        let Some(Value::Array(keys)) = document.get("keys") else { return Err(KeySetRefused::Malformed) };
        let mut set = Self::new();
        for (index, key) in keys.iter().enumerate() {
            let members = key.as_object().ok_or(KeySetRefused::Malformed)?;
            if let Some(key) = usable(members).map_err(|reason| KeySetRefused::Key { index, reason })? {
                set.insert(key)?;
            }
        }
        Ok(set)
    }

    /// Adds a key. Refused when its `kid` is taken or its algorithm is not one that access tokens use.
    pub fn insert(&mut self, key: VerifyingKey) -> Result<(), KeySetRefused> {
        if key.algorithm().is_none() {
            return Err(KeySetRefused::Algorithm);
        }
        if self.by_kid.contains_key(key.kid()) {
            return Err(KeySetRefused::DuplicateKid);
        }
        for profile in Profile::ALL {
            let header = key.header(profile);
            // What the strict reader would refuse, such as a `kid` beyond all measure, must not get by here.
            if Header::read(header).is_ok() {
                let at = self.headers.partition_point(|(known, _)| *known < tag(header));
                self.headers.insert(at, (tag(header), Written { key: key.clone(), profile }));
            }
        }
        self.by_kid.insert(key.kid().to_owned(), key);
        Ok(())
    }

    /// Takes a key out; tokens that it signed are then refused.
    pub fn remove(&mut self, kid: &str) -> Option<VerifyingKey> {
        let key = self.by_kid.remove(kid)?;
        self.headers.retain(|(_, written)| written.key.kid() != kid);
        Some(key)
    }

    /// The key of that name, compared byte for byte.
    pub fn get(&self, kid: &str) -> Option<&VerifyingKey> {
        self.by_kid.get(kid)
    }

    /// The key whose signer writes this very header segment, so that there is nothing to read in it.
    pub(crate) fn by_header(&self, segment: &str) -> Option<&Written> {
        let tag = tag(segment);
        let from = self.headers.partition_point(|(known, _)| *known < tag);
        let alike = self.headers[from..].iter().take_while(|(known, _)| *known == tag);
        alike.map(|(_, written)| written).find(|written| written.key.header(written.profile) == segment)
    }

    /// All keys, ordered by `kid`.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.by_kid.values()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.by_kid.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_kid.is_empty()
    }

    /// The public keys as a JWKS document: public members, `kid`, `alg`, `use`. Shared secrets are left out.
    pub fn to_jwks(&self) -> String {
        let keys: Vec<Value> = self.iter().filter_map(VerifyingKey::jwk).map(Jwk::to_value).collect();
        json!({ "keys": keys }).to_string()
    }
}

/// A few bytes of a header segment by which it is found: those that the first of `kid` is in, and the end, where `typ` is.
fn tag(segment: &str) -> u64 {
    let bytes = segment.as_bytes();
    let word = |chunk: Option<&[u8; 8]>| chunk.map_or(0, |chunk| u64::from_le_bytes(*chunk));
    let [one, two] = [28, 36].map(|from| word(bytes.get(from..).and_then(<[u8]>::first_chunk)));
    one ^ two.rotate_left(21) ^ word(bytes.last_chunk()).rotate_left(42)
}

/// Why a set of keys was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetRefused {
    /// Longer than [`KeySet::MAX_BYTES`].
    #[error("the JWKS is longer than 256 KiB")]
    TooLong,
    /// Not a JSON object with an array `keys` of objects, or a duplicate member.
    #[error("not a well-formed JWKS")]
    Malformed,
    /// Two keys with one name.
    #[error("two keys have the same kid")]
    DuplicateKid,
    /// An algorithm that access tokens do not use.
    #[error("access tokens do not use the algorithm of this key")]
    Algorithm,
    /// A key that cannot be trusted.
    #[error("key {index} of the JWKS (counted from 0): {reason}")]
    Key {
        /// Its place in `keys`.
        index: usize,
        /// What is wrong with it.
        reason: JwkRefused,
    },
}

/// The key if it is one for checking access tokens, `None` if it is for something else.
fn usable(members: &Map<String, Value>) -> Result<Option<VerifyingKey>, JwkRefused> {
    if members.get("kty").is_some_and(|kty| kty == "oct") {
        return Ok(None);
    }
    match Jwk::from_members(members) {
        Ok(jwk) if jwk.kid().is_some() && jwk.scheme().algorithm().is_some() => VerifyingKey::from_jwk(&jwk).map(Some),
        Ok(_) | Err(JwkRefused::Unsupported | JwkRefused::Binding) => Ok(None),
        Err(refused) => Err(refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kid: &str) -> VerifyingKey {
        let jwk =
            json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        VerifyingKey::from_jwk(&Jwk::parse(jwk.to_string().as_bytes()).expect("a key")).expect("a key")
    }

    #[test]
    fn every_key_is_found_by_the_headers_that_it_writes_and_by_no_other() {
        // Names so alike that many tags are the same.
        let kids: Vec<String> =
            (0..40).flat_map(|n| [n.to_string(), format!("{}-{n}-{}", "k".repeat(40), "k".repeat(40))]).collect();
        let mut keys = KeySet::new();
        for kid in &kids {
            keys.insert(key(kid)).expect("each has its kid");
        }
        for kid in &kids {
            for profile in Profile::ALL {
                let known = key(kid);
                let found = keys.by_header(known.header(profile)).expect("a header of a key that is there");
                assert_eq!((found.key.kid(), found.profile), (kid.as_str(), profile));
                assert!(keys.by_header(&known.header(profile)[1..]).is_none());
                assert!(keys.by_header(&format!("{}A", known.header(profile))).is_none());
            }
        }
        for kid in &kids {
            keys.remove(kid).expect("it was there");
            assert!(Profile::ALL.iter().all(|profile| keys.by_header(key(kid).header(*profile)).is_none()));
        }
        assert!(keys.headers.is_empty() && keys.by_header("").is_none());
    }
}
