//! Signing keys and their states. The private half is sealed before it comes here.
//!
//! Each change begins by counting up the version of the keys. That tells every node to read them again, and makes
//! changes wait for each other, so that a guard that held when it was asked still holds when the transaction ends.

use domain::revocation::{Receipt, Revocation, Revoked};
use domain::signing_keys::KeyLife;
use domain::{KeyState, UnixMillis};

use crate::sql::{Columns, Sql};
use crate::{Error, Store, revocations};

/// A signing key, as stored.
#[derive(Clone)]
pub struct StoredKey {
    /// Its name, algorithm, state and times.
    pub life: KeyLife,
    /// Its public half as JSON (RFC 7517).
    pub public_jwk: Option<String>,
    /// Its private half, encrypted under the master key; empty once it is gone.
    pub sealed: Vec<u8>,
}

/// A key to be stored.
#[derive(Clone)]
pub struct NewKey {
    /// Its name in tokens and in the JWKS (RFC 7515 §4.1.4).
    pub kid: String,
    /// The one algorithm it may be used with (RFC 7518 §3.1).
    pub algorithm: String,
    /// Its public half as JSON (RFC 7517).
    pub public_jwk: String,
    /// Its private half, encrypted under the master key.
    pub sealed: Vec<u8>,
    /// What tells that master key from another. If it is not the one in force, the call fails as `Broken`.
    pub sealed_under: i64,
    /// When it was made.
    pub created_at: UnixMillis,
}

/// What came of revoking a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRevoked {
    /// The entry in the revocation log.
    pub receipt: Receipt,
    /// The key that signs in its stead from now on, if it was the one that signed.
    pub successor: Option<String>,
}

impl Store {
    /// All keys, oldest first, those that are gone included.
    pub async fn keys(&self) -> Result<Vec<StoredKey>, Error> {
        self.read(all).await
    }

    /// A number that is another one after every change of keys or master key. Read it before the keys.
    pub async fn keys_version(&self) -> Result<i64, Error> {
        let version = self.read(async |sql| {
            sql.one("select value from meta where name = 'keys_version'", &[], |row| row.take()).await
        });
        Ok(version.await?.unwrap_or(0))
    }

    /// Adds a key that is to sign later. False if there is one already. `Taken("kid")` if there is one of this name.
    pub async fn add_key(&self, key: NewKey) -> Result<bool, Error> {
        self.write(async move |sql| {
            announce(sql).await?;
            insert(sql, &key, KeyState::Next).await
        })
        .await
    }

    /// Adds a key that signs at once, where none does. False if one does already. `Taken("kid")` as above.
    pub async fn begin_key(&self, key: NewKey) -> Result<bool, Error> {
        self.write(async move |sql| {
            announce(sql).await?;
            insert(sql, &key, KeyState::Active).await
        })
        .await
    }

    /// Makes the next key the active one, and retires the one that was. False, and nothing changes, if no such key is
    /// next, or it was made after `made_by`.
    pub async fn activate_key(&self, kid: &str, made_by: UnixMillis, now: UnixMillis) -> Result<bool, Error> {
        let kid = kid.to_owned();
        self.write(async move |sql| {
            announce(sql).await?;
            let next = "select 1 from signing_keys where kid = $1 and state = 'next' and created_at <= $2";
            if sql.one(next, &[&kid, &made_by.0], |_| Ok(())).await?.is_none() {
                return Ok(false);
            }
            let retire = "update signing_keys set state = 'retired', retired_at = $1 where state = 'active'";
            sql.run(retire, &[&now.0]).await?;
            activate(sql, &kid, now).await
        })
        .await
    }

    /// Forgets the private half of a key that does not sign, and publishes it no longer. False if no such key is in the
    /// state `from`, or that is the state in which it signs.
    pub async fn drop_key(&self, kid: &str, from: KeyState) -> Result<bool, Error> {
        let kid = kid.to_owned();
        self.write(async move |sql| {
            announce(sql).await?;
            let drop = "update signing_keys set state = 'gone', sealed = $3
                where kid = $1 and state = $2 and state in ('next', 'retired')";
            Ok(sql.run(drop, &[&kid, &from.as_str(), &Vec::new()]).await? == 1)
        })
        .await
    }

