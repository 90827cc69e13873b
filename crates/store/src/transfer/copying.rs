//! The copy itself: one transaction of the target, committed only when both sides are the same.

use super::error::{TransferError, doing};
use super::rows::{Reading, Summary, insert, summary};
use super::side::Side;
use super::state::{self, Record, State};
use super::tables::{GO_ON_NUMBERING, Plan, plans};
use super::{Checked, Progress, Task, Watch};
use crate::sql::Sql;

/// Closes the source and copies everything in one transaction, which is committed only when both sides are the same.
pub(super) async fn fill(
    source: &Side,
    target: &Side,
    id: [u8; 16],
    watch: &mut Watch<'_>,
) -> Result<Vec<Checked>, TransferError> {
    let (from, to) = (&source.shown, &target.shown);
    // Said before the source is closed, so that a mistake about the target closes nothing.
    target.begin().await.map_err(doing(to, "locking it"))?;
    vacant(target, id, from).await?;
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
    vacant(target, id, from).await?;
    copy(source, target, watch).await?;
    let tables = compare(source, target, watch).await?;
    // Otherwise the first servers would plan for tables that the planner has not looked at. What is empty it had better believe to fill.
    let filled: Vec<&str> = tables.iter().filter(|table| table.rows > 0).map(|table| table.table).collect();
    if matches!(target.sql(), Sql::Postgres(_)) && !filled.is_empty() {
        let look = format!("analyze {}", filled.join(", "));
        target.batch(&look).await.map_err(doing(to, "counting its rows"))?;
    }
    let arrived = state::advance(target.sql(), id, State::Arriving, State::Arrived).await;
    if !arrived.map_err(doing(to, "marking it"))? {
        return Err(TransferError::Busy(to.clone()));
    }
    target.batch("commit").await.map_err(|error| TransferError::Uncertain { to: to.clone(), source: error })?;
    Ok(tables)
}

/// Makes sure that the target has no rows. What an earlier attempt of the same move left, which nobody ever used, goes.
async fn vacant(target: &Side, id: [u8; 16], from: &str) -> Result<(), TransferError> {
    let sql = target.sql();
    let failed = || doing(&target.shown, "looking whether it is empty");
    let left_over = matches!(state::read(sql).await.map_err(failed())?,
        Some(Record { state: State::Arriving | State::Arrived, id: of, place }) if of == id || place == from);
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
