//! The API's description: OpenAPI 3.1 made from the handlers themselves, and a page to read it.

mod reading;

use std::sync::LazyLock;

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;

use crate::app::App;
use crate::description::Description;
use crate::layout::Base;
use crate::proofs::Credential;

use reading::Group;

#[derive(Template)]
#[template(path = "api_docs/page.html")]
struct ApiDocs {
    page: Base,
    version: &'static str,
    groups: Vec<Group>,
}

/// `GET /api/openapi.json`.
pub async fn openapi() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, JSON.as_str()).into_response()
}

/// `GET /api`.
pub async fn page(headers: HeaderMap, app: App) -> Response {
    let session = Credential::of(&headers, &app).await.ok().flatten();
    let view = ApiDocs {
        page: Base::of(&app, &headers, session.as_ref().and_then(Credential::cookie)),
        version: env!("CARGO_PKG_VERSION"),
        groups: reading::groups(&document(), app.public_url.as_str()),
    };
    view.page.respond(StatusCode::OK, &view)
}

fn document() -> serde_json::Value {
    serde_json::from_str(&JSON).expect("it was written as JSON")
}

static JSON: LazyLock<String> = LazyLock::new(|| Description::openapi().to_json().expect("the description serializes"));
