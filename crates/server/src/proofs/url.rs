//! What a URL says. What cannot be read fails like everything else: as a page or as problem details.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::failure::Failure;

/// A part of the path. One that is not well-formed names nothing.
pub struct InPath<T>(pub T);

/// The query.
pub struct InQuery<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for InPath<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let read = Path::from_request_parts(parts, app).await;
        read.map(|Path(value)| Self(value)).map_err(|_| Failure::NotFound)
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for InQuery<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let read = Query::from_request_parts(parts, app).await;
        let malformed = |_| Failure::Refused(StatusCode::BAD_REQUEST, "The query of this URL cannot be read.");
        read.map(|Query(value)| Self(value)).map_err(malformed)
    }
}
