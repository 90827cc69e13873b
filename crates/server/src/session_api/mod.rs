//! Sessions for programs: the one in use, and the list of all.

use axum::Json;
use domain::revocation::Receipt;
use domain::session::Standing;
use domain::{Session, SessionId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::endings;
use crate::failure::{Failure, Problem};
use crate::proofs::{Authenticated, CsrfToken, InPath, InQuery};
use crate::receipts::{ReceiptView, Waiting};

/// A session, as its own user sees it. Times are unix milliseconds.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    /// The `sid` of its tokens.
    session_id: String,
    /// A readable name of the device.
    #[schema(example = "Firefox on Linux")]
    device: String,
    /// Where the login came from.
    #[schema(example = "192.0.2.7")]
    ip: String,
    /// What was handed out: `cookie`, `tokens`, or `cookie and tokens`.
    #[schema(example = "cookie")]
    kind: &'static str,
    /// How the user logged in (RFC 8176).
    #[schema(example = json!(["pwd"]))]
    amr: Vec<String>,
    /// When it began.
    created_at: i64,
    /// When it was last used, at most a minute behind.
    seen_at: i64,
    /// When it ends at the latest.
    expires_at: i64,
    /// Whether it is the one that asked.
    current: bool,
}

/// The session in use, and whose it is.
#[derive(Serialize, ToSchema)]
pub struct CurrentSession {
    #[serde(flatten)]
    session: SessionView,
    /// Whose it is.
    user: User,
    /// When the user last proved who they are.
    authenticated_at: i64,
    /// When all this was read: it says nothing of what has happened since.
    read_at: i64,
    /// For X-CSRF-Token; only when the cookie asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

/// A user, as they see themselves.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON")]
pub struct User {
    /// Stable, never reused; the `sub` of tokens.
    user_id: String,
    #[schema(example = "kavya")]
    username: String,
    /// Absent if none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    roles: Vec<String>,
    /// Raised to void everything issued before; the `uep` of tokens.
    epoch: u64,
}

/// All sessions of the user.
#[derive(Serialize, ToSchema)]
pub struct Sessions {
    /// The one seen last comes first.
    sessions: Vec<SessionView>,
}

/// What ending sessions did.
#[derive(Serialize, ToSchema)]
pub struct Ended {
    /// How many there were to end.
    ended: usize,
    #[serde(flatten)]
    receipt: ReceiptView,
}

/// `GET /api/v1/session`.
#[utoipa::path(get, path = "/api/v1/session", tag = "Session",
    summary = "The session in use",
    security(("access_token" = []), ("session_cookie" = [])),
    responses(
        (status = 200, description = "The session", body = CurrentSession),
        (status = 401, description = "No valid credential", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn current(Authenticated(credential): Authenticated, app: App) -> Result<Json<CurrentSession>, Failure> {
    // Before the read, so that what is committed in between is news to whoever goes by it.
    let now = app.clock.now();
    let read_at = now.0;
    let live = app.store.session(credential.session_id()).await?.ok_or(Failure::Unauthenticated(None))?;
    // It may have ended since the credential was checked, and whoever asks goes by this answer for a while.
    if live.session.standing(&live.account, now) == Standing::Ended {
        return Err(Failure::Unauthenticated(None));
    }
    let account = live.account;
    let user = User {
        user_id: account.user_id.to_string(),
        username: account.username.to_string(),
        email: account.email.map(|email| email.to_string()),
        roles: account.roles.as_slice().to_vec(),
        epoch: account.epoch,
    };
    let csrf_token = credential.cookie().map(|known| CsrfToken::of_session(&app, known).0);
    let authenticated_at = live.session.authenticated_at.0;
    let session = SessionView::of(live.session, credential.session_id());
    Ok(Json(CurrentSession { session, user, authenticated_at, read_at, csrf_token }))
}

/// `GET /api/v1/sessions`.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "Session",
    summary = "All sessions of the user",
    security(("access_token" = []), ("session_cookie" = [])),
    responses(
        (status = 200, description = "The sessions", body = Sessions),
        (status = 401, description = "No valid credential", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn list(Authenticated(credential): Authenticated, app: App) -> Result<Json<Sessions>, Failure> {
    let current = credential.session_id();
    let sessions = app.store.sessions_of(credential.user_id(), app.clock.now()).await?;
    Ok(Json(Sessions { sessions: sessions.into_iter().map(|session| SessionView::of(session, current)).collect() }))
}

/// `DELETE /api/v1/session`.
#[utoipa::path(delete, path = "/api/v1/session", tag = "Session",
    summary = "End the session in use",
    description = "As POST /logout. With the cookie, X-CSRF-Token must be there too.",
    params(Waiting),
    security(("access_token" = []), ("session_cookie" = [])),
    responses(
        (status = 200, description = "Ended", body = Ended),
        (status = 401, description = "No valid credential", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn end_current(
    Authenticated(credential): Authenticated,
    InQuery(waiting): InQuery<Waiting>,
    app: App,
) -> Result<Json<Ended>, Failure> {
    let receipt = endings::logout(&app, credential.session_id()).await?;
    Ok(ended(&app, &receipt, waiting, credential.roles()).await)
}

/// `DELETE /api/v1/sessions/{session_id}`.
#[utoipa::path(delete, path = "/api/v1/sessions/{session_id}", tag = "Session",
    summary = "End one session",
    params(("session_id" = String, Path, description = "One of the user's own sessions",
            example = "5f0c1c62-93ab-44ce-9d3b-0d6d4d0c8f3e"), Waiting),
    security(("access_token" = []), ("session_cookie" = [])),
    responses(
        (status = 200, description = "Ended, now or before", body = Ended),
        (status = 404, description = "The user has no such session", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn end_one(
    Authenticated(credential): Authenticated,
    InPath(session_id): InPath<SessionId>,
    InQuery(waiting): InQuery<Waiting>,
    app: App,
) -> Result<Json<Ended>, Failure> {
    let receipt = endings::one(&app, credential.user_id(), session_id).await?;
    Ok(ended(&app, &receipt, waiting, credential.roles()).await)
}

/// `DELETE /api/v1/sessions`.
#[utoipa::path(delete, path = "/api/v1/sessions", tag = "Session",
    summary = "End all other sessions",
    description = "All sessions of the user but the one in use.",
    params(Waiting),
    security(("access_token" = []), ("session_cookie" = [])),
    responses(
        (status = 200, description = "Ended", body = Ended),
        (status = 401, description = "No valid credential", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn end_others(
    Authenticated(credential): Authenticated,
    InQuery(waiting): InQuery<Waiting>,
    app: App,
) -> Result<Json<Ended>, Failure> {
    let receipt = endings::others(&app, credential.user_id(), credential.session_id()).await?;
    Ok(ended(&app, &receipt, waiting, credential.roles()).await)
}

async fn ended(app: &App, receipt: &Receipt, waiting: Waiting, roles: &[String]) -> Json<Ended> {
    let view = ReceiptView::of(app, receipt, waiting, roles).await;
    Json(Ended { ended: receipt.revocations.len(), receipt: view })
}

impl SessionView {
    fn of(session: Session, current: SessionId) -> Self {
        Self {
            session_id: session.session_id.to_string(),
            device: domain::device::name(&session.user_agent),
            ip: session.ip.to_string(),
            kind: session.views(),
            current: session.session_id == current,
            created_at: session.created_at.0,
            seen_at: session.seen_at.0,
            expires_at: session.expires_at.0,
            amr: session.amr,
        }
    }
}
