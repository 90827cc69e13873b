//! What checks signatures: one key, one algorithm, parsed once.

use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};

use crate::jwk::{Jwk, JwkRefused, Material};
use crate::jws::{Header, Scheme};
use crate::{Algorithm, Profile, Refused, Secret, base64url};

/// A key that checks signatures of exactly one algorithm. Cheap to clone.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Parts>);

struct Parts {
    kid: String,
    scheme: Scheme,
    check: Check,
    /// What is published; a secret has nothing.
    public: Option<Jwk>,
    /// The header segments of access tokens that it signs, by profile.
    headers: [String; 2],
}

enum Check {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

impl VerifyingKey {
    /// Parses the key once, so that checking does not. A key without `kid` gets its thumbprint (RFC 7638) for one.
    ///
    /// ```
    /// use token::{Jwk, VerifyingKey};
    /// let jwk = br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// let key = VerifyingKey::from_jwk(&Jwk::parse(jwk)?)?;
    /// assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    /// # Ok::<(), token::JwkRefused>(())
    /// ```
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, JwkRefused> {
        let scheme = jwk.scheme();
        let check = match jwk.material() {
            Material::Ed25519(point) => public(scheme, point)?,
            Material::Ec { x, y, .. } => public(scheme, &[&[UNCOMPRESSED], x.as_slice(), y.as_slice()].concat())?,
            Material::Rsa { n, e } => {
                let check = scheme.rsa_check().ok_or(JwkRefused::Binding)?;
                let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(check).map_err(|_| JwkRefused::Key)?;
                Check::Public(key)
            }
            Material::Secret(secret) => return Ok(Self::from_secret(secret, jwk.kid().map(str::to_owned))),
        };
        let kid = jwk.kid().map_or_else(|| jwk.thumbprint(), str::to_owned);
        let public = Some(jwk.clone().with_kid(&kid));
        Ok(Self::new(kid, scheme, check, public))
    }

    pub(crate) fn from_secret(secret: &Secret, kid: Option<String>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        // One way, and useless for guessing anything but the whole secret: the name of a secret must not be its hash.
        let kid = kid.unwrap_or_else(|| base64url::encode(&hmac::sign(&key, b"watchword kid").as_ref()[..12]));
        Self::new(kid, Scheme::Hs256, Check::Secret(Box::new(key)), None)
    }

    /// The name that headers call it by.
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// Its algorithm; `None` for one that access tokens do not use.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.0.scheme.algorithm()
    }

    /// Its algorithm among all that can be checked.
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// The public key; `None` for a shared secret.
    pub fn jwk(&self) -> Option<&Jwk> {
        self.0.public.as_ref()
    }

    /// The header segment of the access tokens that this key signs: `alg` and `kid` are its own.
    pub(crate) fn header(&self, profile: Profile) -> &str {
        // In the order of `Profile::ALL`.
        &self.0.headers[profile as usize]
    }

    /// Checks that a header names this key's own algorithm.
    pub(crate) fn check_alg(&self, alg: &str) -> Result<(), Refused> {
        let named: Scheme = alg.parse().map_err(|_| Refused::Algorithm)?;
        if named == self.0.scheme { Ok(()) } else { Err(Refused::AlgorithmMismatch) }
    }

    /// Checks that the signature is this key's. Its algorithm must have been checked.
    pub(crate) fn check(&self, signing_input: &[u8], signature: &[u8]) -> Result<(), Refused> {
        match &self.0.check {
            Check::Public(key) => key.verify_sig(signing_input, signature),
            Check::Secret(key) => hmac::verify(key, signing_input, signature),
        }
        .map_err(|_| Refused::Signature)
    }

    fn new(kid: String, scheme: Scheme, check: Check, public: Option<Jwk>) -> Self {
        let headers = Profile::ALL.map(|profile| Header::write(scheme, profile.typ(), &kid));
        Self(Arc::new(Parts { kid, scheme, check, public, headers }))
    }
}

/// The mark of an uncompressed point (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

fn public(scheme: Scheme, point: &[u8]) -> Result<Check, JwkRefused> {
    let check = scheme.curve_check().ok_or(JwkRefused::Binding)?;
    // Fails for a point that is not on the curve.
    Ok(Check::Public(ParsedPublicKey::new(check, point).map_err(|_| JwkRefused::Key)?))
}
