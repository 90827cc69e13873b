//! Sweeping: ending what has timed out, and deleting what no longer matters to anybody.

use domain::revocation::{Receipt, Revocation, Revoked};
use domain::{EndedWhy, SessionId, Span, UnixMillis};

use crate::row::{max_access_exp, now_in_minutes, to_minute};
use crate::sql::Sql;
use crate::{Error, Store, listeners, postgres, revocations};

/// What one sweep did.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The sessions that had timed out and were ended now.
    pub expired: Receipt,
    /// How many sessions were due to be looked at and still stand, because they were used.
    pub standing: usize,
    /// How many sessions were deleted that had ended long ago.
    pub sessions: usize,
    /// How many revocations were deleted that nothing alive needs.
    pub revocations: usize,
    /// How many throttles were deleted that hold nobody back.
    pub throttles: usize,
    /// How many expired setup offers were deleted.
    pub offers: usize,
    /// How many listeners were deleted that have long stopped asking.
    pub listeners: usize,
}

/// Most rows of each kind per sweep, so that no request waits long behind one.
const BATCH: i64 = 1000;

/// How long the end of a session that timed out is kept, counted from now or from the expiry of its last access token if
/// that is later: access tokens live at most 15 minutes, and one may have been issued just now that the row does not
/// know of. The other two are more than any verifier's leeway.
const KEEP: Span = Span::minutes(17);

impl Store {
    /// Ends the sessions past a deadline, up to a minute late, and deletes those ended longer ago than `keep_ended`, the
    /// revocations past their `keep_until`, the throttles that are free, the setup offers that expired and the listeners that
    /// are gone: of most kinds at most 1000.
    pub async fn sweep(&self, now: UnixMillis, keep_ended: Span) -> Result<Swept, Error> {
        self.write(async move |sql| {
            postgres::sweep_marks(sql).await?;
            Ok(Swept {
                standing: put_off(sql, now).await?,
                expired: expire(sql, now).await?,
                sessions: sql
                    .run(
                        "delete from sessions where session_id in
                        (select session_id from sessions where ended_at is not null and ended_at <= $1 limit $2)",
                        &[&(now - keep_ended).0, &BATCH],
                    )
                    .await?,
                revocations: sql
                    .run(
                        "delete from revocations where seq in
                        (select seq from revocations where keep_until < $1 limit $2)",
                        &[&now.0, &BATCH],
                    )
                    .await?,
                // Charged meanwhile by somebody who held the row, a throttle holds its owner back again and stays.
                throttles: sql
                    .run(
                        "delete from throttles where free_at <= $1 and throttle_key in
                        (select throttle_key from throttles where free_at <= $1 limit $2)",
                        &[&now.0, &BATCH],
                    )
                    .await?,
                offers: sql.run("delete from setup_offers where expires_at <= $1", &[&now.0]).await?,
                listeners: listeners::sweep(sql, now).await?,
            })
        })
        .await
    }
}

impl Swept {
    /// Whether there may be more to sweep at once.
    pub fn is_full(&self) -> bool {
        let most = [self.expired.revocations.len(), self.standing, self.sessions, self.revocations, self.throttles];
        most.into_iter().any(|rows| rows as i64 >= BATCH)
    }
}

/// Puts off to their present deadline those that have been used since it was last looked at. Each use moves the deadline
/// on, and to move an index with it would cost more than the use. Up to the next whole minute, because an index holds many
/// sessions of one moment in a third of the room; whoever presents such a session is refused to the millisecond.
async fn put_off(sql: Sql<'_>, now: UnixMillis) -> Result<usize, Error> {
    sql.run(
        concat!(
            "update sessions set sweep_minute = ",
            to_minute!("idle_expires_at"),
            " where ended_at is null and idle_expires_at > $1 and session_id in
            (select session_id from sessions where ended_at is null and idle_expires_at > $1 and sweep_minute <= ",
            now_in_minutes!("$1"),
            " order by sweep_minute limit $2)"
        ),
        &[&now.0, &BATCH],
    )
    .await
}

async fn expire(sql: Sql<'_>, now: UnixMillis) -> Result<Receipt, Error> {
    // The idle deadline is never beyond the absolute one, so it is the only one to look at. It is looked at again where
    // the row is changed: a session may be used meanwhile.
    let ended = sql
        .all(
            concat!(
                "update sessions set ended_at = $1, ended_why = $3
                where ended_at is null and idle_expires_at <= $1 and session_id in
                (select session_id from sessions where ended_at is null and idle_expires_at <= $1 and sweep_minute <= ",
                now_in_minutes!("$1"),
                " order by sweep_minute limit $2) returning session_id, ",
                max_access_exp!()
            ),
            &[&now.0, &BATCH, &EndedWhy::Expired.as_str()],
            |row| {
                let revoked = Revoked::Session(SessionId(row.take()?));
                Ok(Revocation { revoked, keep_until: row.moment()?.max(now) + KEEP })
            },
        )
        .await?;
    let place = revocations::insert(sql, &ended).await?;
    Ok(Receipt { revoked_at: now, revocations: ended, place })
}
