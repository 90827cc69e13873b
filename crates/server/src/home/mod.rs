//! The start page.

use askama::Template;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::app::App;
use crate::layout::Base;
use crate::proofs::Credential;

#[derive(Template)]
#[template(path = "home/page.html")]
struct Home {
    page: Base,
}

/// `GET /`.
pub async fn page(headers: HeaderMap, app: App) -> Response {
    let session = Credential::of(&headers, &app).await.ok().flatten();
    let view = Home { page: Base::of(&app, &headers, session.as_ref().and_then(Credential::cookie)) };
    view.page.respond(StatusCode::OK, &view)
}
