//! Moving an installation from one database to another, so that nothing acknowledged is lost and nobody is logged out.
//!
//! The source is closed to changes; everything is copied in one transaction of the target, read back on both sides and
//! compared; the source is given up; the target is opened. Broken off at any step, it is safe to run it again.

mod copying;
mod error;
mod rows;
mod side;
mod state;
mod tables;

use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::interval;

use crate::Database;
use copying::fill;
pub use error::TransferError;
use error::doing;
use side::{Side, shown};
pub use state::Move;
pub(crate) use state::{CLOSED, MUST_BE_CLOSED, admit, close_postgres, close_sqlite, is_told, moving};
use state::{Record, State};

/// An installation that is to be moved.
#[derive(Clone)]
pub struct Transfer {
    /// Where it is.
    pub from: Database,
    /// Where it is to be: empty, or not yet made.
    pub to: Database,
}

/// How far it has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub task: Task,
    /// With which table.
    pub table: &'static str,
    /// How many rows of all tables that was done with.
    pub done: u64,
    /// How many there are.
    pub of: u64,
}

/// What takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Copying.
    Copy,
    /// Reading back what is on both sides.
    Check,
}

/// What was moved.
#[derive(Clone, Debug)]
pub struct Moved {
    /// From where, as it may be shown.
    pub from: String,
    /// To where, as it may be shown.
    pub to: String,
    /// Every table, as it was found on both sides. Empty if an earlier attempt had done all but opening the target.
    pub tables: Vec<Checked>,
}

/// A table that is the same on both sides.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its name.
    pub table: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// The SHA-256 of all of them, as hexadecimal digits.
    pub sha256: String,
}

type Watch<'w> = dyn FnMut(Progress) + Send + 'w;

impl Transfer {
    /// Moves it. `id` is random and tells this attempt from others; `watch` is told how far it has come. Blocks this thread.
    ///
    /// After an error the source is as it was and open, unless the error says otherwise.
    pub fn run(&self, id: [u8; 16], watch: &mut Watch<'_>) -> Result<Moved, TransferError> {
        apart(async || self.all(id, watch).await)
    }

    async fn all(&self, id: [u8; 16], watch: &mut Watch<'_>) -> Result<Moved, TransferError> {
        let (source, target, id, stage) = self.prepare(id).await?;
        let (from, to) = (source.shown.clone(), target.shown.clone());
        let mut tables = Vec::new();
        if stage == Stage::Begin {
            tables = match fill(&source, &target, id, watch).await {
                Ok(tables) => tables,
                Err(error) => return Err(give_up(&source, &target, id, error).await),
            };
            let left = state::advance(source.sql(), id, State::Leaving, State::Left).await;
            if !left.map_err(doing(&from, "giving it up"))? {
                return Err(TransferError::Reopened { from, to });
            }
        }
        wait_for_servers().await;
        let here = state::advance(target.sql(), id, State::Arrived, State::Here).await;
        if here.map_err(doing(&to, "opening it"))? {
            Ok(Moved { from, to, tables })
        } else {
            Err(TransferError::Busy(to))
        }
    }

    /// Opens both databases and finds out where to go on. The source must be of this version: a server of an earlier one may run on it.
    async fn prepare(&self, new: [u8; 16]) -> Result<(Side, Side, [u8; 16], Stage), TransferError> {
        let (from, to) = (shown(&self.from), shown(&self.to));
        if from == to {
            return Err(TransferError::Same(from));
        }
        if let Database::File(path) = &self.from
            && !path.exists()
        {
            return Err(TransferError::NoSource(from));
        }
        let (source, target) = (Side::open_as_it_is(&self.from).await?, Side::open(&self.to).await?);
        if !target.claim().await.map_err(doing(&to, "claiming it"))? {
            return Err(TransferError::Busy(to));
        }
        let there = state::read(source.sql()).await.map_err(doing(&from, "reading its state"))?;
        let here = state::read(target.sql()).await.map_err(doing(&to, "reading its state"))?;
        let (id, stage) = judge(there, here, new, &from, &to)?;
        Ok((source, target, id, stage))
    }
}

