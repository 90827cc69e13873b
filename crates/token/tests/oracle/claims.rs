//! What the payload must say (RFC 7519 §4, RFC 9068 §2.2), and what this project demands beyond.

use super::json::{self, Json};
use super::{Demand, Fault, Faults, member, refuse_if};

/// One JSON object (RFC 7519 §7.2 step 10). Ours: no member twice, and bounds.
pub(super) fn read(payload: &[u8]) -> Result<Vec<(String, Json)>, Faults> {
    let Some(object @ Json::Object(_)) = json::read(payload) else { return Err(Faults::from([Fault::PayloadJson])) };
    let mut faults = Faults::new();
    faults.extend(object.has_duplicates().then_some(Fault::PayloadDuplicate));
    let is_large = object.depth() > 8 || object.items() > 1_024 || object.widest() > 64;
    faults.extend(is_large.then_some(Fault::PayloadTooLarge));
    if faults.is_empty() { Ok(object.members().unwrap_or_default().to_vec()) } else { Err(faults) }
}

/// Whatever claim is there has its type; `null` is a type like any other.
pub(super) fn check_types(members: &[(String, Json)]) -> Result<(), Faults> {
    collect(members.iter().filter_map(|(name, value)| {
        let is_text = value.text().is_some();
        match name.as_str() {
            "iss" | "sub" | "jti" | "sid" | "client_id" | "scope" | "preferred_username" | "type" => {
                (!is_text).then_some(Fault::ClaimType)
            }
            "roles" | "amr" => value.texts().is_none().then_some(Fault::ClaimType),
            "aud" => (!is_text && value.texts().is_none()).then_some(Fault::ClaimType),
            "fresh" => value.boolean().is_none().then_some(Fault::ClaimType),
            "exp" | "iat" | "nbf" | "auth_time" | "rat" => integer_fault(value, i64::MIN.into(), i64::MAX.into()),
            "uep" => integer_fault(value, 0, u64::MAX.into()),
            _ => None,
        }
    }))
}

fn integer_fault(value: &Json, least: i128, most: i128) -> Option<Fault> {
    match (value, value.integer()) {
        (_, Some(integer)) => (!(least..=most).contains(&integer)).then_some(Fault::OutOfRange),
        (Json::Number(_), None) => Some(Fault::NotAnInteger),
        _ => Some(Fault::ClaimType),
    }
}

/// All that must be there is there, and has its form.
pub(super) fn check_presence_and_form(members: &[(String, Json)], demand: &Demand) -> Result<(), Faults> {
    let text = |name| member(members, name).and_then(Json::text);
    let lacks = |names: &[&str]| names.iter().any(|name| member(members, name).is_none());
    let mut faults = Faults::new();
    if lacks(&["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "sid", "uep", "rat"]) {
        faults.insert(Fault::Missing);
    }
    if text("sub") == Some("") || text("jti") == Some("") {
        faults.insert(Fault::Empty);
    }
    if text("sid").is_some_and(|sid| !is_canonical_uuid(sid)) {
        faults.insert(Fault::SidForm);
    }
    if demand.is_flask && lacks(&["type", "fresh", "nbf"]) {
        faults.insert(Fault::FlaskMissing);
    }
    if demand.is_flask && text("type").is_some_and(|kind| kind != "access") {
        faults.insert(Fault::FlaskKind);
    }
    collect(faults)
}

/// RFC 9068 §4: the issuer exactly, and the audience among those named.
pub(super) fn check_values(members: &[(String, Json)], demand: &Demand) -> Result<(), Faults> {
    let issuer = member(members, "iss").and_then(Json::text);
    refuse_if(issuer != Some(&demand.issuer), Fault::Issuer)?;
    let audience = member(members, "aud");
    let named = audience.and_then(Json::texts).or_else(|| Some(vec![audience?.text()?])).unwrap_or_default();
    refuse_if(!named.contains(&demand.audience.as_str()), Fault::Audience)
}

/// RFC 7519 §4.1.4, §4.1.5; leeway on both sides, and never more than a minute.
pub(super) fn check_times(members: &[(String, Json)], demand: &Demand) -> Result<(), Faults> {
    let seconds = |name| member(members, name).and_then(Json::integer).map(|seconds| seconds * 1000);
    let (now, leeway) = (i128::from(demand.now_ms), i128::from(demand.leeway_seconds.min(60)) * 1000);
    let mut faults = Faults::new();
    if seconds("exp").is_none_or(|exp| now >= exp + leeway) {
        faults.insert(Fault::Expired);
    }
    if seconds("nbf").is_some_and(|nbf| nbf > now + leeway) {
        faults.insert(Fault::NotYetValid);
    }
    let rat = member(members, "rat").and_then(Json::integer);
    if seconds("iat").max(rat).is_some_and(|issued| issued > now + leeway) {
        faults.insert(Fault::IssuedInTheFuture);
    }
    collect(faults)
}

fn collect(faults: impl IntoIterator<Item = Fault>) -> Result<(), Faults> {
    let faults: Faults = faults.into_iter().collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// RFC 9562 §4 in lower case: 8-4-4-4-12.
pub(super) fn is_canonical_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.concat().bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}
