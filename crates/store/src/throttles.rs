//! Throttles: how many tries were made under a key, counted where all nodes see it.

use std::collections::{BTreeMap, BTreeSet};

use domain::throttle::{Limit, Try};
use domain::{Span, UnixMillis};

use crate::datum::Value;
use crate::sql::Sql;
use crate::{Error, Store};

/// What is counted, such as the keyed hash of an address or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThrottleKey(pub [u8; 16]);

impl Store {
    /// Counts one try under each key. None: all are allowed, and recorded. Otherwise nothing is recorded, and the
    /// answer is how long to wait until all would be.
    pub async fn charge(&self, tries: Vec<(ThrottleKey, Limit)>, now: UnixMillis) -> Result<Option<Span>, Error> {
        self.write(async move |sql| {
            let mut free_at = free_at(sql, &tries).await?;
            let mut wait = None;
            for (key, limit) in &tries {
                match limit.judge(free_at.get(key).copied(), now) {
                    Try::Allowed(next) => drop(free_at.insert(*key, next)),
                    Try::Refused(span) => wait = wait.max(Some(span)),
                }
            }
            if wait.is_none() {
                record(sql, &free_at).await?;
            }
            Ok(wait)
        })
        .await
    }

    /// Gives one try back under each key that holds anybody back, because it came to nothing that should be counted.
    pub async fn refund(&self, tries: Vec<(ThrottleKey, Limit)>, now: UnixMillis) -> Result<(), Error> {
        self.write(async move |sql| refund(sql, &tries, now).await).await
    }
}

/// Gives one try back under each key. What time has given back already is not given back again.
pub(crate) async fn refund(sql: Sql<'_>, tries: &[(ThrottleKey, Limit)], now: UnixMillis) -> Result<(), Error> {
    let mut free_at = free_at(sql, tries).await?;
    free_at.retain(|_, held| *held > now);
    for (key, limit) in tries {
        if let Some(held) = free_at.get_mut(key).filter(|held| **held > now) {
            *held = limit.give_back(*held);
        }
    }
    record(sql, &free_at).await
}

/// When each key is free, of those that hold anybody back. Nobody else changes them before this transaction ends.
async fn free_at(sql: Sql<'_>, tries: &[(ThrottleKey, Limit)]) -> Result<BTreeMap<ThrottleKey, UnixMillis>, Error> {
    let mut found = BTreeMap::new();
    // In one order everywhere, so that no two transactions wait for each other.
    for key in tries.iter().map(|(key, _)| *key).collect::<BTreeSet<_>>() {
        let text = sql.either(
            "select free_at from throttles where throttle_key = $1",
            // A row that is not there cannot be locked, hence it is made; zero holds nobody back and is swept.
            "insert into throttles (throttle_key, free_at) values ($1, 0)
            on conflict (throttle_key) do update set free_at = throttles.free_at returning free_at",
        );
        if let Some(free_at) = sql.one(text, &[&key.0], |row| row.moment()).await? {
            found.insert(key, free_at);
        }
    }
    Ok(found)
}

async fn record(sql: Sql<'_>, free_at: &BTreeMap<ThrottleKey, UnixMillis>) -> Result<(), Error> {
    let rows: Vec<[&dyn Value; 2]> = free_at.iter().map(|(key, free_at)| [&key.0 as _, &free_at.0 as _]).collect();
    sql.run_each(
        "insert into throttles (throttle_key, free_at) values ($1, $2)
        on conflict (throttle_key) do update set free_at = excluded.free_at",
        &rows,
    )
    .await
}
