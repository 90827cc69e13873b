//! A private key in JSON, as another program may have kept it.

use aws_lc_rs::rsa::{KeyPair as RsaPair, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use crate::jwk::{JwkRefused, Material};
use crate::signing_key::Pair;
use crate::{Jwk, SigningKey, base64url, shape};

impl SigningKey {
    /// Reads a private JWK (RFC 7517; RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2) strictly: `use`, `key_ops` and `alg` must allow
    /// signing with one of our algorithms, and the private members must belong to the public ones. Its `kid` is not
    /// taken over: ours is the thumbprint.
    ///
    /// ```
    /// use token::SigningKey;
    /// // RFC 8037 A.1.
    /// let jwk = br#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    ///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// assert_eq!(SigningKey::from_jwk(jwk)?.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    /// # Ok::<(), token::JwkRefused>(())
    /// ```
    pub fn from_jwk(json: &[u8]) -> Result<Self, JwkRefused> {
        shape::check(json, shape::KEYS).map_err(|_| JwkRefused::Malformed)?;
        let mut members: Map<String, Value> = serde_json::from_slice(json).map_err(|_| JwkRefused::Malformed)?;
        let read = Self::from_members(&members);
        members.values_mut().for_each(wipe);
        read
    }

    fn from_members(members: &Map<String, Value>) -> Result<Self, JwkRefused> {
        if members.get("kty").is_some_and(|kty| kty == "oct") {
            return Err(JwkRefused::Unsupported);
        }
        let is_public = |name: &str| !PRIVATE.contains(&name) && name != "key_ops";
        let public =
            members.iter().filter(|(name, _)| is_public(name)).map(|(name, value)| (name.clone(), value.clone()));
        let public = Jwk::from_members(&public.collect())?;
        let algorithm = public.scheme().algorithm().ok_or(JwkRefused::Unsupported)?;
        if !may_sign(members)? {
            return Err(JwkRefused::Binding);
        }
        let pair = match public.material() {
            Material::Ed25519(x) => {
                Ed25519KeyPair::from_seed_and_public_key(&exactly(private(members, "d")?, 32)?, x).map(Pair::Ed25519)
            }
            Material::Ec { x, y, .. } => {
                let point = [&[UNCOMPRESSED], x.as_slice(), y.as_slice()].concat();
                let d = exactly(private(members, "d")?, x.len())?;
                EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &d, &point)
                    .map(Pair::P256)
            }
            Material::Rsa { n, e } => rsa_pair(members, n, e)?,
            Material::Secret(_) => return Err(JwkRefused::Unsupported),
        };
        Self::from_pair(algorithm, pair.map_err(|_| JwkRefused::Key)?).map_err(|_| JwkRefused::Key)
    }
}

fn rsa_pair(
    members: &Map<String, Value>,
    modulus: &[u8],
    exponent: &[u8],
) -> Result<Result<Pair, aws_lc_rs::error::KeyRejected>, JwkRefused> {
    if members.contains_key("oth") {
        return Err(JwkRefused::Unsupported);
    }
    let part = |name| private(members, name);
    let (d, p, q) = (part("d")?, part("p")?, part("q")?);
    let (d_p, d_q, q_inv) = (part("dp")?, part("dq")?, part("qi")?);
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n: modulus, e: exponent },
        d: d.as_slice(),
        p: p.as_slice(),
        q: q.as_slice(),
        dP: d_p.as_slice(),
        dQ: d_q.as_slice(),
        qInv: q_inv.as_slice(),
    };
    Ok(RsaPair::from_components(&components).map(Pair::Rsa))
}

/// `key_ops` must contain `sign` where it is present (RFC 7517 §4.3).
fn may_sign(members: &Map<String, Value>) -> Result<bool, JwkRefused> {
    match members.get("key_ops") {
        None => Ok(true),
        Some(Value::Array(operations)) => Ok(operations.iter().any(|operation| operation == "sign")),
        Some(_) => Err(JwkRefused::Malformed),
    }
}

fn private(members: &Map<String, Value>, name: &str) -> Result<Zeroizing<Vec<u8>>, JwkRefused> {
    let Some(Value::String(text)) = members.get(name) else { return Err(JwkRefused::Malformed) };
    base64url::decode(text).map(Zeroizing::new).map_err(|_| JwkRefused::Malformed)
}

fn exactly(bytes: Zeroizing<Vec<u8>>, length: usize) -> Result<Zeroizing<Vec<u8>>, JwkRefused> {
    if bytes.len() == length { Ok(bytes) } else { Err(JwkRefused::Key) }
}

fn wipe(value: &mut Value) {
    if let Value::String(text) = value {
        text.zeroize();
    }
}

/// Members that only the owner may know.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// The mark of an uncompressed point (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;