    /// Forgets a key at once and tells every node that its signatures no longer count. If it was the one that signs, the
    /// next one of the same algorithm as `stand_in` takes over, or else `stand_in` itself. None if there is no such key,
    /// or it is gone already.
    pub async fn revoke_key(
        &self,
        kid: &str,
        stand_in: NewKey,
        keep_until: UnixMillis,
        now: UnixMillis,
    ) -> Result<Option<KeyRevoked>, Error> {
        let kid = kid.to_owned();
        self.write(async move |sql| {
            announce(sql).await?;
            let state = "select state from signing_keys where kid = $1 and state <> 'gone'";
            let unknown = "signing_keys.state is unknown";
            let state = sql.one(state, &[&kid], |row| row.parsed(KeyState::parse, unknown)).await?;
            let Some(state) = state else { return Ok(None) };
            let erase = "update signing_keys set state = 'gone', sealed = $2 where kid = $1";
            sql.run(erase, &[&kid, &Vec::new()]).await?;
            let successor = if state == KeyState::Active { Some(succeed(sql, &stand_in, now).await?) } else { None };
            let revocations = vec![Revocation { revoked: Revoked::Key(kid.clone()), keep_until }];
            let place = revocations::insert(sql, &revocations).await?;
            Ok(Some(KeyRevoked { receipt: Receipt { revoked_at: now, revocations, place }, successor }))
        })
        .await
    }
}

pub(crate) async fn all(sql: Sql<'_>) -> Result<Vec<StoredKey>, Error> {
    sql.all(
        "select kid, algorithm, state, public_jwk, sealed, created_at, activated_at, retired_at
        from signing_keys order by created_at, kid",
        &[],
        stored_key,
    )
    .await
}

/// Begins a change of keys.
pub(crate) async fn announce(sql: Sql<'_>) -> Result<(), Error> {
    sql.run(
        "insert into meta (name, value) values ('keys_version', 1)
        on conflict (name) do update set value = meta.value + 1",
        &[],
    )
    .await?;
    Ok(())
}

async fn insert(sql: Sql<'_>, key: &NewKey, state: KeyState) -> Result<bool, Error> {
    let in_force = "select 1 from meta where name = 'master_key_check' and value = $1";
    if sql.one(in_force, &[&key.sealed_under], |_| Ok(())).await?.is_none() {
        return Err(Error::broken("a key was sealed under a master key that is not in force"));
    }
    let activated_at = (state == KeyState::Active).then_some(key.created_at.0);
    let inserted = sql
        .run(
            "insert into signing_keys (kid, algorithm, state, public_jwk, sealed, created_at, activated_at)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict (state) where state in ('next', 'active') do nothing",
            &[
                &key.kid,
                &key.algorithm,
                &state.as_str(),
                &key.public_jwk,
                &key.sealed,
                &key.created_at.0,
                &activated_at,
            ],
        )
        .await?;
    Ok(inserted == 1)
}

async fn activate(sql: Sql<'_>, kid: &str, now: UnixMillis) -> Result<bool, Error> {
    let activate = "update signing_keys set state = 'active', activated_at = $2 where kid = $1 and state = 'next'";
    Ok(sql.run(activate, &[&kid, &now.0]).await? == 1)
}

/// Gives the place of the key that signs, which is empty, to the next key or else to `stand_in`. Answers which.
async fn succeed(sql: Sql<'_>, stand_in: &NewKey, now: UnixMillis) -> Result<String, Error> {
    let next = "select kid from signing_keys where state = 'next' and algorithm = $1";
    if let Some(kid) = sql.one(next, &[&stand_in.algorithm], |row| row.take::<String>()).await? {
        activate(sql, &kid, now).await?;
        return Ok(kid);
    }
    insert(sql, stand_in, KeyState::Active).await?;
    Ok(stand_in.kid.clone())
}

fn stored_key(row: &mut Columns<'_>) -> Result<StoredKey, Error> {
    let (kid, algorithm) = (row.take()?, row.take()?);
    let state = row.parsed(KeyState::parse, "signing_keys.state is unknown")?;
    let (public_jwk, sealed) = (row.take()?, row.take()?);
    let (created_at, activated_at, retired_at) = (row.moment()?, row.moment_if_any()?, row.moment_if_any()?);
    let life = KeyLife { kid, algorithm, state, created_at, activated_at, retired_at };
    Ok(StoredKey { life, public_jwk, sealed })
}
