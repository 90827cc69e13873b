//! Grants: the rotation of refresh tokens, one counter per grant however often it is used.

use domain::grant::Rotation;
use domain::revocation::Receipt;
use domain::session::{Standing, Timeouts};
use domain::{EndedWhy, Grant, GrantId, SessionId, Span, UnixMillis};
use futures_util::future::try_join;

use crate::accounts::account_columns;
use crate::endings::{self, Keep};
use crate::floors::grant_stands;
use crate::row::{live, session_columns, to_minute};
use crate::sessions::{Live, NewGrant};
use crate::sql::{Columns, Sql};
use crate::{Error, Store};

/// A genuine refresh token that was presented.
#[derive(Clone, Copy)]
pub struct RotateRequest<'a> {
    /// The session it names.
    pub session_id: SessionId,
    /// The grant it names.
    pub grant_id: GrantId,
    /// The rotation it carries.
    pub presented: u32,
    /// Who presents it.
    pub client_id: &'a str,
    /// How long a used token still yields the same successor.
    pub grace: Span,
    /// Now.
    pub now: UnixMillis,
    /// For the next idle deadline.
    pub timeouts: Timeouts,
    /// When the new access token will expire.
    pub access_exp: UnixMillis,
    /// For the revocation, should the session end.
    pub keep_until: UnixMillis,
}

/// What became of it.
#[expect(clippy::large_enum_variant, reason = "lives for one call, and the large variant is the usual one")]
pub enum Rotated {
    /// A new access token may be issued.
    Issued {
        /// As now stored.
        live: Live,
        /// Its rotation is the successor's.
        grant: Grant,
        /// Whether the same successor was handed out before.
        repeated: bool,
    },
    /// It had been used before: the session has ended.
    Reused(Receipt),
    /// The session is over, or the token is not of this record.
    Refused,
}

impl Store {
    /// Exchanges a refresh token for its successor. An error has consumed nothing.
    pub async fn rotate(&self, request: RotateRequest<'_>) -> Result<Rotated, Error> {
        let client_id = request.client_id.to_owned();
        let RotateRequest { session_id, grant_id, presented, grace, now, timeouts, access_exp, keep_until, .. } =
            request;
        // Many tabs that wake up at once are no reason to keep everybody else waiting.
        let _turn = self.turn(&session_id.0).await?;
        self.write(async move |sql| {
            let request = RotateRequest {
                client_id: &client_id,
                session_id,
                grant_id,
                presented,
                grace,
                now,
                timeouts,
                access_exp,
                keep_until,
            };
            rotate(sql, request).await
        })
        .await
    }
}

async fn rotate(sql: Sql<'_>, request: RotateRequest<'_>) -> Result<Rotated, Error> {
    let Some((mut grant, mut live)) = find(sql, request.session_id, request.grant_id).await? else {
        return Ok(Rotated::Refused);
    };
    let keep = Keep { until: request.keep_until, now: request.now };
    match live.session.standing(&live.account, request.now) {
        Standing::Live => {}
        Standing::Ended => return Ok(Rotated::Refused),
        Standing::Expired => {
            endings::end(sql, request.session_id, EndedWhy::Expired, keep).await?;
            return Ok(Rotated::Refused);
        }
    }
    let repeated = match grant.judge(request.presented, request.client_id, request.grace, request.now) {
        Rotation::Advance(successor) => {
            grant.rotation = successor;
            // Another node's clock may have been ahead. What says when a client's grants were ended compares with this.
            grant.rotated_at = grant.rotated_at.max(request.now);
            false
        }
        Rotation::Repeat(_) => true,
        Rotation::Reuse => {
            return endings::end(sql, request.session_id, EndedWhy::RefreshReuse, keep).await.map(Rotated::Reused);
        }
        Rotation::Unknown => return Ok(Rotated::Refused),
    };
    if repeated {
        renew(sql, request, &mut live).await?;
    } else {
        try_join(advance(sql, request, &grant), renew(sql, request, &mut live)).await?;
    }
    Ok(Rotated::Issued { live, grant, repeated })
}

