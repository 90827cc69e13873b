//! Endings of all that stands at a moment, however much that is: a moment is kept, and whatever had begun by then is over.
//!
//! Every statement that reads a session or a grant reads the moment with it, so there is nothing to be caught up on. The entry in
//! the log is for the access tokens, and it is enough for them: none of what ended was issued later than the moment.

use domain::UnixMillis;
use domain::revocation::{Receipt, Revocation, Revoked, keep_until};

use crate::sql::Sql;
use crate::{Error, Store, revocations};

/// What ended up to a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedUpTo {
    /// The moment. It may lie a little ahead, and until it has passed there is no login.
    pub moment: UnixMillis,
    /// How many sessions, or grants of the client, stood until then.
    pub count: u64,
    /// The one entry in the revocation log.
    pub receipt: Receipt,
}

/// The moment up to which all sessions that had begun are over.
macro_rules! everybody_ended_at {
    () => {
        "coalesce((select value from meta where name = 'everybody_ended_at'), 0)"
    };
}
pub(crate) use everybody_ended_at;

/// When the session `s` ended, be it with all others.
macro_rules! session_ended_at {
    () => {
        "coalesce(s.ended_at, (select value from meta where name = 'everybody_ended_at' and value >= s.created_at))"
    };
}
pub(crate) use session_ended_at;

/// Whether the grant `g` was used, or given, after its client's were ended. One that is over is never used again.
macro_rules! grant_stands {
    () => {
        "g.rotated_at > coalesce((select ended_at from client_endings c where c.client_id = g.client_id), 0)"
    };
}
pub(crate) use grant_stands;

impl Store {
    /// Ends every session that has begun by now, with its cookie, its refresh tokens and its access tokens.
    ///
    /// The moment is `up_to`, or a later one if a session was used later by some node's clock. It should lie so far ahead of `now`
    /// that it has not passed when this returns: then whoever read a session before the commit did so before the moment, too.
    pub async fn end_everybody(&self, up_to: UnixMillis, now: UnixMillis) -> Result<EndedUpTo, Error> {
        self.write(async move |sql| {
            let moment = hold(sql, up_to).await?;
            end_everybody(sql, moment, now).await
        })
        .await
    }

    /// Ends every grant that the client has by now, with its refresh tokens and its access tokens. Sessions stay, and with them
    /// their cookies and what other clients hold. The moment is as for [`Store::end_everybody`].
    pub async fn end_client(&self, client_id: &str, up_to: UnixMillis, now: UnixMillis) -> Result<EndedUpTo, Error> {
        let client_id = client_id.to_owned();
        self.write(async move |sql| {
            let moment = hold(sql, up_to).await?;
            let standing = concat!(
                "select count(*) from grants g join sessions s using (session_id) where g.client_id = $1 and ",
                grant_stands!(),
                " and ",
                session_ended_at!(),
                " is null"
            );
            let count = sql.one(standing, &[&client_id], |row| row.counter()).await?.unwrap_or(0);
            let raise = sql.either(
                "insert into client_endings (client_id, ended_at) values ($1, $2) on conflict (client_id)
                do update set ended_at = max(client_endings.ended_at, excluded.ended_at) returning ended_at",
                "insert into client_endings (client_id, ended_at) values ($1, $2) on conflict (client_id)
                do update set ended_at = greatest(client_endings.ended_at, excluded.ended_at) returning ended_at",
            );
            let moment = sql.one(raise, &[&client_id, &moment.0], |row| row.moment()).await?.unwrap_or(moment);
            tell(sql, Revoked::Client(client_id.clone(), moment), moment, count, now).await
        })
        .await
    }
}

/// See [`Store::end_everybody`]. The moment is that of [`hold`].
pub(crate) async fn end_everybody(sql: Sql<'_>, moment: UnixMillis, now: UnixMillis) -> Result<EndedUpTo, Error> {
    let standing =
        concat!("select count(*) from sessions where ended_at is null and created_at > ", everybody_ended_at!());
    let count = sql.one(standing, &[], |row| row.counter()).await?.unwrap_or(0);
    let raise = sql.either(
        "insert into meta (name, value) values ('everybody_ended_at', $1)
        on conflict (name) do update set value = max(meta.value, excluded.value) returning value",
        "insert into meta (name, value) values ('everybody_ended_at', $1)
        on conflict (name) do update set value = greatest(meta.value, excluded.value) returning value",
    );
    let moment = sql.one(raise, &[&moment.0], |row| row.moment()).await?.unwrap_or(moment);
    tell(sql, Revoked::Everybody(moment), moment, count, now).await
}

/// Waits for the logins and refreshes that have begun, and keeps others waiting to the end of this transaction: each of them is
/// either seen here, or will see what is ended here. Answers the moment: no token of theirs says a later one.
///
/// Comes first in a store function, so that the statements behind it see what the others did. On PostgreSQL reading goes on.
pub(crate) async fn hold(sql: Sql<'_>, up_to: UnixMillis) -> Result<UnixMillis, Error> {
    if let Sql::Postgres(_) = sql {
        // Looking through all sessions may take longer than a request has.
        sql.one("select set_config('statement_timeout', '7s', true)", &[], |_| Ok(())).await?;
        sql.run("lock table sessions in exclusive mode", &[]).await?;
    }
    let latest = "select coalesce(max(seen_at), 0) from sessions where ended_at is null";
    let latest = sql.one(latest, &[], |row| row.moment()).await?.unwrap_or(up_to);
    Ok(up_to.max(latest))
}

async fn tell(
    sql: Sql<'_>,
    revoked: Revoked,
    moment: UnixMillis,
    count: u64,
    now: UnixMillis,
) -> Result<EndedUpTo, Error> {
    let revocations = vec![Revocation { revoked, keep_until: keep_until(moment) }];
    revocations::insert(sql, &revocations).await?;
    Ok(EndedUpTo { moment, count, receipt: Receipt { revoked_at: now, revocations } })
}

/// `Unavailable` for a login at a moment up to which everything was ended. It would be over before it began.
pub(crate) async fn refuse_before_its_time(sql: Sql<'_>, now: UnixMillis) -> Result<(), Error> {
    let ended = "select 1 from meta where name = 'everybody_ended_at' and value >= $1";
    if sql.one(ended, &[&now.0], |_| Ok(())).await?.is_some() { Err(Error::Unavailable) } else { Ok(()) }
}
