//! A public key in JSON (RFC 7517), bound to one algorithm by everything it says about itself.

use aws_lc_rs::digest;
use serde_json::{Map, Value};

use crate::jws::{Curve, Family, Scheme};
use crate::{Secret, base64url, rsa, shape};

/// One key that checks signatures: its type, curve, `use`, `key_ops` and `alg` agree. Shared secrets are read, for
/// clients that sign with one, but never written.
#[derive(Clone)]
pub struct Jwk {
    kid: Option<String>,
    scheme: Scheme,
    material: Material,
}

#[derive(Clone)]
pub(crate) enum Material {
    Ed25519([u8; 32]),
    Ec { curve: Curve, x: Vec<u8>, y: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Secret(Secret),
}

impl Jwk {
    /// A public key of ours.
    pub(crate) fn new(scheme: Scheme, material: Material) -> Result<Self, JwkRefused> {
        let jwk = Self { kid: None, scheme, material };
        jwk.check_strength()?;
        Ok(jwk)
    }

    /// Reads one key strictly. Without `alg`, the key type decides: RSA means RS256, and nothing else.
    ///
    /// ```
    /// use token::{Jwk, JwkRefused};
    /// let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    /// let jwk = |more: &str| Jwk::parse(format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"{more}}}"#).as_bytes());
    /// assert_eq!(jwk("")?.scheme().name(), "EdDSA");
    /// assert_eq!(jwk(r#","use":"enc""#).err(), Some(JwkRefused::Binding));
    /// assert_eq!(jwk(r#","alg":"HS256""#).err(), Some(JwkRefused::Binding));
    /// # Ok::<(), JwkRefused>(())
    /// ```
    pub fn parse(json: &[u8]) -> Result<Self, JwkRefused> {
        shape::check(json, shape::KEYS).map_err(|_| JwkRefused::Malformed)?;
        let members: Map<String, Value> = serde_json::from_slice(json).map_err(|_| JwkRefused::Malformed)?;
        Self::from_members(&members)
    }

    /// The same after parsing; duplicates must have been refused before.
    pub(crate) fn from_members(members: &Map<String, Value>) -> Result<Self, JwkRefused> {
        let is_secret = text(members, "kty")?.ok_or(JwkRefused::Malformed)? == "oct";
        if !is_secret && PRIVATE.iter().any(|name| members.contains_key(*name)) {
            return Err(JwkRefused::Private);
        }
        let family = family(members)?;
        check_use(members)?;
        let scheme = match text(members, "alg")? {
            Some(name) => name.parse().map_err(|_| JwkRefused::Unsupported)?,
            None => default_scheme(family),
        };
        if scheme.family() != family {
            return Err(JwkRefused::Binding);
        }
        let material = match family {
            Family::Ed25519 => Material::Ed25519(bytes(members, "x")?.try_into().map_err(|_| JwkRefused::Key)?),
            Family::Ec(curve) => Material::Ec { curve, x: bytes(members, "x")?, y: bytes(members, "y")? },
            Family::Rsa => {
                // Leading zeros are against RFC 7518 §2, but common; the thumbprint needs them gone.
                let number = |name| bytes(members, name).map(|number| rsa::strip(&number).to_vec());
                Material::Rsa { n: number("n")?, e: number("e")? }
            }
            Family::Secret => Material::Secret(Secret::from_jwk(bytes(members, "k")?).map_err(|_| JwkRefused::Key)?),
        };
        let jwk = Self { kid: text(members, "kid")?.map(str::to_owned), scheme, material };
        jwk.check_strength()?;
        Ok(jwk)
    }

    /// Its name, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The only algorithm that it is for.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The public members as published: `kty`, the key itself, `kid`, `alg`, and `use` as `sig`. A shared secret shows
    /// nothing of itself.
    ///
    /// ```
    /// use token::{Algorithm, SigningKey};
    /// let jwk = SigningKey::generate(Algorithm::EdDSA)?.jwk().unwrap();
    /// assert_eq!(jwk.to_value()["use"], "sig");
    /// # Ok::<(), token::KeyRefused>(())
    /// ```
    pub fn to_value(&self) -> Value {
        let mut members: Map<String, Value> =
            self.required().into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
        members.insert("use".to_owned(), "sig".into());
        members.insert("alg".to_owned(), self.scheme.name().into());
        if let Some(kid) = &self.kid {
            members.insert("kid".to_owned(), kid.as_str().into());
        }
        Value::Object(members)
    }

