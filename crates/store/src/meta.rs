//! What the store knows about itself: the latest time it has seen, and whether it answers.

use domain::UnixMillis;

use crate::floors;
use crate::sql::Sql;
use crate::{Error, Store};

impl Store {
    /// The latest moment that [`Store::raise_clock_floor`] has recorded: no clock may start before it.
    pub async fn clock_floor(&self) -> Result<Option<UnixMillis>, Error> {
        self.read(async |sql| {
            sql.one("select value from meta where name = 'clock_floor'", &[], |row| row.moment()).await
        })
        .await
    }

    /// Records that it is at least `now`. Never goes back.
    pub async fn raise_clock_floor(&self, now: UnixMillis) -> Result<(), Error> {
        self.write(async move |sql| {
            sql.run(
                "insert into meta (name, value) values ('clock_floor', $1)
                on conflict (name) do update set value = excluded.value where meta.value < excluded.value",
                &[&now.0],
            )
            .await?;
            Ok(())
        })
        .await
    }

    /// Forgets the latest moment, although what has expired by it may revive.
    pub async fn danger_reset_clock_floor(&self, now: UnixMillis) -> Result<(), Error> {
        self.write(async move |sql| {
            sql.run("update meta set value = $1 where name = 'clock_floor'", &[&now.0]).await?;
            floors::take_back(sql, now).await
        })
        .await
    }

    /// What the clock of the database's server says: the one that counts for all nodes. None on SQLite, where that is the
    /// clock of this machine.
    pub async fn time(&self) -> Result<Option<UnixMillis>, Error> {
        self.read(async |sql| match sql {
            Sql::Sqlite(_) => Ok(None),
            Sql::Postgres(_) => {
                let time = "select floor(extract(epoch from clock_timestamp()) * 1000)::bigint";
                sql.one(time, &[], |row| row.moment()).await
            }
        })
        .await
    }

    /// Whether the database can be read and written. Waits for its turn to write, so the caller sets how long at most.
    pub async fn check(&self) -> Result<(), Error> {
        let reads = self.read(async |sql| {
            // A PostgreSQL that was a primary may have become a standby. SQLite tells below.
            let text = sql.either(
                "select count(*) from meta",
                "select count(*) from meta having not pg_is_in_recovery()
                and current_setting('transaction_read_only') = 'off'",
            );
            sql.one(text, &[], |_| Ok(())).await
        });
        reads.await?.ok_or(Error::Unavailable)?;
        let was_full = self.is_ill();
        self.write(async move |sql| {
            // On SQLite an empty transaction takes the lock that writing takes, but leaves nothing to be flushed to the
            // disk. Only after a full one it has to be seen that there is room again.
            if was_full {
                sql.run("insert into meta (name, value) values ('room', 0)", &[]).await?;
                sql.run("delete from meta where name = 'room'", &[]).await?;
            }
            Ok(())
        })
        .await
    }
}
