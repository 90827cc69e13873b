//! Programs that may follow the revocations.

use domain::{SecretHash, UnixMillis};

use crate::{Error, Store};

/// One of them, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVerifier {
    /// What people call it.
    pub name: String,
    /// When it was added.
    pub created_at: UnixMillis,
}

impl Store {
    /// Adds one. False if there is one of this name.
    pub async fn add_verifier(&self, name: String, secret: SecretHash, now: UnixMillis) -> Result<bool, Error> {
        self.write(async move |sql| {
            let added = sql
                .run(
                "insert into verifiers (name, secret_hash, created_at) values ($1, $2, $3) on conflict (name) do nothing",
                    &[&name.as_str(), &secret.0, &now.0],
                )
                .await?;
            Ok(added == 1)
        })
        .await
    }

    /// Removes one. False if there is none of this name.
    pub async fn remove_verifier(&self, name: String) -> Result<bool, Error> {
        self.write(async move |sql| {
            sql.run("delete from listeners where verifier = $1", &[&name.as_str()]).await?;
            Ok(sql.run("delete from verifiers where name = $1", &[&name.as_str()]).await? == 1)
        })
        .await
    }

    /// All of them, by name.
    pub async fn verifiers(&self) -> Result<Vec<StoredVerifier>, Error> {
        self.read(async |sql| {
            sql.all("select name, created_at from verifiers order by name", &[], |row| {
                Ok(StoredVerifier { name: row.take()?, created_at: row.moment()? })
            })
            .await
        })
        .await
    }

    /// The name of the one that holds a secret.
    pub async fn verifier_by_secret(&self, secret: SecretHash) -> Result<Option<String>, Error> {
        self.read(async move |sql| {
            sql.one("select name from verifiers where secret_hash = $1", &[&secret.0], |row| row.take()).await
        })
        .await
    }
}