/// Opens a database again that was closed in order to move its installation. One that was moved for good is opened only
/// if `danger_although_moved`: whatever was logged out at its new place is logged in again here. It must be of this version: a server of an
/// earlier one may run on it. Blocks this thread.
pub fn reopen(database: &Database, danger_although_moved: bool) -> Result<(), TransferError> {
    apart(async || {
        let at = shown(database);
        if matches!(database, Database::File(path) if !path.exists()) {
            return Err(TransferError::NoSource(at));
        }
        let side = Side::open_as_it_is(database).await?;
        let record = state::read(side.sql()).await.map_err(doing(&at, "reading its state"))?;
        match record {
            Some(Record { state: State::Left, place, .. }) if !danger_although_moved => {
                Err(TransferError::Moved { from: at, to: place })
            }
            Some(Record { id, state: state @ (State::Leaving | State::Left), .. }) => {
                let opened = state::open_again(&side, id, state).await.map_err(doing(&at, "opening it again"))?;
                if opened { Ok(()) } else { Err(TransferError::NotClosed(at)) }
            }
            Some(Record { state: State::Arriving | State::Arrived, place, .. }) => {
                Err(TransferError::Unfinished { at, from: place })
            }
            Some(Record { state: State::Here, .. }) | None => Err(TransferError::NotClosed(at)),
        }
    })
}

/// Where to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// All is still to be done, or to be done anew.
    Begin,
    /// The source has been given up.
    Left,
}

/// What the two databases say, taken together. What was broken off before the source was given up is done anew.
fn judge(
    there: Option<Record>,
    here: Option<Record>,
    new: [u8; 16],
    from: &str,
    to: &str,
) -> Result<([u8; 16], Stage), TransferError> {
    let (from, to) = (from.to_owned(), to.to_owned());
    // One database may have two names, but no two moves have the same number.
    let is_one_move = there.as_ref().map(|there| there.id) == here.as_ref().map(|here| here.id);
    match (there, here) {
        (Some(Record { state: State::Arriving | State::Arrived, place, .. }), _) => {
            Err(TransferError::Unfinished { at: from, from: place })
        }
        (Some(Record { state: State::Left, id, .. }), Some(here)) if is_one_move => match here.state {
            State::Arrived => Ok((id, Stage::Left)),
            _ => Err(TransferError::Moved { from, to }),
        },
        (Some(Record { state: State::Left, place, .. }), _) => Err(TransferError::Moved { from, to: place }),
        (Some(Record { state: State::Leaving, place, .. }), _) if place != to && !is_one_move => {
            Err(TransferError::Elsewhere { from, to: place })
        }
        (_, Some(Record { state: State::Leaving | State::Left, place, .. })) => {
            Err(TransferError::Leaving { at: to, to: place })
        }
        (_, Some(Record { state: State::Arriving | State::Arrived, place, .. })) if place != from && !is_one_move => {
            Err(TransferError::Unfinished { at: to, from: place })
        }
        (Some(Record { state: State::Leaving, id, .. }), _) => Ok((id, Stage::Begin)),
        (Some(Record { state: State::Here, .. }) | None, _) => Ok((new, Stage::Begin)),
    }
}

/// After an error: the target is left empty, and the source is opened again. Not if nobody knows whether all has arrived.
async fn give_up(source: &Side, target: &Side, id: [u8; 16], error: TransferError) -> TransferError {
    if matches!(error, TransferError::Uncertain { .. }) {
        return error;
    }
    target.undo().await;
    // Should this not work either, the mark stays: it keeps servers away, and the next attempt takes it for its own.
    let _ = state::forget(target.sql(), id, State::Arriving).await;
    let stands = state::read(source.sql()).await;
    let is_closed = !matches!(&stands, Ok(None | Some(Record { state: State::Here, .. })));
    if is_closed && !matches!(state::open_again(source, id, State::Leaving).await, Ok(true)) {
        return TransferError::StillClosed { from: source.shown.clone(), source: Box::new(error) };
    }
    error
}

/// Until servers on the source have noticed that it was given up: they look several times a second, and end.
async fn wait_for_servers() {
    let mut ticks = interval(NOTICED);
    ticks.tick().await;
    ticks.tick().await;
}

/// Runs `work` on a thread of its own, where its connections live.
fn apart<T: Send>(work: impl AsyncFnOnce() -> Result<T, TransferError> + Send) -> Result<T, TransferError> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| TransferError::System(error.to_string()))?;
        LocalSet::new().block_on(&runtime, work())
    };
    std::thread::scope(|scope| {
        let ended = scope.spawn(run).join();
        ended.unwrap_or_else(|_| Err(TransferError::System("its thread panicked".to_owned())))
    })
}

/// How long servers get to notice that an installation was moved away; they look eight times as often.
const NOTICED: Duration = Duration::from_secs(2);
