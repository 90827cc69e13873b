//! The list of a user's devices, and ending one, the others, or all.

mod ended;

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use domain::{EndedWhy, SessionId, Span};
use serde::Deserialize;

use crate::app::App;
use crate::endings;
use crate::failure::Failure;
use crate::layout::Base;
use crate::moments::When;
use crate::proofs::{Authenticated, InPath, InQuery, Pressed};

pub use ended::page as ended_page;

#[derive(Template)]
#[template(path = "account/sessions.html")]
struct SessionsPage {
    page: Base,
    sessions: Vec<Row>,
    notice: Option<String>,
    thefts: Vec<Theft>,
    lately: Vec<Lately>,
}

/// A session that the user has ended a moment ago.
struct Lately {
    session_id: String,
    device: String,
    ended: When,
}

/// A session that ended because a used refresh token came back.
struct Theft {
    device: String,
    ended: When,
}

struct Row {
    session_id: String,
    device: String,
    ip: String,
    created: When,
    seen: When,
    current: bool,
    kind: String,
}

/// What the page may be told to say.
#[derive(Deserialize)]
pub struct Asked {
    ended: Option<usize>,
}

/// `GET /account/sessions`.
pub async fn page(
    Authenticated(credential): Authenticated,
    InQuery(asked): InQuery<Asked>,
    headers: HeaderMap,
    app: App,
) -> Result<Response, Failure> {
    let (user_id, current, now) = (credential.user_id(), credential.session_id(), app.clock.now());
    let devices = app.store.sessions_of(user_id, now).await?;
    let row = |session: domain::Session| Row {
        session_id: session.session_id.to_string(),
        device: domain::device::name(&session.user_agent),
        ip: session.ip.to_string(),
        created: When::ago(session.created_at, now),
        seen: When::ago(session.seen_at, now),
        current: session.session_id == current,
        kind: session.views().to_owned(),
    };
    let mut sessions: Vec<Row> = devices.into_iter().map(row).collect();
    sessions.sort_by_key(|row| !row.current);
    let notice = asked.ended.map(|count| match count {
        0 => "There was nothing to end.".to_owned(),
        1 => "One session was ended. Its cookie and tokens no longer work.".to_owned(),
        n => format!("{n} sessions were ended. Their cookies and tokens no longer work."),
    });
    let ended = app.store.sessions_ended(user_id, EndedWhy::RefreshReuse, now - TOLD_FOR).await?;
    let theft = |session: domain::Session| Theft {
        device: domain::device::name(&session.user_agent),
        ended: When::ago(session.ended.map_or(session.seen_at, |(at, _)| at), now),
    };
    let thefts = ended.into_iter().map(theft).collect();
    let ended = app.store.sessions_ended(user_id, EndedWhy::EndedByUser, now - FOLLOWED_FOR).await?;
    let lately = |session: domain::Session| Lately {
        session_id: session.session_id.to_string(),
        device: domain::device::name(&session.user_agent),
        ended: When::ago(session.ended.map_or(session.seen_at, |(at, _)| at), now),
    };
    let lately = ended.into_iter().map(lately).collect();
    let view = SessionsPage { page: Base::of(&app, &headers, credential.cookie()), sessions, notice, thefts, lately };
    Ok(view.page.respond(StatusCode::OK, &view))
}

/// `POST /account/sessions/{session_id}/end`.
pub async fn end_one(
    InPath(session_id): InPath<SessionId>,
    app: App,
    Pressed(known): Pressed,
) -> Result<Response, Failure> {
    let receipt = endings::one(&app, known.account.user_id, session_id).await?;
    Ok(back(receipt.revocations.len()))
}

/// `POST /account/sessions/end-others`.
pub async fn end_others(app: App, Pressed(known): Pressed) -> Result<Response, Failure> {
    let receipt = endings::others(&app, known.account.user_id, known.session.session_id).await?;
    Ok(back(receipt.revocations.len()))
}

/// `POST /account/sessions/end-all`: this one too, so it ends at the login page.
pub async fn end_all(app: App, Pressed(known): Pressed) -> Result<Response, Failure> {
    endings::all(&app, known.account.user_id).await?;
    let forget = AppendHeaders([(header::SET_COOKIE, app.cookies.clear_session())]);
    Ok((forget, Redirect::to("/login")).into_response())
}

/// How long the page leads to who refuses what was ended.
const FOLLOWED_FOR: Span = Span::minutes(15);

/// How long the page tells of a theft.
const TOLD_FOR: Span = Span::days(14);

fn back(ended: usize) -> Response {
    Redirect::to(&format!("/account/sessions?ended={ended}")).into_response()
}
