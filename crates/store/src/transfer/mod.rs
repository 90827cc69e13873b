//! Moving an installation from one database to another, so that nothing acknowledged is lost and nobody is logged out.
//!
//! The source is closed to changes; everything is copied in one transaction of the target, read back on both sides and
//! compared; the source is given up; the target is opened. Broken off at any step, it is safe to run it again.

mod error;
mod rows;
mod side;
mod state;
mod tables;

use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::interval;

use crate::Database;
use crate::sql::Sql;
pub use error::TransferError;
use error::doing;
use rows::{Reading, Summary, insert, summary};
use side::{Side, shown};
pub use state::Move;
pub(crate) use state::{CLOSED, admit};
use state::{Record, State};
use tables::{GO_ON_NUMBERING, Plan, plans};

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

    /// Opens both databases and finds out where to go on.
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
        let (source, target) = (Side::open(&self.from).await?, Side::open(&self.to).await?);
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
/// if `danger_although_moved`: whatever was logged out at its new place is logged in again here. Blocks this thread.
pub fn reopen(database: &Database, danger_although_moved: bool) -> Result<(), TransferError> {
    apart(async || {
        let at = shown(database);
        if matches!(database, Database::File(path) if !path.exists()) {
            return Err(TransferError::NoSource(at));
        }
        let side = Side::open(database).await?;
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
    match (there, here) {
        (Some(Record { state: State::Arriving | State::Arrived, place, .. }), _) => {
            Err(TransferError::Unfinished { at: from, from: place })
        }
        (Some(Record { state: State::Left, id, place }), Some(here)) if here.id == id && place == to => {
            match here.state {
                State::Arrived => Ok((id, Stage::Left)),
                _ => Err(TransferError::Moved { from, to }),
            }
        }
        (Some(Record { state: State::Left, place, .. }), _) => Err(TransferError::Moved { from, to: place }),
        (Some(Record { state: State::Leaving, place, .. }), _) if place != to => {
            Err(TransferError::Elsewhere { from, to: place })
        }
        (_, Some(Record { state: State::Leaving | State::Left, place, .. })) => {
            Err(TransferError::Leaving { at: to, to: place })
        }
        (_, Some(Record { state: State::Arriving | State::Arrived, place, .. })) if place != from => {
            Err(TransferError::Unfinished { at: to, from: place })
        }
        (Some(Record { state: State::Leaving, id, .. }), _) => Ok((id, Stage::Begin)),
        (Some(Record { state: State::Here, .. }) | None, _) => Ok((new, Stage::Begin)),
    }
}

/// Closes the source and copies everything in one transaction, which is committed only when both sides are the same.
async fn fill(
    source: &Side,
    target: &Side,
    id: [u8; 16],
    watch: &mut Watch<'_>,
) -> Result<Vec<Checked>, TransferError> {
    let (from, to) = (&source.shown, &target.shown);
    // Said before the source is closed, so that a mistake about the target closes nothing.
    target.begin().await.map_err(doing(to, "locking it"))?;
    vacant(target, from).await?;
    state::write(target.sql(), id, State::Arriving, from).await.map_err(doing(to, "marking it"))?;
    target.batch("commit").await.map_err(doing(to, "marking it"))?;

    state::close(source, id, to).await.map_err(doing(from, "closing it"))?;

    target.begin().await.map_err(doing(to, "locking it"))?;
    if matches!(target.sql(), Sql::Postgres(_)) {
        // A server that was started here just before may be about to write.
        let names: Vec<&str> = plans().iter().map(|plan| plan.table.name).collect();
        let lock = format!("lock table {} in exclusive mode", names.join(", "));
        target.batch(&lock).await.map_err(doing(to, "locking it"))?;
    }
    vacant(target, from).await?;
    copy(source, target, watch).await?;
    let tables = compare(source, target, watch).await?;
    let arrived = state::advance(target.sql(), id, State::Arriving, State::Arrived).await;
    if !arrived.map_err(doing(to, "marking it"))? {
        return Err(TransferError::Busy(to.clone()));
    }
    target.batch("commit").await.map_err(|error| TransferError::Uncertain { to: to.clone(), source: error })?;
    Ok(tables)
}

/// Makes sure that the target has no rows. What an earlier attempt of the same move left, which nobody ever used, goes.
async fn vacant(target: &Side, from: &str) -> Result<(), TransferError> {
    let sql = target.sql();
    let failed = || doing(&target.shown, "looking whether it is empty");
    let left_over = matches!(state::read(sql).await.map_err(failed())?,
        Some(Record { state: State::Arriving | State::Arrived, place, .. }) if place == from);
    for plan in plans().iter().rev() {
        if left_over {
            sql.run(&plan.clear, &[]).await.map_err(failed())?;
        }
        let rows = count(target, plan).await?;
        if rows > 0 {
            return Err(TransferError::NotEmpty { to: target.shown.clone(), table: plan.table.name, rows });
        }
    }
    Ok(())
}

async fn copy(source: &Side, target: &Side, watch: &mut Watch<'_>) -> Result<(), TransferError> {
    let of = total(source).await?;
    let mut done = 0;
    for plan in plans() {
        let table = plan.table.name;
        let mut reading = Reading::of(plan, source.sql());
        loop {
            watch(Progress { task: Task::Copy, table, done, of });
            let rows = reading.page().await.map_err(doing(&source.shown, table))?;
            if rows.is_empty() {
                break;
            }
            insert(target.sql(), plan, &rows).await.map_err(doing(&target.shown, table))?;
            done += rows.len() as u64;
        }
    }
    if matches!(target.sql(), Sql::Postgres(_)) {
        target.batch(GO_ON_NUMBERING).await.map_err(doing(&target.shown, "revocations"))?;
    }
    Ok(())
}

/// Reads back every table on both sides.
async fn compare(source: &Side, target: &Side, watch: &mut Watch<'_>) -> Result<Vec<Checked>, TransferError> {
    let of = total(source).await?;
    let mut done = 0;
    let mut tables = Vec::new();
    for plan in plans() {
        let table = plan.table.name;
        watch(Progress { task: Task::Check, table, done, of });
        let mut told = |rows| {
            done += rows;
            watch(Progress { task: Task::Check, table, done, of });
        };
        let Summary { rows, sha256 } =
            summary(source.sql(), plan, &mut told).await.map_err(doing(&source.shown, table))?;
        let copy = summary(target.sql(), plan, |_| {}).await.map_err(doing(&target.shown, table))?;
        if (copy.rows, &copy.sha256) != (rows, &sha256) {
            let to = target.shown.clone();
            return Err(TransferError::Differs { to, table, rows: (rows, copy.rows), sha256: (sha256, copy.sha256) });
        }
        tables.push(Checked { table, rows, sha256 });
    }
    Ok(tables)
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

async fn total(side: &Side) -> Result<u64, TransferError> {
    let mut rows = 0;
    for plan in plans() {
        rows += count(side, plan).await?;
    }
    Ok(rows)
}

async fn count(side: &Side, plan: &'static Plan) -> Result<u64, TransferError> {
    let rows = side.sql().one(&plan.count, &[], |row| row.counter()).await;
    Ok(rows.map_err(doing(&side.shown, plan.table.name))?.unwrap_or(0))
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
