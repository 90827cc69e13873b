//! The first administrator: created by whoever holds the one link, exactly once.

use domain::{Roles, SecretHash, UnixMillis};

use crate::accounts::{self, NewUser};
use crate::sql::Alone;
use crate::{Error, Store};

impl Store {
    /// Lets the holder of a secret create the first administrator, until the moment that is answered: that of the offer
    /// that stands already, if its secret is the one of that moment, or else `expires_at`, and then every earlier offer is
    /// void. None, and nothing is stored, if there is an administrator already.
    pub async fn offer_setup(
        &self,
        secret_of: impl Fn(UnixMillis) -> SecretHash + Send + 'static,
        expires_at: UnixMillis,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, Error> {
        self.write(async move |sql| {
            sql.alone(Alone::Setup).await?;
            let stands = sql
                .one(
                    "select secret_hash, expires_at from setup_offers where expires_at > $1
                and not exists (select 1 from users where ' ' || roles || ' ' like $2)",
                    &[&now.0, &admins()],
                    |row| Ok((SecretHash(row.take()?), row.moment()?)),
                )
                .await?;
            if let Some((_, until)) = stands.filter(|(secret, until)| secret.matches(&secret_of(*until))) {
                return Ok(Some(until));
            }
            let offered = sql.run(
                "insert into setup_offers (\"only\", secret_hash, expires_at)
                select 1, $1, $2
                where $2 > $3 and not exists (select 1 from users where ' ' || roles || ' ' like $4)
                on conflict (\"only\") do update set secret_hash = excluded.secret_hash, expires_at = excluded.expires_at",
                &[&secret_of(expires_at).0, &expires_at.0, &now.0, &admins()],
            )
            .await?;
            Ok((offered == 1).then_some(expires_at))
        })
        .await
    }

    /// Whether the holder of the secret could create the first administrator now. Changes nothing.
    pub async fn setup_is_open(&self, secret: SecretHash, now: UnixMillis) -> Result<bool, Error> {
        self.read(async move |sql| {
            let open = sql
                .one(
                    "select 1 from setup_offers where secret_hash = $1 and expires_at > $2
                and not exists (select 1 from users where ' ' || roles || ' ' like $3)",
                    &[&secret.0, &now.0, &admins()],
                    |_| Ok(()),
                )
                .await?;
            Ok(open.is_some())
        })
        .await
    }

    /// Creates the first administrator and consumes the offer. False if the offer is not or no longer valid, or if
    /// there is an administrator already. `Taken` leaves the offer open.
    pub async fn create_first_admin(&self, secret: SecretHash, new: NewUser, now: UnixMillis) -> Result<bool, Error> {
        if !new.roles.contains(Roles::ADMIN) {
            return Err(Error::broken("the first administrator needs the administrator's role"));
        }
        self.write(async move |sql| {
            sql.alone(Alone::Setup).await?;
            let consumed = sql
                .run(
                    "delete from setup_offers where secret_hash = $1 and expires_at > $2
                and not exists (select 1 from users where ' ' || roles || ' ' like $3)",
                    &[&secret.0, &now.0, &admins()],
                )
                .await?;
            if consumed == 1 {
                accounts::insert(sql, &new).await?;
            }
            Ok(consumed == 1)
        })
        .await
    }
}

/// Matches the stored roles, with a space on each side, of an administrator.
fn admins() -> String {
    format!("% {} %", Roles::ADMIN)
}
