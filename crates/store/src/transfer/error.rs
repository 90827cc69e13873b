//! Why an installation was not moved, in words for the person who moves it.

use crate::{Error, OpenError};

/// Why an installation was not moved. No message holds a password or a value.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// One of the databases cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Both are the same.
    #[error("{0} is where the installation is already: name another database with --to.")]
    Same(String),
    /// There is nothing to move.
    #[error("there is no database at {0}. Say with --from where the installation is.")]
    NoSource(String),
    /// The target has data.
    #[error(
        "{to} is not empty: its table {table} has {rows} rows. Installations cannot be mixed. Name an empty database, or a \
         schema of its own with ?options=-csearch_path%3Dwatchword; nothing was changed."
    )]
    NotEmpty {
        /// The target.
        to: String,
        /// Which table has rows.
        table: &'static str,
        /// How many.
        rows: u64,
    },
    /// The source is being moved to another place already.
    #[error(
        "{from} is being moved to {to} already. Go on with that as --to, or give up with `watchword reopen` before you \
         choose another place."
    )]
    Elsewhere {
        /// The source.
        from: String,
        /// Where it is being moved to.
        to: String,
    },
    /// The source was moved.
    #[error("{from} was moved to {to}. Start the server with that database.")]
    Moved {
        /// The source.
        from: String,
        /// Where it was moved to.
        to: String,
    },
    /// The target is itself a database that is being given up.
    #[error("{at} is itself being moved, or was moved, to {to}. Name another database with --to.")]
    Leaving {
        /// The target.
        at: String,
        /// Where its installation goes.
        to: String,
    },
    /// Something else is on its way there.
    #[error(
        "{at} is the unfinished target of a move from {from}. Finish that with the same --from and --to, or empty the \
         database."
    )]
    Unfinished {
        /// Which database.
        at: String,
        /// Where it comes from.
        from: String,
    },
    /// Somebody else does it at this moment.
    #[error("another `watchword migrate` is moving an installation to {0}. Wait until it has ended.")]
    Busy(String),
    /// Both sides differ.
    #[error(
        "the copy in {to} is not the same: table {table} has {} rows with SHA-256 {} in the source, and {} rows with {} \
         here. Nothing was kept, and the source is open again. Look for triggers and rules in the target and for faults of \
         its disk, then run this again.", rows.0, sha256.0, rows.1, sha256.1
    )]
    Differs {
        /// The target.
        to: String,
        /// Which table.
        table: &'static str,
        /// Rows of the source and of the target.
        rows: (u64, u64),
        /// Hashes of the source and of the target.
        sha256: (String, String),
    },
    /// Somebody has opened the source again.
    #[error(
        "{from} was opened again while it was copied, so it stays in use. The copy in {to} is not used: run this again to \
         make another."
    )]
    Reopened {
        /// The source.
        from: String,
        /// The target.
        to: String,
    },
    /// Whether the copy was committed is not known.
    #[error(
        "{to} did not say whether it kept the copy ({}). The source is closed, so nothing is lost: run this again to \
         finish.", reason(.source)
    )]
    Uncertain {
        /// The target.
        to: String,
        /// What the database said.
        source: Error,
    },
    /// The source could not be opened again.
    #[error("{source} Besides, {from} is still closed: run this again, or open it with `watchword reopen`.")]
    StillClosed {
        /// The source.
        from: String,
        /// What went wrong first.
        source: Box<TransferError>,
    },
    /// The database is not closed.
    #[error("{0} is not closed: it is in use, and nothing has to be done.")]
    NotClosed(String),
    /// A database failed.
    #[error("{at} failed ({what}): {}. Mend that and run this again.", reason(.source))]
    Failed {
        /// Which database.
        at: String,
        /// During what, or with which table.
        what: &'static str,
        /// What it said.
        source: Error,
    },
    /// The machine failed.
    #[error("cannot move an installation: {0}")]
    System(String),
}

/// Names the database that failed and what was being done.
pub(super) fn doing(at: &str, what: &'static str) -> impl FnOnce(Error) -> TransferError {
    let at = at.to_owned();
    move |source| TransferError::Failed { at, what, source }
}

/// The error with what the database said.
fn reason(error: &Error) -> String {
    match error {
        Error::Broken(source) => source.to_string(),
        other => other.to_string(),
    }
}
