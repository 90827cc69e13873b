//! What an access token says, as it is used in the program; and how it is written in JSON.

use serde::Serialize;
use serde::ser::Serializer;
use uuid::Uuid;

use crate::Profile;

/// The claims of an access token (RFC 9068 §2.2), and those by which it can be revoked.
///
/// ```
/// let claims = token::Claims { sub: "0190a5c4-7d2e-7000-8000-000000000001".into(), ..Default::default() };
/// assert_eq!(claims.user().unwrap()[..2], [0x01, 0x90]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Who issued it: compared byte for byte.
    pub iss: String,
    /// Whom it speaks for: a user id as hyphenated lower-case UUID, or the id of a client that acts for itself.
    pub sub: String,
    /// For whom it is meant. Written as a string when there is one, as an array when there are more.
    pub aud: Vec<String>,
    /// When it ends, in unix seconds.
    pub exp: i64,
    /// When it was issued, in unix seconds.
    pub iat: i64,
    /// The id of this token.
    pub jti: String,
    /// Before when it is not valid, in unix seconds.
    pub nbf: Option<i64>,
    /// The session that it belongs to; written as hyphenated lower-case UUID, as the server's API names it.
    pub sid: [u8; 16],
    /// The client that it was issued to.
    pub client_id: String,
    /// The granted scope, separated by spaces; may be empty.
    pub scope: String,
    /// The roles of the user.
    pub roles: Vec<String>,
    /// When the user last proved who they are, in unix seconds.
    pub auth_time: Option<i64>,
    /// How they proved it (RFC 8176).
    pub amr: Vec<String>,
    /// The name that the user goes by, for greeting only.
    pub preferred_username: Option<String>,
    /// Whether it came from a login rather than a refresh; written in profile [`Profile::FlaskJwtExtended`] only.
    pub fresh: bool,
    /// The epoch of the user when it was issued; a raised epoch voids it.
    pub uep: u64,
    /// When the session and the user were read, in unix **milli**seconds: how fresh the token's own knowledge is.
    pub rat: i64,
}

impl Claims {
    /// The user that it speaks for; `None` when `sub` is not a user id in its one spelling.
    pub fn user(&self) -> Option<[u8; 16]> {
        parse_id(&self.sub)
    }

    /// Writes the payload.
    pub(crate) fn to_json(&self, profile: Profile) -> Vec<u8> {
        let is_flask = profile == Profile::FlaskJwtExtended;
        let mut sid = Uuid::encode_buffer();
        let members = Written {
            iss: &self.iss,
            sub: &self.sub,
            aud: OneOrMany(&self.aud),
            exp: self.exp,
            iat: self.iat,
            nbf: self.nbf.or(is_flask.then_some(self.iat)),
            jti: &self.jti,
            sid: Uuid::from_bytes(self.sid).hyphenated().encode_lower(&mut sid),
            client_id: &self.client_id,
            scope: &self.scope,
            roles: &self.roles,
            auth_time: self.auth_time,
            amr: &self.amr,
            preferred_username: self.preferred_username.as_deref(),
            kind: is_flask.then_some(ACCESS),
            fresh: is_flask.then_some(self.fresh),
            uep: self.uep,
            rat: self.rat,
        };
        let mut json = Vec::with_capacity(512);
        serde_json::to_writer(&mut json, &members).expect("strings and numbers can always be written");
        json
    }
}

/// An id in its one spelling: a hyphenated UUID in lower case (RFC 9562 §4).
pub(crate) fn parse_id(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    if [8, 13, 18, 23].iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let mut digits = [0; 32];
    for (to, from) in [(0..8, 0..8), (8..12, 9..13), (12..16, 14..18), (16..20, 19..23), (20..32, 24..36)] {
        digits[to].copy_from_slice(&text[from]);
    }
    // All at once and without a branch, as the processor likes it.
    let mut wrong = 0;
    for digit in &mut digits {
        let (number, letter) = (digit.wrapping_sub(b'0'), digit.wrapping_sub(b'a'));
        wrong |= u8::from(number > 9) & u8::from(letter > 5);
        *digit = if number < 10 { number } else { letter.wrapping_add(10) };
    }
    let mut id = [0; 16];
    for (byte, pair) in id.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = pair[0] << 4 | pair[1];
    }
    (wrong == 0).then_some(id)
}

/// `type` of an access token, as flask-jwt-extended has it.
pub(crate) const ACCESS: &str = "access";

#[derive(Serialize)]
struct Written<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: OneOrMany<'a>,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    jti: &'a str,
    sid: &'a str,
    client_id: &'a str,
    scope: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    roles: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fresh: Option<bool>,
    uep: u64,
    rat: i64,
}

/// `aud` as it is written: one audience as a string, more as an array (RFC 7519 §4.1.3).
struct OneOrMany<'a>(&'a [String]);

impl Serialize for OneOrMany<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [one] => serializer.serialize_str(one),
            many => many.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn an_id_is_read_in_the_one_spelling_that_is_written(id: [u8; 16], at in 0..36_usize, other: char) {
            let written = Uuid::from_bytes(id).hyphenated().to_string();
            prop_assert_eq!(parse_id(&written), Some(id));
            let mut bent: Vec<char> = written.chars().collect();
            bent[at] = other;
            let bent: String = bent.into_iter().collect();
            let is_written = Uuid::try_parse(&bent).ok().filter(|id| id.hyphenated().to_string() == bent);
            prop_assert_eq!(parse_id(&bent), is_written.map(Uuid::into_bytes));
        }
    }

    #[test]
    fn an_id_in_another_spelling_is_none() {
        const ID: &str = "0190a5c4-7d2e-7000-8000-0000000000ff";
        assert!(parse_id(ID).is_some());
        for other in [&ID[1..], &format!("{ID}0"), &ID.to_uppercase(), &ID.replace('-', ""), &format!("{{{ID}}}"), ""] {
            assert_eq!(parse_id(other), None, "{other}");
        }
        assert_eq!(parse_id("0190a5c-47d2e-7000-8000-0000000000ff"), None);
        assert_eq!(parse_id("0190a5c4-7d2e-7000-8000-0000000000f-"), None);
    }
}