async fn advance(sql: Sql<'_>, request: RotateRequest<'_>, to: &Grant) -> Result<(), Error> {
    let advanced = sql
        .run(
            "update grants set rotation = $3, rotated_at = $4 where grant_id = $1 and rotation = $2",
            &[&request.grant_id.0, &request.presented, &to.rotation, &to.rotated_at.0],
        )
        .await?;
    // Somebody else's rotation came between reading and writing: nothing is consumed, and trying again will see it.
    if advanced == 1 { Ok(()) } else { Err(Error::Unavailable) }
}

/// Moves on what a use of the session moves on.
async fn renew(sql: Sql<'_>, request: RotateRequest<'_>, live: &mut Live) -> Result<(), Error> {
    let session = &mut live.session;
    session.seen_at = session.seen_at.max(request.now);
    session.idle_expires_at = request.timeouts.idle_deadline(session.seen_at, session.expires_at);
    session.max_access_exp = session.max_access_exp.max(request.access_exp);
    sql.run(
        concat!(
            "update sessions set seen_at = $2, idle_expires_at = $3, max_access_minute = ",
            to_minute!("$4"),
            " where session_id = $1"
        ),
        &[&session.session_id.0, &session.seen_at.0, &session.idle_expires_at.0, &session.max_access_exp.0],
    )
    .await?;
    Ok(())
}

/// Adds the grant of a new session. `Unavailable` at a moment up to which the client's grants were ended.
pub(crate) async fn insert(sql: Sql<'_>, new: &NewGrant, session_id: SessionId, now: UnixMillis) -> Result<(), Error> {
    let inserted = sql
        .run(
            "insert into grants (grant_id, session_id, client_id, scope, rotation, rotated_at)
            select $1, $2, $3, $4, 0, $5
            where not exists (select 1 from client_endings where client_id = $3 and ended_at >= $5)",
            &[&new.grant_id.0, &session_id.0, &new.client_id, &new.scope, &now.0],
        )
        .await?;
    if inserted == 1 { Ok(()) } else { Err(Error::Unavailable) }
}

/// On PostgreSQL both rows stay locked to the end: who presents the same token meanwhile waits, and then sees what became
/// of it, as does whoever ends the session.
async fn find(sql: Sql<'_>, session_id: SessionId, grant_id: GrantId) -> Result<Option<(Grant, Live)>, Error> {
    let found = look(sql, session_id, grant_id).await?;
    match found {
        // It waited for a change of roles, and has the session from after it beside the account from before.
        Some((_, live)) if live.session.epoch_at_issue > live.account.epoch => look(sql, session_id, grant_id).await,
        found => Ok(found),
    }
}

async fn look(sql: Sql<'_>, session_id: SessionId, grant_id: GrantId) -> Result<Option<(Grant, Live)>, Error> {
    sql.one(
        sql.either(find_grant!(), concat!(find_grant!(), " for no key update of g, s")),
        &[&grant_id.0, &session_id.0],
        |row| Ok((grant(row)?, live(row)?)),
    )
    .await
}

macro_rules! find_grant {
    () => {
        concat!(
            "select ",
            grant_columns!(),
            ", ",
            session_columns!(),
            ", ",
            account_columns!(),
            " from grants g join sessions s using (session_id) join users u using (user_id)
            where g.grant_id = $1 and g.session_id = $2 and ",
            grant_stands!()
        )
    };
}
use find_grant;

/// The columns that [`grant`] reads, of `grants g`.
macro_rules! grant_columns {
    () => {
        "g.grant_id, g.session_id, g.client_id, g.scope, g.rotation, g.rotated_at"
    };
}
use grant_columns;

fn grant(row: &mut Columns<'_>) -> Result<Grant, Error> {
    Ok(Grant {
        grant_id: GrantId(row.take()?),
        session_id: SessionId(row.take()?),
        client_id: row.take()?,
        scope: row.take()?,
        rotation: row.take()?,
        rotated_at: row.moment()?,
    })
}
