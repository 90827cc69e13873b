//! A forged user, and the two credentials of their session.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value, json};
use token::{Algorithm, Claims, Profile, SigningKey};
use uuid::Uuid;

use super::TestIssuer;

/// A user with a session, described step by step.
#[must_use = "ask it for a token or a cookie"]
pub struct TestUser<'a> {
    issuer: &'a TestIssuer,
    profile: Profile,
    claims: Claims,
    extra: Map<String, Value>,
}

impl<'a> TestUser<'a> {
    pub(super) fn new(issuer: &'a TestIssuer, username: &str) -> Self {
        let now_ms = issuer.clock().now_ms();
        let serial = issuer.state.serial.fetch_add(1, Ordering::AcqRel);
        // The same name is the same user; every call is another session.
        let user_id = Uuid::from_u128(fnv(username));
        let claims = Claims {
            iss: issuer.url().to_owned(),
            sub: user_id.hyphenated().to_string(),
            aud: vec![issuer.url().to_owned()],
            exp: now_ms / 1000 + 600,
            iat: now_ms / 1000,
            jti: serial.to_string(),
            sid: (u128::from(serial) | 1 << 127).to_be_bytes(),
            client_id: "first-party".to_owned(),
            auth_time: Some(now_ms / 1000),
            amr: vec!["pwd".to_owned()],
            preferred_username: Some(username.to_owned()),
            rat: now_ms,
            ..Claims::default()
        };
        Self { issuer, profile: Profile::Rfc9068, claims, extra: Map::new() }
    }

    /// Gives them a role.
    pub fn role(mut self, role: &str) -> Self {
        self.claims.roles.push(role.to_owned());
        self
    }

    /// Grants their client these scopes, separated by spaces; a cookie has none.
    pub fn scope(mut self, scope: &str) -> Self {
        scope.clone_into(&mut self.claims.scope);
        self
    }

    /// Means the token for another audience than the issuer itself.
    pub fn audience(mut self, audience: &str) -> Self {
        self.claims.aud = vec![audience.to_owned()];
        self
    }

    /// Lets the token, or the session of the cookie, last so long.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.claims.exp = self.issuer.clock().now_ms() / 1000 + lifetime.as_secs() as i64;
        self
    }

    /// Lets the login be so long ago.
    pub fn authenticated_ago(mut self, age: Duration) -> Self {
        self.claims.auth_time = Some(self.issuer.clock().now_ms() / 1000 - age.as_secs() as i64);
        self
    }

    /// Changes anything else, to something wrong for instance.
    pub fn with(mut self, change: impl FnOnce(&mut Claims)) -> Self {
        change(&mut self.claims);
        self
    }

    /// Gives the token a claim of your own; a cookie has none.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// Another look of the token.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// An access token, signed by the issuer.
    pub fn token(self) -> String {
        self.signed_by(&self.issuer.state.keys().signing)
    }

    /// An access token, signed by somebody whom the issuer does not know.
    pub fn token_of_a_stranger(self) -> String {
        let key = SigningKey::generate(Algorithm::EdDSA).expect("Ed25519 keys can be made");
        self.signed_by(&key)
    }

    fn signed_by(&self, key: &SigningKey) -> String {
        token::sign_with_extra(key, self.profile, &self.claims, &self.extra)
            .expect("a claim of one's own has a name of its own")
    }

    /// The session's cookie, as a `Cookie` header has it.
    pub fn cookie(self) -> String {
        let claims = &self.claims;
        let session_id = Uuid::from_bytes(claims.sid).hyphenated().to_string();
        let session = json!({
            "session_id": session_id,
            "amr": claims.amr,
            "expires_at": claims.exp * 1000,
            "authenticated_at": claims.auth_time.unwrap_or_default() * 1000,
            "user": {
                "user_id": claims.sub, "username": claims.preferred_username, "roles": claims.roles, "epoch": claims.uep,
            },
        });
        let value = token::base64url::encode([claims.sid, claims.sid, claims.sid].concat());
        self.issuer.state.sessions().insert(value.clone(), session);
        format!("session={value}")
    }
}

/// Sixteen bytes of a name that are the same in every run (FNV-1a).
fn fnv(text: &str) -> u128 {
    let offset = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    text.bytes().fold(offset, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b))
}
