//! What the store knows about itself: the latest time it has seen, and whether it answers.

use domain::UnixMillis;

use crate::{Error, Store};

impl Store {
    /// The latest moment that [`Store::raise_clock_floor`] has recorded: no clock may start before it.
    pub async fn clock_floor(&self) -> Result<Option<UnixMillis>, Error> {
        self.read(|sql| sql.one("select value from meta where name = 'clock_floor'", &[], |row| row.moment()))
    }

    /// Records that it is at least `now`. Never goes back.
    pub async fn raise_clock_floor(&self, now: UnixMillis) -> Result<(), Error> {
        self.write(move |sql| {
            sql.run(
                "insert into meta (name, value) values ('clock_floor', $1)
                on conflict (name) do update set value = excluded.value where meta.value < excluded.value",
                &[&now.0],
            )?;
            Ok(())
        })
        .await
    }

    /// Forgets the latest moment, although what has expired by it may revive.
    pub async fn danger_reset_clock_floor(&self, now: UnixMillis) -> Result<(), Error> {
        self.write(move |sql| {
            sql.run("update meta set value = $1 where name = 'clock_floor'", &[&now.0])?;
            Ok(())
        })
        .await
    }

    /// Whether the database can be read and written. Waits for its turn to write, so the caller sets how long at most.
    pub async fn check(&self) -> Result<(), Error> {
        self.read(|sql| sql.one("select count(*) from meta", &[], |_| Ok(())).map(drop))?;
        // An empty transaction takes the lock that writing takes, but leaves nothing to be flushed to the disk.
        self.write(|_| Ok(())).await
    }
}
