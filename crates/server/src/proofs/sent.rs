//! Bodies that programs send, and URLs that take both: a form gets a page, a JSON client gets data.

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::Posted;
use super::authenticated::bearer;
use super::csrf::{Csrf, same_origin};
use super::form::{media_type, read};
use crate::app::App;
use crate::failure::Failure;

/// A JSON body. `application/json` only: no browser sends that across sites without asking first (CORS).
pub struct JsonBody<T>(pub T);

/// A body that is either, for logging in.
pub enum Sent<T> {
    /// From one of our pages, CSRF checked.
    Form(Posted<T>),
    /// From a program.
    Json(T),
}

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        if media_type(&request) != "application/json" {
            return Err(Failure::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "This takes application/json."));
        }
        same_origin(app, request.headers())?;
        let body = read(request, app).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| explain(&error))
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Sent<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        match media_type(&request).as_str() {
            "application/json" => JsonBody::from_request(request, app).await.map(|JsonBody(body)| Self::Json(body)),
            "application/x-www-form-urlencoded" => {
                Posted::checked(request, app, Csrf::check_login).await.map(Self::Form)
            }
            _ => Err(Failure::Refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "This takes application/json, or a form from one of our pages.",
            )),
        }
    }
}

/// A token in the `Authorization` header, or else a JSON body. With the header, the body does not matter.
pub enum BearerOr<T> {
    /// From the header.
    Bearer(String),
    /// From the body.
    Body(T),
}

impl<T: DeserializeOwned> FromRequest<App> for BearerOr<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        same_origin(app, request.headers())?;
        if let Some(token) = bearer(request.headers())? {
            return Ok(Self::Bearer(token.to_owned()));
        }
        if media_type(&request).is_empty() {
            return Err(Failure::Unauthenticated(None));
        }
        JsonBody::from_request(request, app).await.map(|JsonBody(body)| Self::Body(body))
    }
}

/// Says where the JSON is wrong without repeating a value from it: that may be a password.
fn explain(error: &serde_json::Error) -> Failure {
    let text = error.to_string();
    let named = ["missing field", "unknown field", "duplicate field"].iter().any(|start| text.starts_with(start));
    match error.classify() {
        Category::Data if named => Failure::field("body", text),
        Category::Data => Failure::field(
            "body",
            format!("a value has the wrong type, before line {} column {}", error.line(), error.column()),
        ),
        _ => Failure::Refused(StatusCode::BAD_REQUEST, "The body is not well-formed JSON."),
    }
}
