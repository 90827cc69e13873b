//! The API's description: OpenAPI 3.1 made from the handlers themselves, and a page to read it.

mod reading;

use std::sync::LazyLock;

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::app::App;
use crate::layout::Base;
use crate::proofs::Credential;
use crate::{dashboard, health, login, logout, published_keys, refresh, session_api};

use reading::Group;

#[derive(OpenApi)]
#[openapi(
    info(title = "Watchword", description = "One login, two credentials, one truth.", license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")),
    paths(
        login::submit, refresh::submit, logout::submit,
        dashboard::show, session_api::current, session_api::end_current,
        session_api::list, session_api::end_others, session_api::end_one,
        published_keys::jwks, health::live, health::ready,
    ),
    modifiers(&Credentials),
)]
struct Description;

struct Credentials;

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

impl Modify for Credentials {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let bearer = |format: &str, text: &str| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format);
            SecurityScheme::Http(scheme.description(Some(text)).build())
        };
        let cookie = ApiKeyValue::with_description(
            "__Host-session",
            "Set by the login form. Requests that change something also need `X-CSRF-Token`.",
        );
        components.add_security_scheme("access_token", bearer("JWT", "From `POST /login` or `POST /refresh`."));
        components.add_security_scheme("refresh_token", bearer("wwr_…", "From `POST /login` or `POST /refresh`."));
        components.add_security_scheme("session_cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}
