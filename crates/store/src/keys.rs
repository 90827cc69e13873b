//! Signing keys and their states. The private half is sealed before it comes here.

use domain::UnixMillis;

use crate::sql::{Alone, Columns};
use crate::{Error, Store};

/// A signing key, as stored.
#[derive(Clone)]
pub struct StoredKey {
    /// Its name in tokens and in the JWKS (RFC 7515 §4.1.4).
    pub kid: String,
    /// The one algorithm it may be used with (RFC 7518 §3.1).
    pub algorithm: String,
    /// What it is used for now.
    pub state: KeyState,
    /// Its public half as JSON (RFC 7517); absent for a shared secret.
    pub public_jwk: Option<String>,
    /// Its private half, encrypted under the master key; empty once it is gone.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: UnixMillis,
    /// Since when it signs.
    pub activated_at: Option<UnixMillis>,
    /// Since when it no longer signs.
    pub retired_at: Option<UnixMillis>,
}

/// The life of a signing key, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Published, so that every verifier knows it before it signs.
    Next,
    /// Signs.
    Active,
    /// Still published, until the last token it signed has expired.
    Retired,
    /// No longer known to anybody.
    Gone,
}

impl Store {
    /// All keys, oldest first, those that are gone included.
    pub async fn keys(&self) -> Result<Vec<StoredKey>, Error> {
        self.read(async |sql| {
            sql.all(
                "select kid, algorithm, state, public_jwk, sealed, created_at, activated_at, retired_at
                from signing_keys order by created_at, kid",
                &[],
                stored_key,
            )
            .await
        })
        .await
    }

    /// Adds a key. `Taken("kid")` if there is one of this name.
    pub async fn add_key(&self, key: StoredKey) -> Result<(), Error> {
        self.write(async move |sql| {
            sql.run(
                "insert into signing_keys
                (kid, algorithm, state, public_jwk, sealed, created_at, activated_at, retired_at)
                values ($1, $2, $3, $4, $5, $6, $7, $8)",
                &[
                    &key.kid,
                    &key.algorithm,
                    &key.state.as_str(),
                    &key.public_jwk,
                    &key.sealed,
                    &key.created_at.0,
                    &key.activated_at.map(|at| at.0),
                    &key.retired_at.map(|at| at.0),
                ],
            )
            .await?;
            Ok(())
        })
        .await
    }

    /// Makes the next key the active one, and retires the one that was. False if no such key is next.
    pub async fn activate_key(&self, kid: &str, now: UnixMillis) -> Result<bool, Error> {
        let kid = kid.to_owned();
        self.write(async move |sql| {
            sql.alone(Alone::SigningKeys).await?;
            let next = "select 1 from signing_keys where kid = $1 and state = 'next'";
            if sql.one(next, &[&kid], |_| Ok(())).await?.is_none() {
                return Ok(false);
            }
            let retire = "update signing_keys set state = 'retired', retired_at = $1 where state = 'active'";
            sql.run(retire, &[&now.0]).await?;
            let activate = "update signing_keys set state = 'active', activated_at = $2 where kid = $1";
            Ok(sql.run(activate, &[&kid, &now.0]).await? == 1)
        })
        .await
    }

    /// Forgets the private half of a key that does not sign, and publishes it no longer. False if no such key.
    pub async fn drop_key(&self, kid: &str) -> Result<bool, Error> {
        let kid = kid.to_owned();
        self.write(async move |sql| {
            let drop = "update signing_keys set state = 'gone', sealed = $2
                where kid = $1 and state in ('next', 'retired')";
            Ok(sql.run(drop, &[&kid, &Vec::new()]).await? == 1)
        })
        .await
    }
}

impl KeyState {
    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Gone => "gone",
        }
    }

    /// The reverse of [`KeyState::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retired, Self::Gone].into_iter().find(|state| state.as_str() == text)
    }
}

fn stored_key(row: &mut Columns<'_>) -> Result<StoredKey, Error> {
    Ok(StoredKey {
        kid: row.take()?,
        algorithm: row.take()?,
        state: row.parsed(KeyState::parse, "signing_keys.state is unknown")?,
        public_jwk: row.take()?,
        sealed: row.take()?,
        created_at: row.moment()?,
        activated_at: row.moment_if_any()?,
        retired_at: row.moment_if_any()?,
    })
}
