//! What the database knows of the master key, which it never holds: a mark to tell it from another, the root key sealed
//! under it, and the exchange of one master key for another.

use domain::KeyState;

use crate::keys::{all, announce};
use crate::sql::Sql;
use crate::{Error, Store};

/// What belongs to the master key in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Master {
    /// What tells it from another.
    pub check: i64,
    /// The root key, sealed under it. None in a database from before there was one.
    pub root: Option<Vec<u8>>,
}

/// One master key in place of another.
pub struct Rekey {
    /// What tells the one so far from another.
    pub old: i64,
    /// What tells the new one from another.
    pub new: i64,
    /// The root key, sealed under the new one.
    pub root: Vec<u8>,
    /// Every signing key that is not gone.
    pub keys: Vec<Resealed>,
}

/// A signing key that was opened and sealed again.
pub struct Resealed {
    /// Which.
    pub kid: String,
    /// As it was read.
    pub was: Vec<u8>,
    /// Under the new master key.
    pub sealed: Vec<u8>,
}

/// What came of a [`Rekey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rekeyed {
    /// Everything is sealed under the new master key.
    Done,
    /// Nothing changed: the master key in force is another one.
    OtherMaster,
    /// Nothing changed: there are other signing keys than those given. Read them again.
    OtherKeys,
}

impl Store {
    /// What belongs to the master key; none until [`Store::begin_master`].
    pub async fn master(&self) -> Result<Option<Master>, Error> {
        self.read(master)
    }

    /// Records what is missing, once, and the root only for the same master key. The answer is what stands from now on.
    pub async fn begin_master(&self, check: i64, root: Vec<u8>) -> Result<Master, Error> {
        self.write(move |sql| {
            announce(sql)?;
            sql.run(
                "insert into meta (name, value) values ('master_key_check', $1) on conflict (name) do nothing",
                &[&check],
            )?;
            if master(sql)?.is_some_and(|stands| stands.check == check) {
                sql.run(
                    "insert into sealed_secrets (name, sealed) values ('root', $1) on conflict (name) do nothing",
                    &[&root],
                )?;
            }
            master(sql)?.ok_or_else(|| Error::broken("the mark of the master key was not recorded"))
        })
        .await
    }

    /// Exchanges the master key: all that is sealed at once, or nothing.
    pub async fn rekey(&self, rekey: Rekey) -> Result<Rekeyed, Error> {
        self.write(move |sql| {
            announce(sql)?;
            if master(sql)?.is_none_or(|stands| stands.check != rekey.old) {
                return Ok(Rekeyed::OtherMaster);
            }
            let stored = all(sql)?;
            let mut sealed = stored.iter().filter(|key| key.life.state != KeyState::Gone);
            let is_known = |kid: &str, was: &[u8]| rekey.keys.iter().any(|key| key.kid == kid && key.was == was);
            if !sealed.all(|key| is_known(&key.life.kid, &key.sealed)) {
                return Ok(Rekeyed::OtherKeys);
            }
            let exchange = "update meta set value = $2 where name = 'master_key_check' and value = $1";
            sql.run(exchange, &[&rekey.old, &rekey.new])?;
            sql.run("update sealed_secrets set sealed = $1 where name = 'root'", &[&rekey.root])?;
            for key in &rekey.keys {
                let reseal = "update signing_keys set sealed = $2 where kid = $1 and state <> 'gone'";
                sql.run(reseal, &[&key.kid, &key.sealed])?;
            }
            Ok(Rekeyed::Done)
        })
        .await
    }
}

fn master(sql: Sql<'_>) -> Result<Option<Master>, Error> {
    sql.one(
        "select value, (select sealed from sealed_secrets where name = 'root') from meta where name = 'master_key_check'",
        &[],
        |row| Ok(Master { check: row.take()?, root: row.take()? }),
    )
}
