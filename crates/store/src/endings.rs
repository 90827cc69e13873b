//! How sessions end: each ending and its entry in the revocation log share one transaction.

use domain::revocation::{Receipt, Revocation, Revoked};
use domain::{EndedWhy, SessionId, UnixMillis, UserId};

use crate::floors::{everybody_ended_at, session_ended_at};
use crate::revocations;
use crate::row::is_of_user;
use crate::sql::{Sql, counter};
use crate::{Error, Store};

/// When something ends, and until when that must be remembered.
#[derive(Clone, Copy)]
pub(crate) struct Keep {
    pub(crate) until: UnixMillis,
    pub(crate) now: UnixMillis,
}

/// Most live sessions of one account: more devices than anybody has, and few enough to be listed and ended at once.
const MOST_SESSIONS: i64 = 100;

/// Whether a row of `sessions` is that of a session that has not ended, neither by itself nor with all others.
macro_rules! stands {
    () => {
        concat!("ended_at is null and created_at > ", everybody_ended_at!())
    };
}

impl Store {
    /// Ends a session. The receipt is empty if it was over already, or never was.
    pub async fn end_session(
        &self,
        session_id: SessionId,
        why: EndedWhy,
        keep_until: UnixMillis,
        now: UnixMillis,
    ) -> Result<Receipt, Error> {
        self.write(async move |sql| end(sql, session_id, why, Keep { until: keep_until, now }).await).await
    }

    /// Ends a session if it is this user's. None: it is not. The receipt is empty if it was over already.
    pub async fn end_session_of(
        &self,
        user_id: UserId,
        session_id: SessionId,
        why: EndedWhy,
        keep_until: UnixMillis,
        now: UnixMillis,
    ) -> Result<Option<Receipt>, Error> {
        self.write(async move |sql| {
            let own = "select 1 from sessions where session_id = $1 and user_id = $2";
            if sql.one(own, &[&session_id.0, &user_id.0], |_| Ok(())).await?.is_none() {
                return Ok(None);
            }
            end(sql, session_id, why, Keep { until: keep_until, now }).await.map(Some)
        })
        .await
    }

    /// Ends a session if a deadline of it has passed, as stored at this moment. None: it still stands, because it was
    /// used after the caller had read it. The receipt is empty if it was over already, or never was.
    pub async fn expire_session(
        &self,
        session_id: SessionId,
        keep_until: UnixMillis,
        now: UnixMillis,
    ) -> Result<Option<Receipt>, Error> {
        self.write(async move |sql| {
            let expired = sql
                .run(
                    "update sessions set ended_at = $2, ended_why = $3
                where session_id = $1 and ended_at is null and (idle_expires_at <= $2 or expires_at <= $2)",
                    &[&session_id.0, &now.0, &EndedWhy::Expired.as_str()],
                )
                .await?;
            let ended: &[SessionId] = if expired == 1 { &[session_id] } else { &[] };
            let stands =
                concat!("select 1 from sessions s where session_id = $1 and ", session_ended_at!(), " is null");
            if ended.is_empty() && sql.one(stands, &[&session_id.0], |_| Ok(())).await?.is_some() {
                return Ok(None);
            }
            log(sql, ended, Keep { until: keep_until, now }).await.map(Some)
        })
        .await
    }

    /// Ends every session of the user but one.
    pub async fn end_other_sessions(
        &self,
        user_id: UserId,
        keep: SessionId,
        why: EndedWhy,
        keep_until: UnixMillis,
        now: UnixMillis,
    ) -> Result<Receipt, Error> {
        self.write(async move |sql| {
            let ended = sql
                .all(
                    concat!(
                        "update sessions set ended_at = $3, ended_why = $4 where session_id <> $2 and ",
                        is_of_user!("$1"),
                        " and ",
                        stands!(),
                        " returning session_id"
                    ),
                    &[&user_id.0, &keep.0, &now.0, &why.as_str()],
                    |row| row.take().map(SessionId),
                )
                .await?;
            log(sql, &ended, Keep { until: keep_until, now }).await
        })
        .await
    }

