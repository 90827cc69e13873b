//! Who is asking, in header fields for the application.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::{Email, Roles, SessionId, UserId, Username};

use crate::failure::Failure;
use crate::proofs::Credential;

/// Whom a request is let through for.
pub struct Identity {
    user_id: UserId,
    username: Username,
    email: Option<Email>,
    /// What they may do.
    pub roles: Roles,
    session_id: SessionId,
}

impl Identity {
    /// Whose credential it is. Whoever shares the secret of HS256 can sign any text as a name; here it must be a name.
    pub fn of(credential: &Credential) -> Result<Self, Failure> {
        let (username, roles) =
            (credential.username().parse(), Roles::parse(credential.roles().iter().map(String::as_str)));
        let (Ok(username), Ok(roles)) = (username, roles) else {
            return Err(Failure::Unauthenticated(Some("the token names no user of this server".to_owned())));
        };
        Ok(Self {
            user_id: credential.user_id(),
            username,
            email: credential.cookie().and_then(|known| known.account.email.clone()),
            roles,
            session_id: credential.session_id(),
        })
    }
}

impl IntoResponse for Identity {
    fn into_response(self) -> Response {
        let mut response = StatusCode::OK.into_response();
        let mut set = |name, text: String| {
            let value = HeaderValue::try_from(text).expect("ids, names, roles and addresses are visible ASCII");
            response.headers_mut().insert(HeaderName::from_static(name), value);
        };
        set("remote-user", self.username.to_string());
        set("remote-user-id", self.user_id.to_string());
        set("remote-session-id", self.session_id.to_string());
        // Empty rather than absent: what is absent, some proxies leave as the client sent it.
        set("remote-groups", self.roles.as_slice().join(","));
        set("remote-email", self.email.map_or_else(String::new, |email| email.to_string()));
        response
    }
}
