//! What the API says of itself: OpenAPI 3.1, from the handlers' own annotations. As `routes.rs`, it knows every feature.

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::{dashboard, health, login, logout, metadata, published_keys, refresh, revocation_feed, session_api};

/// The whole description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Watchword",
        description = "One login, two credentials, one truth.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    paths(
        login::submit, refresh::submit, logout::submit,
        dashboard::show, session_api::current, session_api::end_current,
        session_api::list, session_api::end_others, session_api::end_one,
        metadata::show, published_keys::jwks,
        revocation_feed::ask, revocation_feed::stream, health::live, health::ready, health::seen,
    ),
    modifiers(&Credentials, &Errors),
)]
pub struct Description;

struct Credentials;

struct Errors;

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
        components.add_security_scheme("verifier", bearer("wwv_…", "From `watchword verifier add`."));
        components.add_security_scheme("session_cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

impl Modify for Errors {
    /// Every operation may be answered with problem details of another status than those it names.
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new()
            .description("Any other error, as problem details")
            .content("application/problem+json", problem)
            .build();
        for item in openapi.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
                operation.responses.responses.insert("default".to_owned(), response.clone().into());
            }
        }
    }
}
