//! The revocation feed (`docs/revocation-feed.md`): what has been withdrawn, for programs that check credentials themselves.

mod credential;

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName};
use domain::Span;
use serde::Deserialize;
use verifier::feed::{LONGEST_WAIT, Position};

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::listeners::{Asked, Name, USUAL_BOUND};
use crate::proofs::InQuery;
use crate::traffic;

pub use credential::{Follower, is_name, new_credential};

/// What is asked. A parameter of a later version is left alone: none can make an answer prove more.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Question {
    /// That of the last watermark. Without it, everything is answered.
    position: Option<String>,
    /// For how many milliseconds at most the answer may be held back while there is nothing to tell; 25,000 at most.
    wait: Option<u32>,
    /// What the process that asks calls itself, for people: 1 to 64 letters, digits and `-._`.
    #[param(example = "orders-1")]
    name: Option<String>,
    /// For how many milliseconds the process accepts what it hears nothing of, on whichever of its routes that is longest; else
    /// 5,000. Receipts count on it.
    bound: Option<u64>,
    /// Whatever was in no question before, so that no cache on the way answers.
    #[serde(rename = "fresh")]
    #[param(rename = "fresh", example = "173209")]
    _fresh: Option<String>,
}

type Answer<T> = ([(HeaderName, &'static str); 1], T);

/// `GET /revocations`: what came since a position, and how much is known.
#[utoipa::path(get, path = "/revocations", tag = "Revocations", params(Question),
    summary = "What has been withdrawn since",
    description = "Frames, as docs/revocation-feed.md lays them out; the last is a watermark.",
    security(("verifier" = [])),
    responses(
        (status = 200, description = "Frames", content_type = "application/vnd.watchword.revocations"),
        (status = 400, description = "A parameter has a value that it cannot have", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not the credential of a verifier", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "This node does not know enough itself, or is sending as many long answers as it may, to this credential or to all", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn ask(follower: Follower, InQuery(question): InQuery<Question>, app: App) -> Result<Answer<Body>, Failure> {
    let Heard { position, wait, name, bound } = question.heard(follower)?;
    let (feed, verifier) = (app.memory.feed(), name.verifier.clone());
    let asked = Asked { name, position: position.clone(), bound };
    app.listeners.heard(asked, feed.log(), app.clock.now());
    feed.until_news(position.as_ref(), wait).await;
    // Not before: what comes meanwhile may be much.
    let long = app.traffic.admit(feed, &verifier, position.as_ref())?;
    let answer = feed.answer(position.as_ref()).ok_or(NOT_READY)?;
    Ok(([FRAMES], app.traffic.answer(answer.bytes, long)))
}

/// `GET /revocations/stream`: the same, and what comes after it as it comes.
#[utoipa::path(get, path = "/revocations/stream", tag = "Revocations", params(Question),
    summary = "What is withdrawn, as it happens",
    description = "As `GET /revocations`, but it goes on: news as they come, a watermark behind them and at least one a second.",
    security(("verifier" = [])),
    responses(
        (status = 200, description = "Frames", content_type = "application/vnd.watchword.revocations"),
        (status = 400, description = "A parameter has a value that it cannot have", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not the credential of a verifier", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "This node does not know enough itself, or is sending as many long answers as it may, to this credential or to all", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn stream(
    follower: Follower,
    InQuery(question): InQuery<Question>,
    app: App,
) -> Result<Answer<Body>, Failure> {
    let Heard { position, name, bound, .. } = question.heard(follower)?;
    let verifier = name.verifier.clone();
    // It is there. What it knows, its questions say.
    app.listeners.met(name, bound, app.clock.now());
    if !app.memory.is_ready(app.clock.now()) {
        return Err(NOT_READY);
    }
    let feed = app.memory.feed();
    let long = app.traffic.admit(feed, &verifier, position.as_ref())?;
    let frames = feed.clone().stream(position, STREAM_LIFETIME);
    Ok(([FRAMES], traffic::stream(&app.traffic, frames, STREAM_LIFETIME, long)))
}

/// A question that can be answered.
struct Heard {
    position: Option<Position>,
    wait: Duration,
    name: Name,
    bound: Span,
}

impl Question {
    /// What is asked, if it can be.
    fn heard(self, Follower { name: verifier }: Follower) -> Result<Heard, Failure> {
        let refuse = |text| Err(Failure::Refused(StatusCode::BAD_REQUEST, text));
        let position = self.position.as_deref().map(Position::parse);
        if let Some(None) = position {
            return refuse("`position` is none: send that of the last watermark, or none at all.");
        }
        let wait = Duration::from_millis(self.wait.unwrap_or(0).into());
        if wait > LONGEST_WAIT {
            return refuse("`wait` is longer than 25000 milliseconds.");
        }
        let instance = self.name.unwrap_or_else(|| verifier.clone());
        if !is_name(&instance) {
            return refuse("`name` is not made of 1 to 64 letters, digits and `-._`.");
        }
        let position = position.flatten();
        tracing::debug!(verifier, instance, "asks for revocations");
        let bound = self.bound.map_or(USUAL_BOUND, |bound| Span(i64::try_from(bound).unwrap_or(i64::MAX)));
        Ok(Heard { position, wait, name: Name { verifier, instance }, bound })
    }
}

const FRAMES: (HeaderName, &str) = (header::CONTENT_TYPE, "application/vnd.watchword.revocations");

const NOT_READY: Failure = Failure::Unavailable { retry_after: 1 };

/// How long a stream goes on. Then its credential has to be shown again.
const STREAM_LIFETIME: Duration = Duration::from_mins(5);