    /// The SHA-256 thumbprint (RFC 7638) in base64url. It is over public members only, so a shared secret's says nothing.
    pub fn thumbprint(&self) -> String {
        let members: Vec<String> =
            self.required().into_iter().map(|(name, value)| format!(r#""{name}":"{value}""#)).collect();
        let canonical = format!("{{{}}}", members.join(","));
        base64url::encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
    }

    pub(crate) fn with_kid(mut self, kid: &str) -> Self {
        self.kid = Some(kid.to_owned());
        self
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }

    /// The public members that make the key, in the order of RFC 7638 §3.2: by name.
    fn required(&self) -> Vec<(&'static str, String)> {
        match &self.material {
            Material::Ed25519(x) => {
                vec![("crv", "Ed25519".to_owned()), ("kty", "OKP".to_owned()), ("x", base64url::encode(x))]
            }
            Material::Ec { curve, x, y } => vec![
                ("crv", curve.name().to_owned()),
                ("kty", "EC".to_owned()),
                ("x", base64url::encode(x)),
                ("y", base64url::encode(y)),
            ],
            Material::Rsa { n, e } => {
                vec![("e", base64url::encode(e)), ("kty", "RSA".to_owned()), ("n", base64url::encode(n))]
            }
            Material::Secret(_) => vec![("kty", "oct".to_owned())],
        }
    }

    fn check_strength(&self) -> Result<(), JwkRefused> {
        let is_fit = match &self.material {
            Material::Ed25519(_) | Material::Secret(_) => true,
            Material::Ec { curve, x, y } => [x, y].iter().all(|part| part.len() == curve.coordinate_bytes()),
            Material::Rsa { n, e } => rsa::is_fit(n, e),
        };
        if is_fit { Ok(()) } else { Err(JwkRefused::Key) }
    }
}

/// Why a JWK was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkRefused {
    /// Not a JSON object, a duplicate member, or a member of the wrong type.
    #[error("not a well-formed JSON Web Key")]
    Malformed,
    /// A key type, curve or algorithm that is not known here.
    #[error("a key type, curve or algorithm that is not supported")]
    Unsupported,
    /// `use`, `key_ops`, `alg`, `kty` and `crv` do not all allow checking signatures of one algorithm.
    #[error("the key is not meant for checking signatures of one algorithm")]
    Binding,
    /// Private members are there: the key must be considered disclosed.
    #[error("the key comes with its private members, so anybody may sign with it")]
    Private,
    /// Too small, too large, not on its curve, or made by a flawed generator.
    #[error("the key itself is unfit: too small, too large, off its curve, or from a flawed generator")]
    Key,
}

/// Members that only the owner may know (RFC 7518 §6.2.2, §6.3.2).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, JwkRefused> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwkRefused::Malformed),
    }
}

fn bytes(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, JwkRefused> {
    base64url::decode(text(members, name)?.ok_or(JwkRefused::Malformed)?).map_err(|_| JwkRefused::Malformed)
}

fn family(members: &Map<String, Value>) -> Result<Family, JwkRefused> {
    let curve = || text(members, "crv")?.ok_or(JwkRefused::Malformed);
    match text(members, "kty")?.ok_or(JwkRefused::Malformed)? {
        "OKP" if curve()? == "Ed25519" => Ok(Family::Ed25519),
        "EC" => Curve::by_name(curve()?).map(Family::Ec).ok_or(JwkRefused::Unsupported),
        "RSA" => Ok(Family::Rsa),
        "oct" => Ok(Family::Secret),
        _ => Err(JwkRefused::Unsupported),
    }
}

/// `use` must be `sig` and `key_ops` must contain `verify`, where they are present (RFC 7517 §4.2, §4.3).
fn check_use(members: &Map<String, Value>) -> Result<(), JwkRefused> {
    if text(members, "use")?.is_some_and(|usage| usage != "sig") {
        return Err(JwkRefused::Binding);
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => Ok(()),
        Some(Value::Array(_)) => Err(JwkRefused::Binding),
        Some(_) => Err(JwkRefused::Malformed),
    }
}

fn default_scheme(family: Family) -> Scheme {
    match family {
        Family::Ed25519 => Scheme::EdDSA,
        Family::Ec(Curve::P256) => Scheme::Es256,
        Family::Ec(Curve::P384) => Scheme::Es384,
        Family::Ec(Curve::P521) => Scheme::Es512,
        Family::Rsa => Scheme::Rs256,
        Family::Secret => Scheme::Hs256,
    }
}
