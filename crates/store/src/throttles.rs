//! Throttles: how many tries were made under a key, counted where all nodes see it.

use domain::throttle::{Limit, Try};
use domain::{Span, UnixMillis};

use crate::sql::Sql;
use crate::{Error, Store};

/// What is counted, such as the keyed hash of an address or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThrottleKey(pub [u8; 16]);

impl Store {
    /// Counts one try under each key. None: all are allowed, and recorded. Otherwise nothing is recorded, and the
    /// answer is how long to wait until all would be.
    pub async fn charge(&self, tries: Vec<(ThrottleKey, Limit)>, now: UnixMillis) -> Result<Option<Span>, Error> {
        self.write(move |sql| {
            let mut moved: Vec<(ThrottleKey, UnixMillis)> = Vec::new();
            let mut wait = None;
            for (key, limit) in tries {
                let charged = moved.iter().rev().find(|(other, _)| *other == key).map(|(_, free_at)| *free_at);
                let free_at = if charged.is_some() { charged } else { free_at(sql, key)? };
                match limit.judge(free_at, now) {
                    Try::Allowed(free_at) => moved.push((key, free_at)),
                    Try::Refused(span) => wait = wait.max(Some(span)),
                }
            }
            if wait.is_none() {
                for (key, free_at) in moved {
                    record(sql, key, free_at)?;
                }
            }
            Ok(wait)
        })
        .await
    }

    /// Gives one try back under each key that holds anybody back, because it came to nothing that should be counted.
    pub async fn refund(&self, tries: Vec<(ThrottleKey, Limit)>, now: UnixMillis) -> Result<(), Error> {
        self.write(move |sql| refund(sql, &tries, now)).await
    }
}

/// Gives one try back under each key. What time has given back already is not given back again.
pub(crate) fn refund(sql: Sql<'_>, tries: &[(ThrottleKey, Limit)], now: UnixMillis) -> Result<(), Error> {
    for (key, limit) in tries {
        if let Some(free_at) = free_at(sql, *key)?.filter(|free_at| *free_at > now) {
            record(sql, *key, limit.give_back(free_at))?;
        }
    }
    Ok(())
}

fn free_at(sql: Sql<'_>, key: ThrottleKey) -> Result<Option<UnixMillis>, Error> {
    sql.one("select free_at from throttles where throttle_key = $1", &[&key.0], |row| row.moment())
}

fn record(sql: Sql<'_>, key: ThrottleKey, free_at: UnixMillis) -> Result<(), Error> {
    sql.run(
        "insert into throttles (throttle_key, free_at) values ($1, $2)
        on conflict (throttle_key) do update set free_at = excluded.free_at",
        &[&key.0, &free_at.0],
    )?;
    Ok(())
}
