//! A second opinion on access tokens: a slow, plain reading of RFC 7515, 7519, 9068 and of what this project documents
//! beyond them, with its own base64url and its own JSON. It shares nothing with what it judges but the primitives.
#![allow(dead_code, unused_imports, reason = "each program that has an oracle asks it different things")]
#![allow(missing_docs, reason = "the names are those of the standards")]

pub mod base64url;
mod claims;
mod compare;
mod fault;
pub mod json;
mod signature;

use std::collections::BTreeSet;

pub use compare::{compare, expectation};
pub use fault::{Fault, Source};
use json::Json;
pub use signature::Trusted;

/// What is demanded of a token.
pub struct Demand {
    /// Profile `flask-jwt-extended` rather than `rfc9068`.
    pub is_flask: bool,
    pub issuer: String,
    pub audience: String,
    pub leeway_seconds: u32,
    pub now_ms: i64,
}

/// All that is wrong with a token at the first step at which something is; nothing if it is to be accepted.
pub type Faults = BTreeSet<Fault>;

/// Judges a token. When it is good, the members of its payload.
pub fn judge(token: &str, trusted: &[Trusted], demand: &Demand) -> Result<Vec<(String, Json)>, Faults> {
    let [header, payload, signature] = segments(token)?;
    let read = read_header(header)?;
    let decoded = base64url::decode(payload).zip(base64url::decode(signature));
    let (body, tag) = decoded.ok_or_else(|| Faults::from([Fault::BodyEncoding]))?;
    let key = find_key(&read, trusted)?;
    let signed = &token[..token.len() - signature.len() - 1];
    refuse_if(!key.has_signed(signed.as_bytes(), &tag), Fault::Signature)?;
    let members = claims::read(&body)?;
    claims::check_types(&members)?;
    claims::check_presence_and_form(&members, demand)?;
    check_type(&read, demand)?;
    claims::check_values(&members, demand)?;
    claims::check_times(&members, demand)?;
    Ok(members)
}

/// The first member of that name.
pub fn member<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    members.iter().find(|(other, _)| other == name).map(|(_, value)| value)
}

fn refuse_if(is_wrong: bool, fault: Fault) -> Result<(), Faults> {
    if is_wrong { Err(Faults::from([fault])) } else { Ok(()) }
}

/// RFC 7515 §7.1: three parts and two dots. Ours: at most 8 KiB.
fn segments(token: &str) -> Result<[&str; 3], Faults> {
    refuse_if(token.len() > 8 * 1024, Fault::TooLong)?;
    let parts: Vec<&str> = token.split('.').collect();
    let parts: [&str; 3] = parts.try_into().map_err(|_| Faults::from([Fault::Segments]))?;
    refuse_if(parts[0].is_empty() || parts[2].is_empty(), Fault::Segments)?;
    Ok(parts)
}

/// RFC 7515 §4: one JSON object. Ours: `alg`, `typ`, `kid` as strings, each at most once, and nothing else.
fn read_header(segment: &str) -> Result<Vec<(String, Json)>, Faults> {
    let decoded = base64url::decode(segment);
    let mut faults = Faults::new();
    // Judged by its text where it does not decode: 1,366 characters carry 1,024 bytes.
    if segment.len() > 1_366 {
        faults.insert(Fault::HeaderTooLong);
    }
    let Some(bytes) = decoded else {
        faults.insert(Fault::HeaderEncoding);
        return Err(faults);
    };
    let Some(header @ Json::Object(_)) = json::read(&bytes) else {
        faults.insert(Fault::HeaderJson);
        return Err(faults);
    };
    faults.extend(header.has_duplicates().then_some(Fault::HeaderDuplicate));
    let members = header.members().unwrap_or_default();
    for (name, value) in members {
        if !["alg", "typ", "kid"].contains(&name.as_str()) {
            faults.insert(Fault::HeaderMember);
        } else if value.text().is_none() {
            faults.insert(Fault::HeaderType);
        }
    }
    faults.extend(member(members, "alg").is_none().then_some(Fault::NoAlgorithm));
    if faults.is_empty() { Ok(members.to_vec()) } else { Err(faults) }
}

/// The key that `kid` names, if `alg` is its own (RFC 8725 §3.1).
fn find_key<'a>(header: &[(String, Json)], trusted: &'a [Trusted]) -> Result<&'a Trusted, Faults> {
    let text = |name| member(header, name).and_then(Json::text);
    let alg = text("alg").unwrap_or_default();
    let known = trusted.iter().find(|key| Some(key.kid.as_str()) == text("kid"));
    let mut faults = Faults::new();
    if !["EdDSA", "ES256", "RS256", "HS256"].contains(&alg) {
        faults.insert(Fault::Algorithm);
    }
    match known {
        None => {
            faults.insert(if text("kid").is_none() { Fault::NoKid } else { Fault::UnknownKid });
        }
        Some(key) if key.algorithm() != alg => {
            faults.insert(Fault::OtherAlgorithm);
        }
        Some(key) if faults.is_empty() => return Ok(key),
        Some(_) => {}
    }
    Err(faults)
}

/// RFC 7515 §4.1.9: media types without case, and `application/` may be left out.
fn check_type(header: &[(String, Json)], demand: &Demand) -> Result<(), Faults> {
    let expected = if demand.is_flask { "jwt" } else { "at+jwt" };
    let typ = member(header, "typ").and_then(Json::text).map(str::to_ascii_lowercase);
    let is_expected = typ.is_some_and(|typ| typ == expected || typ == format!("application/{expected}"));
    refuse_if(!is_expected, Fault::Type)
}
