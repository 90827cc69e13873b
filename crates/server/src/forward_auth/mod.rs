//! Forward authentication: a reverse proxy asks here, before it lets a request through to an application that knows
//! nothing of Watchword, whose request that is.

mod demand;
mod identity;
mod original;

use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Redirect, Response};

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::proofs::{Credential, FromProxy, InQuery, Wants};

use demand::Demand;
use identity::Identity;
use original::Original;

/// `GET /forward-auth`, or any other method: proxies differ in which one they ask with.
#[utoipa::path(get, path = "/forward-auth", tag = "Session",
    summary = "Whose request a reverse proxy is about to let through",
    description = "For `auth_request` of nginx, `forward_auth` of Caddy and `ForwardAuth` of Traefik. Only a proxy in \
                   `trusted_proxies` may ask, with the client's own headers, and with the method in `X-Forwarded-Method`, \
                   the host in `X-Forwarded-Host` and path and query in `X-Forwarded-Uri`. A cookie counts for a request \
                   that changes something, or opens a WebSocket, only if it comes from the application's own pages.",
    params(
        ("role" = Option<String>, Query, description = "A role that is demanded, or several separated by commas of \
                                                        which one is enough; given twice, both are demanded"),
        ("mode" = Option<String>, Query, description = "`status`, or `redirect` to send people to the login page"),
    ),
    security(("access_token" = []), ("session_cookie" = [])),
    responses(
        (status = 200, description = "Let it through", headers(
            ("Remote-User" = String, description = "The username"),
            ("Remote-User-Id" = String, description = "Stable, never reused"),
            ("Remote-Groups" = String, description = "The roles, separated by commas; may be empty"),
            ("Remote-Email" = String, description = "Empty with a token, or if the account has none"),
            ("Remote-Session-Id" = String, description = "The `sid` of tokens"),
        )),
        (status = 303, description = "To the login page, with `mode=redirect`"),
        (status = 400, description = "The proxy does not tell what is asked for", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid credential", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "A demanded role is missing, another site sent it, or the peer is no trusted proxy", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn ask(
    _: FromProxy,
    InQuery(asked): InQuery<Vec<(String, String)>>,
    headers: HeaderMap,
    app: App,
) -> Result<Response, Failure> {
    answer(&Original::told(&headers)?, &Demand::parse(&asked)?, &headers, &app).await
}

/// Any method on `/forward-auth/envoy/…`: Envoy's `ext_authz` repeats the request itself, its path behind that prefix.
pub async fn envoy(_: FromProxy, method: Method, uri: Uri, headers: HeaderMap, app: App) -> Result<Response, Failure> {
    answer(&Original::repeated(method, &uri, &headers)?, &Demand::redirect(), &headers, &app).await
}

async fn answer(original: &Original, demand: &Demand, headers: &HeaderMap, app: &App) -> Result<Response, Failure> {
    let Some(credential) = Credential::of(headers, app).await? else {
        let is_person = Wants::of(headers) == Wants::Page && original.only_reads(headers);
        return if demand.redirect && is_person {
            Ok(to_login(original, app))
        } else {
            Err(Failure::Unauthenticated(None))
        };
    };
    // The application has no CSRF token of ours, so the browser's word on where the request comes from must do.
    let is_by_cookie = credential.cookie().is_some();
    if is_by_cookie && !original.only_reads(headers) && !original.is_own(headers, app.public_url.is_https()) {
        return Err(Failure::Forbidden("The request does not come from a page of this site."));
    }
    let identity = Identity::of(&credential)?;
    if !demand.is_met_by(&identity.roles) {
        return Err(Failure::Forbidden("Your account does not have the role that this needs."));
    }
    Ok(identity.into_response())
}

/// To the login page, and from there back: within this origin alone.
fn to_login(original: &Original, app: &App) -> Response {
    let next = original.path_at(&app.public_url);
    let query = next.and_then(|path| serde_urlencoded::to_string([("next", path.as_str())]).ok());
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    Redirect::to(&format!("{}/login{query}", app.public_url)).into_response()
}

/// What the path of each question begins with.
const PATH: &str = "/forward-auth";