    /// Ends every session of the user.
    pub async fn end_all_sessions(
        &self,
        user_id: UserId,
        why: EndedWhy,
        keep_until: UnixMillis,
        now: UnixMillis,
    ) -> Result<Receipt, Error> {
        self.write(async move |sql| {
            let ended = end_of_user(sql, user_id, why, now).await?;
            log(sql, &ended, Keep { until: keep_until, now }).await
        })
        .await
    }
}

/// Ends one session.
pub(crate) async fn end(sql: Sql<'_>, session_id: SessionId, why: EndedWhy, keep: Keep) -> Result<Receipt, Error> {
    let ended = sql
        .run(
            concat!("update sessions set ended_at = $2, ended_why = $3 where session_id = $1 and ", stands!()),
            &[&session_id.0, &keep.now.0, &why.as_str()],
        )
        .await?;
    log(sql, if ended == 1 { std::slice::from_ref(&session_id) } else { &[] }, keep).await
}

/// Ends the user's least recently seen sessions that leave no room for `newest`, those past a deadline first.
pub(crate) async fn make_room(sql: Sql<'_>, user_id: UserId, newest: SessionId, keep: Keep) -> Result<Receipt, Error> {
    // SQLite has no offset without a limit. What ends meanwhile for another reason keeps that reason.
    let ended = sql
        .all(
            concat!(
                "update sessions set ended_at = $3, ended_why = $4 where ended_at is null and session_id in
                (select session_id from sessions where session_id <> $2 and ",
                is_of_user!("$1"),
                " and ",
                stands!(),
                " order by idle_expires_at <= $3, seen_at desc, session_id limit $6 offset $5) returning session_id"
            ),
            &[&user_id.0, &newest.0, &keep.now.0, &EndedWhy::Replaced.as_str(), &(MOST_SESSIONS - 1), &i64::MAX],
            |row| row.take().map(SessionId),
        )
        .await?;
    log(sql, &ended, keep).await
}

/// Ends the sessions of a user whose epoch was just raised to `epoch`: one entry covers them all, even those of which
/// nothing is known here.
pub(crate) async fn end_below_epoch(
    sql: Sql<'_>,
    user_id: UserId,
    epoch: u64,
    why: EndedWhy,
    keep: Keep,
) -> Result<Receipt, Error> {
    end_of_user(sql, user_id, why, keep.now).await?;
    void_below_epoch(sql, user_id, epoch, keep).await
}

/// Takes the user's sessions along to the epoch that was just raised: what was issued under them before is void, and they go
/// on. Those that a former epoch has ended stay so.
pub(crate) async fn go_on_in_epoch(sql: Sql<'_>, user_id: UserId, epoch: u64, keep: Keep) -> Result<Receipt, Error> {
    sql.run(
        concat!(
            "update sessions set epoch_at_issue = $2 where ended_at is null and epoch_at_issue = $2 - 1 and ",
            is_of_user!("$1")
        ),
        &[&user_id.0, &counter(epoch)?],
    )
    .await?;
    void_below_epoch(sql, user_id, epoch, keep).await
}

async fn void_below_epoch(sql: Sql<'_>, user_id: UserId, epoch: u64, keep: Keep) -> Result<Receipt, Error> {
    let revocations = vec![Revocation { revoked: Revoked::Epoch(user_id, epoch), keep_until: keep.until }];
    let place = revocations::insert(sql, &revocations).await?;
    Ok(Receipt { revoked_at: keep.now, revocations, place })
}

async fn end_of_user(sql: Sql<'_>, user_id: UserId, why: EndedWhy, now: UnixMillis) -> Result<Vec<SessionId>, Error> {
    sql.all(
        concat!(
            "update sessions set ended_at = $2, ended_why = $3 where ",
            is_of_user!("$1"),
            " and ",
            stands!(),
            " returning session_id"
        ),
        &[&user_id.0, &now.0, &why.as_str()],
        |row| row.take().map(SessionId),
    )
    .await
}

async fn log(sql: Sql<'_>, ended: &[SessionId], keep: Keep) -> Result<Receipt, Error> {
    let entry = |id: &SessionId| Revocation { revoked: Revoked::Session(*id), keep_until: keep.until };
    let revocations: Vec<_> = ended.iter().map(entry).collect();
    let place = revocations::insert(sql, &revocations).await?;
    Ok(Receipt { revoked_at: keep.now, revocations, place })
}
