//! Accounts: adding, finding, and the changes that void everything issued before.

use domain::{
    Account, EndedWhy, LoginName, PasswordHash, Roles, UnixMillis, UserId, Username, account::Email,
    revocation::Receipt,
};

use crate::datum::Value;
use crate::endings::{self, Keep};
use crate::sql::{Columns, Sql};
use crate::{Error, Store};

/// An account to be.
pub struct NewUser {
    /// Who it will be.
    pub user_id: UserId,
    /// Must be unique.
    pub username: Username,
    /// Must be unique, if any.
    pub email: Option<Email>,
    /// Absent: cannot log in with a password.
    pub password: Option<PasswordHash>,
    /// What the user may do.
    pub roles: Roles,
    /// Now.
    pub created_at: UnixMillis,
}

/// An account and what its password is compared with.
pub struct Login {
    /// Who it is.
    pub account: Account,
    /// Absent: no password is the right one.
    pub password: Option<PasswordHash>,
}

impl Store {
    /// Adds an account. `Taken("username")` or `Taken("email")` if somebody has it already.
    pub async fn add_user(&self, new: NewUser) -> Result<Account, Error> {
        self.write(async move |sql| insert(sql, &new).await).await
    }

    /// The account that somebody wants to log in to, with its password hash.
    pub async fn account_for_login(&self, name: &LoginName) -> Result<Option<Login>, Error> {
        let name = name.clone();
        self.read(async move |sql| {
            find(sql, &name, |row| Ok(Login { account: account(row)?, password: password(row)? })).await
        })
        .await
    }

    /// The account with this id.
    pub async fn account(&self, user_id: UserId) -> Result<Option<Account>, Error> {
        self.read(async move |sql| {
            let text = concat!("select ", account_columns!(), " from users u where user_id = $1");
            sql.one(text, &[&user_id.0], account).await
        })
        .await
    }

    /// The account with this username or address.
    pub async fn account_by_name(&self, name: &LoginName) -> Result<Option<Account>, Error> {
        let name = name.clone();
        self.read(async move |sql| find(sql, &name, account).await).await
    }

    /// Accounts in the order of their usernames, from the first one behind `after`.
    pub async fn accounts(&self, after: Option<Username>, limit: u32) -> Result<Vec<Account>, Error> {
        self.read(async move |sql| {
            let after = after.as_ref().map_or("", Username::as_str);
            sql.all(
                concat!("select ", account_columns!(), " from users u where username > $1 order by username limit $2"),
                &[&after, &limit],
                account,
            )
            .await
        })
        .await
    }

    /// Sets the password and ends every session of the user. None: no such user.
    pub async fn set_password(
        &self,
        user_id: UserId,
        password: PasswordHash,
        keep_until: UnixMillis,
        now: UnixMillis,
    ) -> Result<Option<Receipt>, Error> {
        let text = "update users set epoch = epoch + 1, password_hash = $2 where user_id = $1 returning epoch";
        self.write(async move |sql| {
            change(sql, user_id, text, &[&user_id.0, &password.0], Keep { until: keep_until, now }).await
        })
        .await
    }

    /// Sets the roles and voids every access token of the user. The sessions go on, with the new roles from the next refresh or
    /// reading of the row on. None: no such user.
    pub async fn set_roles(
        &self,
        user_id: UserId,
        roles: &Roles,
        keep_until: UnixMillis,
        now: UnixMillis,
    ) -> Result<Option<Receipt>, Error> {
        let text = "update users set epoch = epoch + 1, roles = $2 where user_id = $1 returning epoch";
        let roles = roles.to_string();
        self.write(async move |sql| {
            let epoch = sql.one(text, &[&user_id.0, &roles], |row| row.counter()).await?;
            let Some(epoch) = epoch else { return Ok(None) };
            endings::go_on_in_epoch(sql, user_id, epoch, Keep { until: keep_until, now }).await.map(Some)
        })
        .await
    }

