//! One session that has ended: since when which verifier refuses it.

use std::cell::RefCell;

use askama::Template;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::revocation::{Place, keep_until};
use domain::{Session, SessionId, Span, UnixMillis};
use verifier::Revocation;

use crate::app::App;
use crate::failure::Failure;
use crate::layout::Base;
use crate::listeners::Acknowledgement;
use crate::moments::When;
use crate::proofs::{Authenticated, InPath};
use crate::receipts::{effective_by, is_admin};

#[derive(Template)]
#[template(path = "account/ended.html")]
struct EndedPage {
    page: Base,
    session_id: String,
    device: String,
    ended: When,
    effective_by: When,
    /// Whether that has come.
    is_effective: bool,
    /// `None`: the end is too long ago for anybody to remember it, or to have to.
    verifiers: Option<Verifiers>,
}

/// Who refuses it by now.
struct Verifiers {
    refusing: usize,
    all: usize,
    /// After how many milliseconds the last of those refused it.
    slowest: i64,
    /// For administrators alone.
    rows: Vec<Row>,
}

struct Row {
    verifier: String,
    instance: String,
    /// After how many milliseconds it refused it.
    after: Option<i64>,
}

/// `GET /account/sessions/{session_id}`: one of the user's own that was ended. Asked again, it knows more.
pub async fn page(
    Authenticated(credential): Authenticated,
    InPath(session_id): InPath<SessionId>,
    headers: HeaderMap,
    app: App,
) -> Result<Response, Failure> {
    let live = app.store.session(session_id).await?;
    let session = live.map(|live| live.session).filter(|session| session.user_id == credential.user_id());
    let session = session.ok_or(Failure::NotFound)?;
    let (ended_at, _) = session.ended.ok_or(Failure::NotFound)?;
    let now = app.clock.now();
    app.memory.keep_up(&app.store, now).await?;
    // What other nodes have heard comes on top.
    let _ = app.listeners.read(&app.store, now).await;
    let is_remembered = now <= keep_until(ended_at);
    let all =
        is_remembered.then(|| place(&app, &session)).flatten().map(|place| app.listeners.acknowledgements(&place, now));
    let by = effective_by(&app, ended_at + LONGEST_WRITE);
    let view = EndedPage {
        page: Base::of(&app, &headers, credential.cookie()),
        session_id: session_id.to_string(),
        device: domain::device::name(&session.user_agent),
        ended: When::to_the_second(ended_at),
        effective_by: When::to_the_second(by),
        is_effective: now >= by,
        verifiers: all.map(|all| Verifiers::of(all, ended_at, is_admin(credential.roles()))),
    };
    Ok(view.page.respond(StatusCode::OK, &view))
}

/// Where its end stands in the log, as long as that matters.
fn place(app: &App, session: &Session) -> Option<Place> {
    let (ended_at, _) = session.ended?;
    // It has one of its own unless it ended with others: then the first of these, because its user's epoch may go on later.
    let with_others = RefCell::new(None);
    let is_own = |revocation: &Revocation| {
        let is_of_others = match revocation {
            Revocation::Session { sid, .. } => return *sid == session.session_id.0,
            Revocation::Epoch { user, epoch, .. } => *user == session.user_id.0 && *epoch > session.epoch_at_issue,
            Revocation::Everybody { read_until, .. } => *read_until == ended_at.0,
            Revocation::Key { .. } | Revocation::Client { .. } => false,
        };
        if is_of_others {
            with_others.replace(Some(revocation.clone()));
        }
        false
    };
    let log = app.memory.feed().log();
    let own = log.find(is_own);
    let found = own.or_else(|| with_others.take().and_then(|first| log.find(|other| other.is_like(&first))));
    found.map(|(source, number)| Place { source, number })
}

impl Verifiers {
    fn of(all: Vec<Acknowledgement>, ended_at: UnixMillis, has_names: bool) -> Self {
        let after = |one: &Acknowledgement| one.at.map(|at| at.since(ended_at).0);
        let refusing: Vec<i64> = all.iter().filter_map(after).collect();
        let row =
            |one: Acknowledgement| Row { after: after(&one), verifier: one.name.verifier, instance: one.name.instance };
        Self {
            refusing: refusing.len(),
            all: all.len(),
            slowest: refusing.into_iter().max().unwrap_or(0),
            rows: if has_names { all.into_iter().map(row).collect() } else { Vec::new() },
        }
    }
}

/// How long after the moment that is kept of it an end may have been committed: for so long a write waits for the database at most.
const LONGEST_WRITE: Span = Span::seconds(10);
