//! Endings of all that stands at a moment, however much that is: a moment is kept, and whatever had begun by then is over.
//!
//! Every statement that reads a session or a grant reads the moment with it, so there is nothing to be caught up on. The entry in
//! the log is for the access tokens, and it is enough for them: none of what ended was issued later than the moment.

use domain::revocation::{Receipt, Revocation, Revoked, keep_until};
use domain::{EndedWhy, SessionId, Span, UnixMillis};

use crate::row::max_access_exp;
use crate::sql::{Columns, Sql};
use crate::{Error, Store, revocations};

/// What ended up to a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedUpTo {
    /// The moment. It may lie a little ahead, and until it has passed there is no login.
    pub moment: UnixMillis,
    /// How many sessions, or grants of the client, stood until then.
    pub count: u64,
    /// The one entry in the revocation log, if there can be anything that it stops; and one for each session that a wrong clock has
    /// dated far after the moment.
    pub receipt: Receipt,
}

/// The moment up to which all sessions that had begun are over.
macro_rules! everybody_ended_at {
    () => {
        "coalesce((select value from meta where name = 'everybody_ended_at'), -1)"
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
        "g.rotated_at > coalesce((select ended_at from client_endings c where c.client_id = g.client_id), -1)"
    };
}
pub(crate) use grant_stands;

impl Store {
    /// Ends every session that has begun by now, with its cookie, its refresh tokens and its access tokens.
    ///
    /// The moment is `up_to`, or up to a minute later if a session was used later by some node's clock. It should lie so far ahead of `now`
    /// that it has not passed when this returns: then whoever read a session before the commit did so before the moment, too.
    pub async fn end_everybody(&self, up_to: UnixMillis, now: UnixMillis) -> Result<EndedUpTo, Error> {
        self.write(async move |sql| {
            let held = hold(sql, up_to).await?;
            end_everybody(sql, held, now).await
        })
        .await
    }

    /// Ends every grant that the client has by now, with its refresh tokens and its access tokens. Sessions stay, and with them
    /// their cookies and what other clients hold. The moment is as for [`Store::end_everybody`]. A client that was never given a grant
    /// has nothing to end, and leaves no entry.
    pub async fn end_client(&self, client_id: &str, up_to: UnixMillis, now: UnixMillis) -> Result<EndedUpTo, Error> {
        let client_id = client_id.to_owned();
        self.write(async move |sql| {
            let held = hold(sql, up_to).await?;
            // With nothing that must be looked up for each of very many rows.
            let standing = concat!(
                "select count(*) from grants g join sessions s using (session_id) where g.client_id = $1
                and g.rotated_at > coalesce((select ended_at from client_endings where client_id = $1), -1)
                and s.ended_at is null and s.created_at > ",
                everybody_ended_at!()
            );
            let count = sql.one(standing, &[&client_id], |row| row.counter()).await?.unwrap_or(0);
            // A name that no client has may be none that verifiers can read, and each of them would believe nothing any more.
            let given = "select 1 from grants where client_id = $1 limit 1";
            if count == 0 && sql.one(given, &[&client_id], |_| Ok(())).await?.is_none() {
                return Ok(EndedUpTo::new(held.moment, 0, now));
            }
            let raise = sql.either(
                "insert into client_endings (client_id, ended_at) values ($1, $2) on conflict (client_id)
                do update set ended_at = max(client_endings.ended_at, excluded.ended_at) returning ended_at",
                "insert into client_endings (client_id, ended_at) values ($1, $2) on conflict (client_id)
                do update set ended_at = greatest(client_endings.ended_at, excluded.ended_at) returning ended_at",
            );
            let moment = sql.one(raise, &[&client_id, &held.moment.0], |row| row.moment()).await?;
            let moment = moment.unwrap_or(held.moment);
            let strays =
                if held.has_strays { end_strays(sql, Some(&client_id), moment, now).await? } else { Vec::new() };
            tell(sql, Revoked::Client(client_id.clone(), moment), EndedUpTo::new(moment, count, now), strays).await
        })
        .await
    }
}

/// Which sessions stand while no login and no refresh is under way.
pub(crate) struct Held {
    /// No token of theirs says a later moment, but for strays.
    moment: UnixMillis,
    /// How many they are.
    count: u64,
    /// Whether some of them were used so far ahead of the time that a clock was wrong.
    has_strays: bool,
}

/// Waits for the logins and refreshes that have begun, and keeps others waiting to the end of this transaction: each of them is
/// either seen here, or will see what is ended here.
///
/// Comes first in a store function, so that the statements behind it see what the others did. On PostgreSQL reading goes on.
pub(crate) async fn hold(sql: Sql<'_>, up_to: UnixMillis) -> Result<Held, Error> {
    if let Sql::Postgres(_) = sql {
        // Looking through all sessions may take longer than a request has.
        sql.one("select set_config('statement_timeout', '7s', true)", &[], |_| Ok(())).await?;
        sql.run("lock table sessions in exclusive mode", &[]).await?;
    }
    let look = concat!(
        "select count(*), coalesce(max(case when seen_at <= $1 then seen_at end), 0), coalesce(max(seen_at), 0)
        from sessions where ended_at is null and created_at > ",
        everybody_ended_at!()
    );
    let latest = up_to + MOST_AHEAD;
    let found = sql.one(look, &[&latest.0], |row| Ok((row.counter()?, row.moment()?, row.moment()?))).await?;
    let (count, seen_at, last) = found.unwrap_or((0, up_to, up_to));
    Ok(Held { moment: up_to.max(seen_at), count, has_strays: last > latest })
}

