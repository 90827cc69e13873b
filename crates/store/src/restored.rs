//! What must be done to a database that was put back to an earlier state: much of what it says stands has ended since.

use domain::revocation::{Revocation, Revoked};
use domain::{KeyState, UnixMillis};

use crate::keys::{all, announce};
use crate::sql::Sql;
use crate::{Error, Store, floors, revocations};

/// What no longer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voided {
    /// Sessions that were ended.
    pub sessions: usize,
    /// Accounts whose epoch was raised.
    pub accounts: usize,
    /// Signing keys whose signatures no longer count.
    pub keys: usize,
}

impl Store {
    /// Ends everything that was issued under this installation's keys and epochs, before this moment and before the
    /// moment it was put back from: every session with its refresh tokens, every access token, every signing key. The
    /// server makes a new key when it is started.
    ///
    /// Every epoch becomes `now` in milliseconds: later than whatever was reached since the backup was made, as none was ever
    /// raised a thousand times a second.
    pub async fn void_everything(&self, keep_until: UnixMillis, now: UnixMillis) -> Result<Voided, Error> {
        let mut accounts = 0;
        let mut after = Some(Vec::new());
        while let Some(from) = after {
            // In parts: a transaction on PostgreSQL has only so long.
            let (raised, next) = self.write(async move |sql| raise_some(sql, &from, now).await).await?;
            accounts += raised;
            after = next;
        }
        self.write(async move |sql| {
            let held = floors::hold(sql, now).await?;
            announce(sql).await?;
            read_on(sql).await?;
            let everybody = floors::end_everybody(sql, held, now).await?;
            let mut keys = all(sql).await?;
            keys.retain(|key| key.life.state != KeyState::Gone);
            let erase = "update signing_keys set state = 'gone', sealed = $1 where state <> 'gone'";
            sql.run(erase, &[&Vec::new()]).await?;
            let entry = |kid: String| Revocation { revoked: Revoked::Key(kid), keep_until };
            let entries: Vec<_> = keys.into_iter().map(|key| entry(key.life.kid)).collect();
            revocations::insert(sql, &entries).await?;
            forget_offers(sql).await?;
            let sessions = usize::try_from(everybody.count).unwrap_or(usize::MAX);
            Ok(Voided { sessions, accounts, keys: entries.len() })
        })
        .await
    }

    /// Lets sessions and keys stand. Only the link that would create the first administrator is forgotten, since it may
    /// have been used, and whoever follows the revocation log is kept from missing something.
    pub async fn let_stand(&self) -> Result<(), Error> {
        self.write(async |sql| {
            read_on(sql).await?;
            forget_offers(sql).await
        })
        .await
    }
}

async fn forget_offers(sql: Sql<'_>) -> Result<(), Error> {
    sql.run("delete from setup_offers", &[]).await.map(drop)
}

/// A position in the log that was reached since must come before what is new, and is not one of this log any more. On
/// PostgreSQL that is the number of a transaction: one of another cluster may never be reached in this one.
async fn read_on(sql: Sql<'_>) -> Result<(), Error> {
    // They followed the log as it was.
    sql.run("delete from listeners", &[]).await?;
    if let Sql::Postgres(_) = sql {
        sql.run("update revocations set xid = pg_current_xact_id()", &[]).await?;
        // Whoever reads the log next draws anew.
        sql.run("delete from log_life", &[]).await?;
    } else {
        let draw = "update meta set value = random() & 9223372036854775807 where name = 'revocations_source'";
        sql.run(draw, &[]).await?;
        let raise = "update sqlite_sequence set seq = seq + $1 where name = 'revocations'";
        if sql.run(raise, &[&LEAP]).await? == 0 {
            sql.run("insert into sqlite_sequence (name, seq) values ('revocations', $1)", &[&LEAP]).await?;
        }
    }
    Ok(())
}

/// Raises the epochs of the accounts behind an id, by which they are ordered. Answers how many, and behind which id to go on.
async fn raise_some(sql: Sql<'_>, after: &[u8], now: UnixMillis) -> Result<(usize, Option<Vec<u8>>), Error> {
    let last = "select user_id from users where user_id > $1 order by user_id limit 1 offset $2";
    let last = sql.one(last, &[&after, &(BATCH - 1)], |row| row.take::<Vec<u8>>()).await?;
    // By time, so that no two restores come to the same, be it from one backup.
    let raise = sql.either(
        "update users set epoch = max(epoch + 1, $1) where user_id > $2 and ($3 is null or user_id <= $3)",
        "update users set epoch = greatest(epoch + 1, $1) where user_id > $2 and ($3 is null or user_id <= $3)",
    );
    let raised = sql.run(raise, &[&now.0, &after, &last]).await?;
    Ok((raised, last))
}

/// Most accounts whose epoch is raised in one transaction.
const BATCH: i64 = 10_000;

/// By how much positions are raised: more than any was since the backup.
const LEAP: i64 = 1_000_000;
