//! Who is asking, once a credential has been checked.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use token::Claims;
use uuid::Uuid;

use crate::{Rejection, Unmet};

/// Somebody whose credential stands. It can be had only from a check that passed.
#[derive(Clone)]
pub struct Authenticated {
    claims: Arc<Claims>,
    shown: Shown,
}

/// The two views of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An access token, as API clients have it.
    Token,
    /// The session cookie, as browsers have it.
    Cookie,
}

#[derive(Clone)]
enum Shown {
    /// The value of the header that carried the token.
    Token(HeaderValue),
    Cookie,
}

impl Authenticated {
    pub(crate) fn by_token(claims: Arc<Claims>, header: HeaderValue) -> Self {
        Self { claims, shown: Shown::Token(header) }
    }

    pub(crate) fn by_cookie(claims: Arc<Claims>) -> Self {
        Self { claims, shown: Shown::Cookie }
    }

    /// Whom it speaks for: a user's id, which is stable and never reused, or the id of a client that acts for itself.
    pub fn subject(&self) -> &str {
        &self.claims.sub
    }

    /// The name that the user goes by, for greeting; else the subject. Names change: do not decide by them.
    pub fn username(&self) -> &str {
        self.claims.preferred_username.as_deref().unwrap_or(&self.claims.sub)
    }

    /// The session, as the issuer's API names it.
    pub fn session_id(&self) -> String {
        Uuid::from_bytes(self.claims.sid).hyphenated().to_string()
    }

    /// Whether the user has a role.
    pub fn has_role(&self, role: &str) -> bool {
        self.claims.roles.iter().any(|own| own == role)
    }

    /// Whether the client was granted a scope; never with a cookie.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.claims.scope.split(' ').any(|own| own == scope && !own.is_empty())
    }

    /// Demands a role within a handler; [`crate::Policy`] does so for a route.
    pub fn require_role(&self, role: &str) -> Result<(), Rejection> {
        if self.has_role(role) { Ok(()) } else { Err(Unmet::Role(vec![role.to_owned()]).into()) }
    }

    /// Demands a scope within a handler; [`crate::Policy`] does so for a route.
    pub fn require_scope(&self, scope: &str) -> Result<(), Rejection> {
        if self.has_scope(scope) { Ok(()) } else { Err(Unmet::Scope(vec![scope.to_owned()]).into()) }
    }

    /// Which credential was shown.
    pub fn kind(&self) -> Kind {
        match self.shown {
            Shown::Token(_) => Kind::Token,
            Shown::Cookie => Kind::Cookie,
        }
    }

    /// All that is known. For a cookie these are the claims that an access token of its session would have.
    pub fn claims(&self) -> &Arc<Claims> {
        &self.claims
    }

    /// Reads the claims as a type of your own, for claims that are yours. Those of [`Claims`] are always there, in one form:
    /// `aud` is an array, and what a cookie lacks is empty.
    ///
    /// ```
    /// #[derive(serde::Deserialize)]
    /// struct Mine {
    ///     tenant: String,
    /// }
    /// fn tenant(who: &verifier::Authenticated) -> Result<String, serde_json::Error> {
    ///     Ok(who.claims_as::<Mine>()?.tenant)
    /// }
    /// ```
    pub fn claims_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        let mut all = match &self.shown {
            Shown::Token(header) => {
                let text = header.to_str().unwrap_or_default();
                let payload = text.split('.').nth(1).unwrap_or_default();
                serde_json::from_slice(&token::base64url::decode(payload).unwrap_or_default())?
            }
            Shown::Cookie => Map::new(),
        };
        if let Value::Object(known) = self.known() {
            all.extend(known);
        }
        serde_json::from_value(Value::Object(all))
    }

    fn known(&self) -> Value {
        let claims = &self.claims;
        json!({
            "iss": claims.iss, "sub": claims.sub, "aud": claims.aud, "exp": claims.exp, "iat": claims.iat, "jti": claims.jti,
            "sid": self.session_id(), "client_id": claims.client_id, "scope": claims.scope, "roles": claims.roles,
            "auth_time": claims.auth_time, "amr": claims.amr, "preferred_username": claims.preferred_username,
            "uep": claims.uep, "rat": claims.rat,
        })
    }
}

impl fmt::Debug for Authenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated")
            .field("subject", &self.subject())
            .field("session_id", &self.session_id())
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}