/// See [`Store::end_everybody`].
pub(crate) async fn end_everybody(sql: Sql<'_>, held: Held, now: UnixMillis) -> Result<EndedUpTo, Error> {
    let raise = sql.either(
        "insert into meta (name, value) values ('everybody_ended_at', $1)
        on conflict (name) do update set value = max(meta.value, excluded.value) returning value",
        "insert into meta (name, value) values ('everybody_ended_at', $1)
        on conflict (name) do update set value = greatest(meta.value, excluded.value) returning value",
    );
    let moment = sql.one(raise, &[&held.moment.0], |row| row.moment()).await?.unwrap_or(held.moment);
    let strays = if held.has_strays { end_strays(sql, None, moment, now).await? } else { Vec::new() };
    tell(sql, Revoked::Everybody(moment), EndedUpTo::new(moment, held.count, now), strays).await
}

/// Ends, each by itself, the sessions that a wrong clock has dated after the moment, of the client or of all. To move the moment there
/// instead would keep everybody out until it has passed.
async fn end_strays(
    sql: Sql<'_>,
    client_id: Option<&str>,
    moment: UnixMillis,
    now: UnixMillis,
) -> Result<Vec<Revocation>, Error> {
    sql.all(
        "update sessions set ended_at = $2, ended_why = $3 where ended_at is null and seen_at > $1 and ($4 is null
        or exists (select 1 from grants g where g.session_id = sessions.session_id and g.client_id = $4))
        returning session_id, seen_at",
        &[&moment.0, &now.0, &EndedWhy::EndedByAdmin.as_str(), &client_id],
        |row| {
            let revoked = Revoked::Session(SessionId(row.take()?));
            Ok(Revocation { revoked, keep_until: keep_until(row.moment()?) })
        },
    )
    .await
}

async fn tell(
    sql: Sql<'_>,
    revoked: Revoked,
    mut ended: EndedUpTo,
    strays: Vec<Revocation>,
) -> Result<EndedUpTo, Error> {
    ended.receipt.revocations.push(Revocation { revoked, keep_until: keep_until(ended.moment) });
    ended.receipt.revocations.extend(strays);
    ended.receipt.place = revocations::insert(sql, &ended.receipt.revocations).await?;
    Ok(ended)
}

impl EndedUpTo {
    fn new(moment: UnixMillis, count: u64, now: UnixMillis) -> Self {
        Self { moment, count, receipt: Receipt::of_nothing(now) }
    }
}

/// Takes moments back that a wrong clock has put after `now`, or nobody could log in until they have passed. What they have ended
/// stays so: of it, the sessions that were used after `now` end each by itself, and the others with their tokens by the new moment.
pub(crate) async fn take_back(sql: Sql<'_>, now: UnixMillis) -> Result<(), Error> {
    let ended = concat!(
        "update sessions set ended_at = $1, ended_why = $2 where ended_at is null and seen_at > $1 and (created_at <= ",
        everybody_ended_at!(),
        " or exists (select 1 from grants g join client_endings c using (client_id)
        where g.session_id = sessions.session_id and g.rotated_at > $1 and g.rotated_at <= c.ended_at))
        returning session_id, ",
        max_access_exp!()
    );
    let each = |row: &mut Columns<'_>| {
        let revoked = Revoked::Session(SessionId(row.take()?));
        Ok(Revocation { revoked, keep_until: keep_until(row.moment()?.max(now)) })
    };
    let mut entries = sql.all(ended, &[&now.0, &EndedWhy::EndedByAdmin.as_str()], each).await?;
    let moved = |revoked| Revocation { revoked, keep_until: keep_until(now) };
    let everybody = "update meta set value = $1 where name = 'everybody_ended_at' and value > $1 returning 1";
    entries.extend(sql.one(everybody, &[&now.0], |_| Ok(moved(Revoked::Everybody(now)))).await?);
    let clients = "update client_endings set ended_at = $1 where ended_at > $1 returning client_id";
    entries.extend(sql.all(clients, &[&now.0], |row| Ok(moved(Revoked::Client(row.take()?, now)))).await?);
    sql.run("delete from revocations where kind in ('everybody', 'client') and value > $1", &[&now.0]).await?;
    revocations::insert(sql, &entries).await?;
    Ok(())
}

/// `Unavailable` for a login at a moment up to which everything was ended. It would be over before it began.
pub(crate) async fn refuse_before_its_time(sql: Sql<'_>, now: UnixMillis) -> Result<(), Error> {
    let ended = "select 1 from meta where name = 'everybody_ended_at' and value >= $1";
    if sql.one(ended, &[&now.0], |_| Ok(())).await?.is_some() { Err(Error::Unavailable) } else { Ok(()) }
}

/// How far ahead of the others a clock may be that is not wrong: the lead with which a server still starts.
const MOST_AHEAD: Span = Span::minutes(1);
