//! Tokens that are good until they are bent: as text at every level, so that anything can be said twice, escaped, misspelled
//! or left out, and still be well signed.

mod bend;
mod strategy;
mod values;

use std::sync::LazyLock;

use jsonwebtoken::EncodingKey;
use token::{Algorithm, Claims, Profile, Secret, SigningKey, sign};

pub(crate) use bend::{Bend, Edge, Part};
pub(crate) use strategy::any_case;

use crate::oracle::json::{self, Json};
use crate::oracle::{Demand, base64url};
use crate::support::{AUDIENCE, ISSUER, KEYS, key};

/// One token to be judged, and what is demanded of it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) algorithm: Algorithm,
    pub(crate) is_flask: bool,
    pub(crate) claims: Claims,
    pub(crate) leeway_seconds: u32,
    pub(crate) now_ms: i64,
    pub(crate) bends: Vec<Bend>,
}

/// A token in the making.
pub(crate) struct Draft {
    /// Names and values as JSON text.
    header: Vec<(String, String)>,
    payload: Vec<(String, String)>,
    /// Instead of the members.
    whole: [Option<Vec<u8>>; 2],
    space: &'static str,
    signer: Signer,
    now_ms: i64,
    leeway_seconds: u32,
}

/// Whose signature it gets.
#[derive(Clone, Copy)]
pub(crate) enum Signer {
    Trusted(Algorithm),
    /// A key of the same algorithm that nobody trusts.
    Stranger(Algorithm),
}

impl Case {
    pub(crate) fn demand(&self) -> Demand {
        Demand {
            is_flask: self.is_flask,
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            leeway_seconds: self.leeway_seconds,
            now_ms: self.now_ms,
        }
    }

    /// The token with all its bends: first those of what is signed, then those of the text that comes out.
    pub(crate) fn token(&self) -> String {
        let mut draft = Draft::new(self);
        self.bends.iter().for_each(|bend| bend.before_signing(&mut draft));
        let mut segments = draft.sign();
        self.bends.iter().for_each(|bend| bend.after_signing(&mut segments));
        let mut token = segments.join(".");
        self.bends.iter().for_each(|bend| bend.in_text(&mut token));
        token
    }
}

impl Draft {
    /// Just as this project signs it.
    fn new(case: &Case) -> Self {
        let profile = if case.is_flask { Profile::FlaskJwtExtended } else { Profile::Rfc9068 };
        let token = sign(key(case.algorithm), profile, &case.claims);
        let members = |segment: &str| {
            let bytes = base64url::decode(segment).expect("base64url");
            let object = json::read(&bytes).expect("JSON");
            let members = object.members().expect("an object");
            members.iter().map(|(name, value)| (quoted(name), written(value))).collect()
        };
        let mut segments = token.split('.').map(members);
        Self {
            header: segments.next().expect("a header"),
            payload: segments.next().expect("a payload"),
            whole: [None, None],
            space: "",
            signer: Signer::Trusted(case.algorithm),
            now_ms: case.now_ms,
            leeway_seconds: case.leeway_seconds,
        }
    }

    fn members(&mut self, part: Part) -> &mut Vec<(String, String)> {
        match part {
            Part::Header => &mut self.header,
            Part::Payload => &mut self.payload,
        }
    }

    /// Sets a member, which is added if it is not there.
    fn set(&mut self, part: Part, name: &str, value: String) {
        let members = self.members(part);
        match members.iter_mut().find(|(other, _)| *other == quoted(name)) {
            Some(member) => member.1 = value,
            None => members.push((quoted(name), value)),
        }
    }

    fn text(&self, part: Part) -> Vec<u8> {
        let (members, whole) = match part {
            Part::Header => (&self.header, &self.whole[0]),
            Part::Payload => (&self.payload, &self.whole[1]),
        };
        let space = self.space;
        let object = || {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}{space}:{value}")).collect();
            format!("{space}{{{space}{}}}{space}", members.join(",")).into_bytes()
        };
        whole.clone().unwrap_or_else(object)
    }

    fn sign(&self) -> [String; 3] {
        let [header, payload] = [Part::Header, Part::Payload].map(|part| base64url::encode(&self.text(part)));
        let (key, algorithm) = match self.signer {
            Signer::Trusted(algorithm) => (key(algorithm), algorithm),
            Signer::Stranger(algorithm) => (stranger(algorithm), algorithm),
        };
        let signature = sign_raw(format!("{header}.{payload}").as_bytes(), key, algorithm);
        [header, payload, signature]
    }
}

/// Signs by the other library, which takes any bytes.
fn sign_raw(message: &[u8], key: &SigningKey, algorithm: Algorithm) -> String {
    let der = key.to_pkcs8();
    let der = der.as_deref().map(Vec::as_slice);
    let key = match (algorithm, der) {
        (Algorithm::EdDSA, Some(der)) => EncodingKey::from_ed_der(der),
        (Algorithm::Es256, Some(der)) => EncodingKey::from_ec_der(der),
        // PKCS #1 is what it reads: the content of PKCS #8, after its 26 bytes of header.
        (Algorithm::Rs256, Some(der)) => EncodingKey::from_rsa_der(&der[26..]),
        _ if key.kid() == KEYS[3].kid() => EncodingKey::from_secret(crate::support::SECRET),
        _ => EncodingKey::from_secret(STRANGERS_SECRET),
    };
    let algorithm = algorithm.name().parse().expect("an algorithm of the other library");
    jsonwebtoken::crypto::sign(message, &key, algorithm).expect("a signature")
}

/// A key that nobody trusts.
fn stranger(algorithm: Algorithm) -> &'static SigningKey {
    static STRANGERS: LazyLock<[SigningKey; 4]> = LazyLock::new(|| {
        Algorithm::ALL.map(|algorithm| match algorithm {
            Algorithm::Hs256 => SigningKey::from_secret(&Secret::new(STRANGERS_SECRET.to_vec()).expect("a secret")),
            other => SigningKey::generate(other).expect("a key"),
        })
    });
    STRANGERS.iter().find(|key| key.algorithm() == algorithm).expect("one of each")
}

const STRANGERS_SECRET: &[u8] = b"another secret of 0123456789 bytes";

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value as JSON text.
fn written(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Boolean(value) => value.to_string(),
        Json::Number(spelled) => spelled.clone(),
        Json::Text(text) => quoted(text),
        Json::List(values) => format!("[{}]", values.iter().map(written).collect::<Vec<_>>().join(",")),
        Json::Object(members) => {
            let members: Vec<_> = members.iter().map(|(name, value)| quoted(name) + ":" + &written(value)).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}
