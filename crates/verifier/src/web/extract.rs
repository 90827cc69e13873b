//! What an axum handler may ask for: [`Authenticated`], or `Option<Authenticated>` where anybody may come.

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::{Authenticated, Rejection, Verifier};

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        if let Some(who) = parts.extensions.get::<Self>() {
            return Ok(who.clone());
        }
        let verifier = parts.extensions.get::<Verifier>().cloned().ok_or(Rejection::NoVerifier)?;
        let who = verifier.authenticate(parts).await?;
        parts.extensions.insert(who.clone());
        Ok(who)
    }
}

/// Nobody, if no credential is shown, or a cookie that opens nothing any more: browsers keep sending those. A token that
/// does not admit is an error all the same, so that its client hears of it and refreshes.
impl<S: Sync> OptionalFromRequestParts<S> for Authenticated {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        match <Self as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(who) => Ok(Some(who)),
            Err(Rejection::Missing | Rejection::Ended) => Ok(None),
            Err(rejection) => Err(rejection),
        }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Self::into_response::<Body>(self)
    }
}
