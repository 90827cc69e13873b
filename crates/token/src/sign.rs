//! Signing an access token.

use serde_json::{Map, Value};

use crate::{Claims, SigningKey, jws, shape};

/// Which dialect of access token is spoken: it decides `typ`, the extra claims, and what verification demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// JWT access tokens as standardized: `typ` is `at+jwt`, `aud` is required (RFC 9068).
    Rfc9068,
    /// What flask-jwt-extended accepts unchanged: `typ` is `JWT`; `type` is `access`; `fresh` and `nbf` are there.
    FlaskJwtExtended,
}

impl Profile {
    pub(crate) const ALL: [Self; 2] = [Self::Rfc9068, Self::FlaskJwtExtended];

    /// `typ` in the header.
    pub const fn typ(self) -> &'static str {
        match self {
            Self::Rfc9068 => "at+jwt",
            Self::FlaskJwtExtended => "JWT",
        }
    }
}

/// Signs an access token. The claims are written as they are: whoever calls has decided them.
///
/// ```
/// use token::{Algorithm, Claims, Profile, SigningKey};
/// let key = SigningKey::generate(Algorithm::EdDSA)?;
/// let jwt = token::sign(&key, Profile::Rfc9068, &Claims { exp: 600, ..Claims::default() });
/// assert_eq!(jwt.split('.').count(), 3);
/// # Ok::<(), token::KeyRefused>(())
/// ```
pub fn sign(key: &SigningKey, profile: Profile, claims: &Claims) -> String {
    jws::sign_after(key.header(profile), key, &claims.to_json(profile))
}

/// The same with claims of an application's own, written after the others. Refused if one has a name by which verifiers
/// judge, or if so much is said that no verifier of this crate would read it. [`crate::Verified::payload`] is where they
/// are found again.
///
/// ```
/// use serde_json::json;
/// use token::{Algorithm, Claims, ExtraRefused, Profile, SigningKey};
/// let (key, claims) = (SigningKey::generate(Algorithm::EdDSA)?, Claims::default());
/// let extra = json!({ "https://shop.example/customer": 7 });
/// let jwt = token::sign_with_extra(&key, Profile::Rfc9068, &claims, extra.as_object().unwrap())?;
/// assert_eq!(token::inspect(&jwt)?.claims["https://shop.example/customer"], 7);
///
/// let forged = json!({ "roles": ["admin"] });
/// let refused = token::sign_with_extra(&key, Profile::Rfc9068, &claims, forged.as_object().unwrap());
/// assert_eq!(refused, Err(ExtraRefused::Reserved("roles".into())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sign_with_extra(
    key: &SigningKey,
    profile: Profile,
    claims: &Claims,
    extra: &Map<String, Value>,
) -> Result<String, ExtraRefused> {
    if let Some(name) = extra.keys().find(|name| is_reserved(name)) {
        return Err(ExtraRefused::Reserved(name.clone()));
    }
    let mut payload = claims.to_json(profile);
    if !extra.is_empty() {
        payload.pop();
        let from = payload.len();
        serde_json::to_writer(&mut payload, extra).expect("JSON can always be written");
        payload[from] = b',';
    }
    shape::check(&payload, shape::CLAIMS).map_err(|_| ExtraRefused::TooMuch)?;
    let token = jws::sign_after(key.header(profile), key, &payload);
    if token.len() > jws::MAX_TOKEN_BYTES { Err(ExtraRefused::TooMuch) } else { Ok(token) }
}

/// Whether a claim of this name is ours, or somebody else's but not an application's.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Why an application's own claims were not signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtraRefused {
    /// A name that is registered or that is used here: a second meaning could grant what was never granted.
    #[error("the claim `{0}` is reserved; name an application's own claims otherwise, best by a URL of its own")]
    Reserved(String),
    /// The token would be longer than [`jws::MAX_TOKEN_BYTES`], nested more than 8 deep, or have more than 64 members in an
    /// object or 1024 values in all.
    #[error("the token would be longer, or its claims more or deeper, than verifiers read")]
    TooMuch,
}

/// The claims that are written here in any profile, and those of the registry (RFC 7519 §10.1) that say who may do what and
/// how a token is bound. What merely describes a person, such as `email`, is free.
const RESERVED: [&str; 35] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "client_id",
    "scope",
    "roles",
    "auth_time",
    "amr",
    "preferred_username",
    "type",
    "fresh",
    "uep",
    "rat",
    "acr",
    "act",
    "at_hash",
    "authorization_details",
    "azp",
    "c_hash",
    "cnf",
    "csrf",
    "entitlements",
    "events",
    "groups",
    "may_act",
    "nonce",
    "scp",
    "sub_id",
    "toe",
    "txn",
];
