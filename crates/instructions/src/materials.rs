//! Keys, and tokens that they signed.

use serde_json::{Value, json};
use token::{Algorithm, Claims, Expectation, KeySet, Profile, Secret, SigningKey, base64url, jws};

pub(crate) const NOW_MS: i64 = 1_800_000_000_000;
pub(crate) const SECRET: &[u8] = b"9bT!kq2v#Lw8zR4mXc7pY0sNd5fHg1jU";
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://api.example";

pub(crate) struct Materials {
    keys: Vec<SigningKey>,
    tokens: Value,
}

impl Materials {
    /// New keys and what they sign, as text.
    pub(crate) fn make() -> String {
        let keys = Algorithm::ALL.map(|algorithm| match algorithm {
            Algorithm::Hs256 => SigningKey::from_secret(&Secret::new(SECRET.to_vec()).unwrap()),
            _ => SigningKey::generate(algorithm).unwrap(),
        });
        let each = keys.iter().map(|key| {
            let own = token::sign(key, Profile::Rfc9068, &claims());
            let extra = json!({ "https://shop.example/customer": 7, "https://shop.example/tags": ["a", "b"] });
            let extra = token::sign_with_extra(key, Profile::Rfc9068, &claims(), extra.as_object().unwrap()).unwrap();
            // Sorted by name, which is not how this project writes.
            let foreign = jws::sign(key, "at+jwt", token::inspect(&own).unwrap().claims.to_string().as_bytes());
            let der = key.to_pkcs8().map(|der| base64url::encode(&*der));
            (key.algorithm().name().to_owned(), json!({ "key": der, "own": own, "extra": extra, "foreign": foreign }))
        });
        Value::Object(each.collect()).to_string()
    }

    pub(crate) fn read(text: &str) -> Self {
        let tokens: Value = serde_json::from_str(text).unwrap();
        let keys = Algorithm::ALL.map(|algorithm| match tokens[algorithm.name()]["key"].as_str() {
            Some(der) => SigningKey::from_pkcs8(algorithm, &base64url::decode(der).unwrap()).unwrap(),
            None => SigningKey::from_secret(&Secret::new(SECRET.to_vec()).unwrap()),
        });
        Self { keys: keys.into(), tokens }
    }

    pub(crate) fn key(&self, algorithm: &str) -> &SigningKey {
        self.keys.iter().find(|key| key.algorithm().name() == algorithm).unwrap()
    }

    pub(crate) fn keys(&self) -> KeySet {
        let mut keys = KeySet::new();
        self.keys.iter().for_each(|key| keys.insert(key.verifying_key()).unwrap());
        keys
    }

    /// As this project writes it.
    pub(crate) fn token(&self, algorithm: &str) -> String {
        self.signed(algorithm, "own")
    }

    /// With claims of an application's own.
    pub(crate) fn extra(&self, algorithm: &str) -> String {
        self.signed(algorithm, "extra")
    }

    /// As others may write it.
    pub(crate) fn foreign(&self, algorithm: &str) -> String {
        self.signed(algorithm, "foreign")
    }

    fn signed(&self, algorithm: &str, how: &str) -> String {
        self.tokens[algorithm][how].as_str().unwrap().to_owned()
    }
}

pub(crate) fn expectation() -> Expectation {
    Expectation::new(Profile::Rfc9068, ISSUER, AUDIENCE)
}

fn claims() -> Claims {
    Claims {
        iss: ISSUER.into(),
        sub: "0190a5c4-7d2e-7000-8000-000000000001".into(),
        aud: vec![AUDIENCE.into()],
        exp: NOW_MS / 1000 + 600,
        iat: NOW_MS / 1000,
        jti: "0190a5c4-7d2e-7000-8000-0000000000ff".into(),
        sid: [7; 16],
        client_id: "shop".into(),
        scope: "openid profile".into(),
        roles: vec!["user".into()],
        auth_time: Some(NOW_MS / 1000 - 60),
        amr: vec!["pwd".into(), "otp".into()],
        preferred_username: Some("ada".into()),
        uep: 3,
        rat: NOW_MS,
        ..Claims::default()
    }
}
