//! Access tokens: as they come in, and well signed around a header or a payload of any bytes.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use token::{Algorithm, Claims, Profile, Refused, inspect, jws, sign, verify};

use super::known::{DEMANDS, KEY_SET, KEYS, SECRET, TRUSTED, good_claims, key};
use super::oracle::json::{self, Json};
use super::oracle::{Demand, base64url, compare, expectation};

/// Bytes as a whole token.
pub fn access_token(bytes: &[u8]) -> bool {
    let Ok(token) = str::from_utf8(bytes) else { return false };
    let segments: Vec<&str> = token.split('.').collect();
    if let Ok(seen) = inspect(token) {
        let object = |segment: &str| json::read(&base64url::decode(segment).expect("it was decoded"));
        for (segment, shown) in [(segments[0], seen.header), (segments[1], seen.claims)] {
            let object = object(segment).expect("it was read");
            assert!(!object.has_duplicates() && object.members().is_some());
            assert_eq!(object.members().map(<[_]>::len), shown.as_object().map(serde_json::Map::len));
        }
    }
    for key in KEYS.iter() {
        if let Ok(verified) = jws::verify(token, &key.verifying_key()) {
            assert_eq!(Some(verified.payload), base64url::decode(segments[1]), "what was signed is what is shown");
        }
    }
    let accepted = DEMANDS.iter().filter(|demand| is_accepted(token, demand));
    accepted.count() > 0
}

/// Bytes as a header, before a good payload and a good signature.
pub fn header(bytes: &[u8]) -> bool {
    static PAYLOAD: LazyLock<String> = LazyLock::new(|| {
        // Good for both profiles.
        let token = sign(key(Algorithm::Hs256), Profile::FlaskJwtExtended, &good_claims());
        token.split('.').nth(1).expect("a payload").to_owned()
    });
    let input = format!("{}.{}", base64url::encode(bytes), *PAYLOAD);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), input.as_bytes());
    let token = format!("{input}.{}", base64url::encode(tag.as_ref()));
    let accepted = DEMANDS.iter().filter(|demand| is_accepted(&token, demand)).count();
    assert!(accepted < 2, "one header is for one profile");
    if let Ok(verified) = jws::verify(&token, &key(Algorithm::Hs256).verifying_key()) {
        let header = json::read(bytes).expect("it was read");
        let member = |name| header.members().and_then(|members| super::oracle::member(members, name));
        assert_eq!(verified.typ.as_deref(), member("typ").and_then(Json::text));
        assert_eq!(member("alg").and_then(Json::text), Some("HS256"));
    }
    accepted > 0
}

/// Bytes as a payload, after a good header and before a good signature.
pub fn claims(bytes: &[u8]) -> bool {
    let key = key(Algorithm::Hs256);
    let mut accepted = false;
    for demand in DEMANDS.iter() {
        let typ = expectation(demand).profile().typ();
        let token = jws::sign(key, typ, bytes);
        accepted |= is_accepted(&token, demand);
        // A space after the object means nothing, and leads past the reader that is made for our own spelling.
        let spaced = jws::sign(key, typ, &[bytes, b" "].concat());
        if spaced.len() <= jws::MAX_TOKEN_BYTES {
            assert_eq!(judge(&token, demand), judge(&spaced, demand), "both readers agree");
        }
    }
    accepted
}

/// Agrees with the oracle; and what is accepted reads the same however it is written, and ends when it says.
fn is_accepted(token: &str, demand: &Demand) -> bool {
    let Ok(claims) = compare(token, &KEY_SET, &TRUSTED, demand) else { return false };
    let expect = expectation(demand);
    assert!(inspect(token).is_ok());
    let written = sign(key(Algorithm::Hs256), expect.profile(), &claims);
    if written.len() <= jws::MAX_TOKEN_BYTES {
        let again = Claims { fresh: demand.is_flask && claims.fresh, ..claims.clone() };
        assert_eq!(judge(&written, demand), Ok(again), "what is read is what is written");
    }
    let end = claims.exp.saturating_mul(1000).saturating_add(5_000);
    assert_eq!(verify(token, &KEY_SET, &expect, end), Err(Refused::Expired));
    assert!(verify(token, &KEY_SET, &expect, end - 1).is_ok());
    true
}

fn judge(token: &str, demand: &Demand) -> Result<Claims, Refused> {
    verify(token, &KEY_SET, &expectation(demand), demand.now_ms)
}
