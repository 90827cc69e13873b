//! How a failure looks: RFC 9457 problem details, or a page.

use askama::Template;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Failure;
use crate::app::App;
use crate::edge::RequestId;
use crate::layout::Base;
use crate::proofs::{Credential, Wants};

/// Problem details (RFC 9457).
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem: `about:blank`, so the status says it.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What was wrong and what to do.
    detail: String,
    /// The same for readers that look for `error` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// What was wrong with each field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    /// To find this request in the log.
    request_id: String,
}

/// What was wrong with one field.
#[derive(Serialize, ToSchema)]
struct FieldProblem {
    field: &'static str,
    detail: String,
}

#[derive(Template)]
#[template(path = "failure/page.html")]
struct FailurePage {
    page: Base,
    status: u16,
    title: String,
    detail: String,
    request_id: String,
    retry_after: Option<i64>,
}

/// Turns the failure that a handler answered with into what the client can read, and logs it, once.
pub async fn page_or_problem(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = *request.extensions().get::<RequestId>().expect("the edge numbers every request");
    let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
    let mut response = next.run(request).await;
    let is_to_proxy = response.extensions_mut().remove::<ToProxy>().is_some();
    let Some(failure) = response.extensions_mut().remove::<Failure>() else { return response };
    if let Failure::Internal(error) = &failure {
        tracing::error!(request_id = %id, %method, error, "internal failure");
    }
    let wants_page = Wants::of(&headers) == Wants::Page && !uri.path().starts_with("/api/");
    let mut rendered = match &failure {
        Failure::Unauthenticated(_) if is_to_proxy => problem(&failure, id),
        Failure::Unauthenticated(None) if wants_page => return to_login(&method, &uri),
        _ if wants_page => page(&failure, id, &headers, &app).await,
        _ => problem(&failure, id),
    };
    add_headers(&failure, rendered.headers_mut());
    rendered
}

/// A response to a proxy that acts on the status: nobody is sent to the login page by it.
#[derive(Clone)]
struct ToProxy;

/// For routes where a proxy asks, which asks for the login page by name if it can hand on a redirect.
pub async fn to_proxy(mut response: Response) -> Response {
    response.extensions_mut().insert(ToProxy);
    response
}

/// To the login page, and from there back to what was asked for; a form is not sent again.
fn to_login(method: &Method, uri: &Uri) -> Response {
    if method != Method::GET {
        return Redirect::to("/login").into_response();
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let query = serde_urlencoded::to_string([("next", path)]).unwrap_or_default();
    Redirect::to(&format!("/login?{query}")).into_response()
}

fn problem(failure: &Failure, id: RequestId) -> Response {
    let status = failure.status();
    let errors = if let Failure::Invalid(errors) = failure { errors.as_slice() } else { &[] };
    let body = Problem {
        r#type: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: failure.detail(),
        error: matches!(failure, Failure::InvalidCredentials).then_some("Invalid credentials"),
        errors: errors.iter().map(|(field, detail)| FieldProblem { field, detail: detail.clone() }).collect(),
        request_id: id.to_string(),
    };
    let media_type = HeaderValue::from_static("application/problem+json");
    (status, [(header::CONTENT_TYPE, media_type)], Json(body)).into_response()
}

async fn page(failure: &Failure, id: RequestId, headers: &HeaderMap, app: &App) -> Response {
    let status = failure.status();
    // While the database is away, the frame shows nobody as logged in rather than failing again.
    let session = if status.is_server_error() { None } else { Credential::of(headers, app).await.ok().flatten() };
    let view = FailurePage {
        page: Base::of(app, headers, session.as_ref().and_then(Credential::cookie)),
        status: status.as_u16(),
        title: failure.title().to_owned(),
        detail: failure.detail(),
        request_id: id.to_string(),
        retry_after: failure.retry_after(),
    };
    view.page.respond(status, &view)
}

fn add_headers(failure: &Failure, headers: &mut HeaderMap) {
    let mut set = |name: HeaderName, text: String| {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    };
    if let Some(seconds) = failure.retry_after() {
        set(header::RETRY_AFTER, seconds.to_string());
    }
    // No error code when no token was sent (RFC 6750 §3.1).
    match failure {
        Failure::Unauthenticated(None) => set(header::WWW_AUTHENTICATE, "Bearer".to_owned()),
        Failure::Unauthenticated(Some(why)) => set(
            header::WWW_AUTHENTICATE,
            format!("Bearer error=\"invalid_token\", error_description=\"{}\"", why.replace(['"', '\\'], "'")),
        ),
        _ => {}
    }
}

impl Failure {
    fn retry_after(&self) -> Option<i64> {
        match self {
            Self::TooMany { retry_after } | Self::Unavailable { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// A heading for people.
    fn title(&self) -> &'static str {
        match self {
            Self::Invalid(_) | Self::Refused(..) => "That did not work",
            Self::InvalidCredentials | Self::Unauthenticated(_) => "You are not logged in",
            Self::Forbidden(_) => "Not allowed",
            Self::NotFound => "There is nothing here",
            Self::TooMany { .. } => "Too many tries",
            Self::Unavailable { .. } => "Busy for a moment",
            Self::Internal(_) => "Something went wrong on our side",
        }
    }

    /// What was wrong and what to do.
    fn detail(&self) -> String {
        match self {
            Self::Invalid(errors) => {
                errors.iter().map(|(field, text)| format!("{field}: {text}")).collect::<Vec<_>>().join("; ")
            }
            Self::Refused(StatusCode::METHOD_NOT_ALLOWED, _) => "This URL does not take that method.".to_owned(),
            Self::Refused(_, text) | Self::Forbidden(text) => (*text).to_owned(),
            Self::Unauthenticated(Some(text)) => sentence(text),
            Self::InvalidCredentials => "The username or password is not right.".to_owned(),
            Self::Unauthenticated(None) => "Log in first, or send `Authorization: Bearer <token>`.".to_owned(),
            Self::NotFound => "The address may be mistyped, or what it named is gone.".to_owned(),
            Self::TooMany { retry_after } => format!("Wait {retry_after} seconds, then try again."),
            Self::Unavailable { retry_after } => {
                format!("Try again in {retry_after} seconds. It may have been done already; asking again does no harm.")
            }
            Self::Internal(_) => "The request id helps whoever runs this service to find out why.".to_owned(),
        }
    }
}

/// A clause as a sentence.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}