    /// Disables the account and ends every session of the user, or enables it again, which ends nothing.
    ///
    /// The receipt is empty if it was so already. None: no such user.
    pub async fn set_disabled(
        &self,
        user_id: UserId,
        disabled: bool,
        keep_until: UnixMillis,
        now: UnixMillis,
    ) -> Result<Option<Receipt>, Error> {
        self.write(async move |sql| {
            let ended = if disabled {
                let text = "update users set epoch = epoch + 1, disabled_at = $2
                    where user_id = $1 and disabled_at is null returning epoch";
                change(sql, user_id, text, &[&user_id.0, &now.0], Keep { until: keep_until, now }).await?
            } else {
                sql.run("update users set disabled_at = null where user_id = $1", &[&user_id.0]).await?;
                None
            };
            if ended.is_some() {
                return Ok(ended);
            }
            let known = sql.one("select 1 from users where user_id = $1", &[&user_id.0], |_| Ok(())).await?;
            Ok(known.map(|()| Receipt::of_nothing(now)))
        })
        .await
    }
}

/// Adds an account.
pub(crate) async fn insert(sql: Sql<'_>, new: &NewUser) -> Result<Account, Error> {
    sql.run(
        "insert into users (user_id, username, email, password_hash, roles, epoch, created_at)
        values ($1, $2, $3, $4, $5, 0, $6)",
        &[
            &new.user_id.0,
            &new.username.as_str(),
            &new.email.as_ref().map(Email::as_str),
            &new.password.as_ref().map(|hash| hash.0.as_str()),
            &new.roles.to_string(),
            &new.created_at.0,
        ],
    )
    .await?;
    Ok(Account {
        user_id: new.user_id,
        username: new.username.clone(),
        email: new.email.clone(),
        roles: new.roles.clone(),
        epoch: 0,
        created_at: new.created_at,
        disabled_at: None,
    })
}

/// Runs `text`, which changes the user and returns the raised epoch, and ends the sessions issued before it.
async fn change(
    sql: Sql<'_>,
    user_id: UserId,
    text: &'static str,
    values: &[&dyn Value],
    keep: Keep,
) -> Result<Option<Receipt>, Error> {
    let Some(epoch) = sql.one(text, values, |row| row.counter()).await? else { return Ok(None) };
    endings::end_below_epoch(sql, user_id, epoch, EndedWhy::AccountChanged, keep).await.map(Some)
}

async fn find<T>(
    sql: Sql<'_>,
    name: &LoginName,
    read: impl FnOnce(&mut Columns<'_>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let (text, name) = match name {
        LoginName::Username(name) => (
            concat!("select ", account_columns!(), ", u.password_hash from users u where username = $1"),
            name.as_str(),
        ),
        LoginName::Email(email) => {
            (concat!("select ", account_columns!(), ", u.password_hash from users u where email = $1"), email.as_str())
        }
    };
    sql.one(text, &[&name], read).await
}

/// The columns that [`account`] reads, of `users u`.
macro_rules! account_columns {
    () => {
        "u.user_id, u.username, u.email, u.roles, u.epoch, u.created_at, u.disabled_at"
    };
}
pub(crate) use account_columns;

pub(crate) fn account(row: &mut Columns<'_>) -> Result<Account, Error> {
    Ok(Account {
        user_id: UserId(row.take()?),
        username: row.parsed(|text| text.parse().ok(), "users.username is not a username")?,
        email: email(row)?,
        roles: row.parsed(roles, "users.roles are not roles")?,
        epoch: row.counter()?,
        created_at: row.moment()?,
        disabled_at: row.moment_if_any()?,
    })
}

fn email(row: &mut Columns<'_>) -> Result<Option<Email>, Error> {
    let text: Option<String> = row.take()?;
    text.map(|text| text.parse().map_err(|_| Error::broken("users.email is not an address"))).transpose()
}

fn password(row: &mut Columns<'_>) -> Result<Option<PasswordHash>, Error> {
    Ok(row.take::<Option<String>>()?.map(PasswordHash))
}

fn roles(text: &str) -> Option<Roles> {
    Roles::parse(text.split_ascii_whitespace()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_roles_read_back_as_they_were_written(names in prop::collection::vec("[a-z][a-z0-9_-]{0,31}", 0..32)) {
            let written = Roles::parse(names.iter().map(String::as_str)).unwrap();
            prop_assert_eq!(roles(&written.to_string()), Some(written));
        }
    }
}
