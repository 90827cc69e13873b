//! The only error that a handler returns, and how it is shown: a page to people, problem details to programs.

mod render;

use std::fmt::Display;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

pub use render::{Problem, page_or_problem, to_proxy};

/// One variant per thing a client may learn.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The request is malformed, or its values are not acceptable: (field, what to do) for each.
    Invalid(Vec<(&'static str, String)>),
    /// The request is not of a kind or size that this URL takes.
    Refused(StatusCode, &'static str),
    /// The name and password do not belong together.
    InvalidCredentials,
    /// There is no valid credential. The text says what is wrong with the one that was sent, if any.
    Unauthenticated(Option<String>),
    /// The credential is valid but does not allow this.
    Forbidden(&'static str),
    /// There is nothing here, or nothing that this user may know of.
    NotFound,
    /// Too many tries; the next one may come after this many seconds.
    TooMany {
        /// Seconds.
        retry_after: i64,
    },
    /// For the moment this cannot be answered. Perhaps it was done: what a client asks again is right either way.
    Unavailable {
        /// Seconds.
        retry_after: i64,
    },
    /// A defect of this server. The text goes to the log only.
    Internal(String),
}

impl Failure {
    /// A defect, from whatever error reported it.
    pub fn internal(error: &dyn Display) -> Self {
        Self::Internal(error.to_string())
    }

    /// One unacceptable field.
    pub fn field(name: &'static str, text: impl Into<String>) -> Self {
        Self::Invalid(vec![(name, text.into())])
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Refused(status, _) => *status,
            Self::InvalidCredentials | Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable => Self::Unavailable { retry_after: 1 },
            store::Error::Closed => Self::Unavailable { retry_after: 10 },
            // It names tables and columns, never values.
            store::Error::Broken(cause) => Self::internal(&cause),
            taken @ store::Error::Taken(_) => Self::internal(&taken),
        }
    }
}

impl IntoResponse for Failure {
    /// Carried as an extension to [`page_or_problem`], which knows how the client wants to be answered.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
