//! Holds this project's verdict on a token against the oracle's.

use token::{Claims, Expectation, KeySet, Profile, Refused, verify, verify_with_kid};

use super::json::Json;
use super::{Demand, Faults, Trusted, judge, member};

/// Both verdicts on one token, which agree: the claims, or what is wrong.
///
/// # Panics
///
/// If they do not: one accepts what the other refuses, they read different claims, or the reason that is given is none of
/// those that there are.
pub fn compare(token: &str, keys: &KeySet, trusted: &[Trusted], demand: &Demand) -> Result<Claims, Faults> {
    let ours = verify(token, keys, &expectation(demand), demand.now_ms);
    match (judge(token, trusted, demand), ours) {
        (Ok(members), Ok(claims)) => {
            assert_same(&claims, &members);
            let again = verify_with_kid(token, keys, &expectation(demand), demand.now_ms);
            assert_eq!(
                again.map(|(claims, _)| claims).as_ref(),
                Ok(&claims),
                "verifying is the same each time: {token}"
            );
            Ok(claims)
        }
        (Err(faults), Err(refused)) => {
            assert!(is_named(refused, &faults), "{refused:?} is none of {faults:?}: {token}");
            Err(faults)
        }
        (Ok(_), Err(refused)) => panic!("refused for no reason that the oracle knows, {refused:?}: {token}"),
        (Err(faults), Ok(_)) => panic!("accepted in spite of {faults:?}: {token}"),
    }
}

/// The same demands as this project writes them.
pub fn expectation(demand: &Demand) -> Expectation {
    let profile = if demand.is_flask { Profile::FlaskJwtExtended } else { Profile::Rfc9068 };
    Expectation::new(profile, &demand.issuer, &demand.audience).with_leeway_seconds(demand.leeway_seconds)
}

fn is_named(refused: Refused, faults: &Faults) -> bool {
    faults.iter().any(|fault| fault.code() == refused.code())
}

/// Every claim is the member of its name, and what is not there has the value that stands for it.
fn assert_same(claims: &Claims, members: &[(String, Json)]) {
    let text = |name| member(members, name).and_then(Json::text);
    let integer = |name| member(members, name).and_then(Json::integer);
    let texts = |name| {
        let value = member(members, name);
        value.and_then(|value| value.texts().or_else(|| value.text().map(|one| vec![one]))).unwrap_or_default()
    };
    assert_eq!(Some(claims.iss.as_str()), text("iss"));
    assert_eq!(Some(claims.sub.as_str()), text("sub"));
    assert_eq!(claims.aud, texts("aud"));
    assert_eq!(Some(i128::from(claims.exp)), integer("exp"));
    assert_eq!(Some(i128::from(claims.iat)), integer("iat"));
    assert_eq!(claims.nbf.map(i128::from), integer("nbf"));
    assert_eq!(Some(claims.jti.as_str()), text("jti"));
    assert_eq!(Some(number(claims.sid)), text("sid").and_then(hexadecimal));
    assert_eq!(Some(claims.client_id.as_str()), text("client_id"));
    assert_eq!(claims.scope, text("scope").unwrap_or_default());
    assert_eq!(claims.roles, texts("roles"));
    assert_eq!(claims.auth_time.map(i128::from), integer("auth_time"));
    assert_eq!(claims.amr, texts("amr"));
    assert_eq!(claims.preferred_username.as_deref(), text("preferred_username"));
    assert_eq!(claims.fresh, member(members, "fresh").and_then(Json::boolean).unwrap_or_default());
    assert_eq!(Some(i128::from(claims.uep)), integer("uep"));
    assert_eq!(Some(i128::from(claims.rat)), integer("rat"));
    let user = text("sub").filter(|sub| super::claims::is_canonical_uuid(sub)).and_then(hexadecimal);
    assert_eq!(claims.user().map(number), user);
}

fn number(id: [u8; 16]) -> u128 {
    u128::from_be_bytes(id)
}

fn hexadecimal(id: &str) -> Option<u128> {
    u128::from_str_radix(&id.replace('-', ""), 16).ok()
}
