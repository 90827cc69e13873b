//! What an error of the server means: for the caller, and for the connection.

use tokio_postgres::error::{DbError, SqlState};

use crate::Error;
use crate::transfer::CLOSED;

/// What is to be done about the connection and the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server said no. The connection is as good as before.
    Refused,
    /// Two transactions were in each other's way: begin again.
    Conflict,
    /// The connection is gone, or is one to a server that cannot write: begin again on another.
    Lost,
    /// Something that should not happen. Whatever state the connection is in, it is not used again.
    Strange,
}

/// What to tell the caller, and what to do.
pub(super) fn judge(error: &tokio_postgres::Error) -> (Fault, Error) {
    let Some(refusal) = error.as_db_error() else {
        let is_io = std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>());
        return if error.is_closed() || is_io {
            (Fault::Lost, Error::Unavailable)
        } else {
            (Fault::Strange, Error::Broken(error.to_string().into()))
        };
    };
    let code = refusal.code();
    if *code == SqlState::UNIQUE_VIOLATION
        && let Some(column) = refusal.constraint().and_then(unique_column)
    {
        (Fault::Refused, Error::Taken(column))
    } else if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) {
        (Fault::Conflict, Error::Unavailable)
    } else if [SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED].contains(code) {
        tracing::warn!(code = code.code(), "PostgreSQL took too long over a statement");
        (Fault::Refused, Error::Unavailable)
    } else if code.code() == CLOSED {
        (Fault::Refused, Error::Closed)
    } else if is_away(code) {
        (Fault::Lost, Error::Unavailable)
    } else {
        (Fault::Strange, Error::Broken(describe(refusal).into()))
    }
}

/// Whether the server is stopping, full, read-only or out of reach for the moment.
fn is_away(code: &SqlState) -> bool {
    let class = &code.code()[..2];
    *code == SqlState::READ_ONLY_SQL_TRANSACTION
        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        || ["08", "53", "57"].contains(&class)
}

/// What to say about an error, without values.
pub(super) fn reason(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(refusal), _) => describe(refusal),
        (None, Some(source)) => source.to_string(),
        (None, None) => error.to_string(),
    }
}

/// The error without values: the server puts rows and parameters into details, and sometimes into the message.
pub(super) fn describe(refusal: &DbError) -> String {
    let code = refusal.code().code();
    let mut text = code.to_owned();
    if !["22", "23"].contains(&&code[..2]) {
        text = format!("{text}: {}", refusal.message());
    }
    for (what, name) in [("table", refusal.table()), ("column", refusal.column()), ("constraint", refusal.constraint())]
    {
        if let Some(name) = name {
            text = format!("{text}, {what} {name}");
        }
    }
    text
}

/// Which column a unique constraint is about.
fn unique_column(constraint: &str) -> Option<&'static str> {
    let columns = [
        ("users_username_key", "username"),
        ("users_email_key", "email"),
        ("users_pkey", "user_id"),
        ("sessions_pkey", "session_id"),
        ("grants_pkey", "grant_id"),
        ("signing_keys_pkey", "kid"),
    ];
    columns.into_iter().find(|(name, _)| *name == constraint).map(|(_, column)| column)
}
