//! Sessions: opening, reading, and noting that they are used.

use std::net::IpAddr;

use domain::revocation::Receipt;
use domain::session::{Timeouts, USER_AGENT_LIMIT};
use domain::throttle::Limit;
use domain::{Account, CookieHash, EndedWhy, GrantId, PasswordHash, Session, SessionId, Span, UnixMillis, UserId};

use crate::accounts::account_columns;
use crate::datum::Value;
use crate::endings::{self, Keep};
use crate::floors::{self, everybody_ended_at};
use crate::row::{address_bytes, is_of_user, live, session, session_columns, to_minute, write_amr};
use crate::sql::{Sql, counter};
use crate::throttles::{self, ThrottleKey};
use crate::{Error, Store, grants};

/// A login that succeeded, and all that changes with it.
pub struct NewSession {
    /// A new one ([`SessionId::new`]).
    pub session_id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// Absent: a session that is only ever given tokens.
    pub cookie_hash: Option<CookieHash>,
    /// When the login was judged.
    pub now: UnixMillis,
    /// The deadlines it begins with.
    pub timeouts: Timeouts,
    /// How the user proved who they are (RFC 8176): words without spaces.
    pub amr: Vec<String>,
    /// What is kept of the client's `User-Agent` ([`domain::device::marks`]); at most its first 256 bytes.
    pub user_agent: String,
    /// Where the login came from.
    pub ip: IpAddr,
    /// The epoch of the account that was judged.
    pub epoch: u64,
    /// What a client is to hold under it.
    pub grant: Option<NewGrant>,
    /// The session of the same browser that this one takes the place of.
    pub replaces: Option<SessionId>,
    /// The password's hash, made anew with today's parameters.
    pub rehash: Option<PasswordHash>,
    /// The tries to be given back, because this one succeeded.
    pub refund: Vec<(ThrottleKey, Limit)>,
    /// When the first access token expires; zero if none is issued.
    pub max_access_exp: UnixMillis,
    /// For the revocations of the sessions that it replaces.
    pub keep_until: UnixMillis,
}

/// What a client is to hold under a new session.
pub struct NewGrant {
    /// 16 random bytes.
    pub grant_id: GrantId,
    /// Which client.
    pub client_id: String,
    /// What it may do, space-separated.
    pub scope: String,
}

/// A session and its account, read in one snapshot.
#[derive(Clone)]
pub struct Live {
    /// The login.
    pub session: Session,
    /// Whose it is.
    pub account: Account,
}

/// A session that was opened.
pub struct Opened {
    /// As it is now stored.
    pub live: Live,
    /// For the sessions it replaced: the one of the same browser, and the least recently seen ones of an account that
    /// would have more than 100. None: nothing was ended.
    pub replaced: Option<Receipt>,
}

/// The sessions `s` of the user `$1` that are not over and not past a deadline at `$2`. Ends with the moment that they must have
/// begun after.
macro_rules! standing_of {
    () => {
        concat!(
            " from sessions s join users u using (user_id) where ",
            is_of_user!("$1"),
            " and s.ended_at is null and s.idle_expires_at > $2 and s.expires_at > $2
            and s.epoch_at_issue >= u.epoch and s.created_at > "
        )
    };
}

impl Store {
    /// Opens a session, and ends the least recently seen ones of an account that would have more than 100.
    ///
    /// None: the account was disabled, deleted or its epoch raised since the login was judged. `Unavailable` if the login was
    /// judged at a moment up to which everything was ended.
    pub async fn open_session(&self, new: NewSession) -> Result<Option<Opened>, Error> {
        let _turn = self.turn(&new.user_id.0).await?;
        self.write(async move |sql| {
            if !insert(sql, &new).await? {
                return floors::refuse_before_its_time(sql, new.now).await.map(|()| None);
            }
            if let Some(grant) = &new.grant {
                grants::insert(sql, grant, new.session_id, new.now).await?;
            }
            if let Some(hash) = &new.rehash {
                let rehash = "update users set password_hash = $2 where user_id = $1";
                sql.run(rehash, &[&new.user_id.0, &hash.0]).await?;
            }
            throttles::refund(sql, &new.refund, new.now).await?;
            let keep = Keep { until: new.keep_until, now: new.now };
            let mut replaced = Receipt::of_nothing(new.now);
            if let Some(old) = new.replaces.filter(|old| *old != new.session_id) {
                replaced = endings::end(sql, old, EndedWhy::Replaced, keep).await?;
            }
            let gave_way = endings::make_room(sql, new.user_id, new.session_id, keep).await?;
            replaced.revocations.extend(gave_way.revocations);
            replaced.place = gave_way.place.or(replaced.place);
            let live = find(sql, new.session_id).await?.ok_or_else(|| Error::broken("a new session is missing"))?;
            Ok(Some(Opened { live, replaced: Some(replaced).filter(|receipt| !receipt.revocations.is_empty()) }))
        })
        .await
    }

    /// The session with this id and its account, also when it is over.
    pub async fn session(&self, session_id: SessionId) -> Result<Option<Live>, Error> {
        self.read(async move |sql| find(sql, session_id).await).await
    }

    /// The user's sessions that are not over and not past a deadline, last seen first, at most 500.
    pub async fn sessions_of(&self, user_id: UserId, now: UnixMillis) -> Result<Vec<Session>, Error> {
        self.read(async move |sql| {
            sql.all(
                concat!(
                    "select ",
                    session_columns!(),
                    standing_of!(),
                    everybody_ended_at!(),
                    " order by s.seen_at desc, s.session_id limit 500"
                ),
                &[&user_id.0, &now.0],
                session,
            )
            .await
        })
        .await
    }

    /// How many sessions of the user are not over and not past a deadline.
    pub async fn count_sessions(&self, user_id: UserId, now: UnixMillis) -> Result<u64, Error> {
        self.read(async move |sql| {
            let count = concat!("select count(*)", standing_of!(), everybody_ended_at!());
            Ok(sql.one(count, &[&user_id.0, &now.0], |row| row.counter()).await?.unwrap_or(0))
        })
        .await
    }

    /// The user's sessions that ended for this reason at or after a moment, latest first, at most 20.
    pub async fn sessions_ended(
        &self,
        user_id: UserId,
        why: EndedWhy,
        since: UnixMillis,
    ) -> Result<Vec<Session>, Error> {
        self.read(async move |sql| {
            sql.all(
                concat!(
                    "select ",
                    session_columns!(),
                    " from sessions s where user_id = $1 and s.ended_at >= $2 and s.ended_why = $3
                    order by s.ended_at desc limit 20"
                ),
                &[&user_id.0, &since.0, &why.as_str()],
                session,
            )
            .await
        })
        .await
    }

    /// Notes when sessions were seen, a thousand in one write. Those that are over or were past their deadline stay so.
    pub async fn touch(&self, mut seen: Vec<(SessionId, UnixMillis)>, idle: Span) -> Result<(), Error> {
        // In one order everywhere, so that no two transactions wait for each other.
        seen.sort_unstable();
        let timeouts = Timeouts { idle, absolute: Span::ZERO };
        for some in seen.chunks(TOUCHES) {
            let deadline = |at| timeouts.idle_deadline(at, UnixMillis(i64::MAX));
            let some: Vec<_> = some.iter().map(|&(session_id, at)| (session_id.0, at.0, deadline(at).0)).collect();
            self.write(async move |sql| touch(sql, &some).await).await?;
        }
        Ok(())
    }
}

/// Most sessions that are touched in one transaction, so that no request waits long behind it.
const TOUCHES: usize = 1000;

async fn touch(sql: Sql<'_>, seen: &[([u8; 16], i64, i64)]) -> Result<(), Error> {
    let rows: Vec<[&dyn Value; 3]> = seen.iter().map(|(id, at, deadline)| [id as _, at as _, deadline as _]).collect();
    sql.run_each(
        "update sessions set seen_at = $2,
        idle_expires_at = case when $3 < expires_at then $3 else expires_at end
        where session_id = $1 and ended_at is null and seen_at < $2 and idle_expires_at > $2",
        &rows,
    )
    .await
}

/// On PostgreSQL the account stays locked to the end, so that of two logins one sees the other's session and makes room
/// for it, and an epoch that is raised meanwhile finds the session to end.
macro_rules! open_session {
    () => {
        concat!(
            "insert into sessions (session_id, user_id, cookie_hash, created_at, seen_at, idle_expires_at, expires_at, amr,
            user_agent, ip, epoch_at_issue, max_access_minute, sweep_minute)
            select $1, user_id, $3, $4, $4, $5, $6, $7, $8, $9, epoch, ",
            to_minute!("$10"),
            ", ",
            to_minute!("$5"),
            " from users where user_id = $2 and epoch = $11 and disabled_at is null and $4 > ",
            everybody_ended_at!()
        )
    };
}

/// Adds the session if its account is still the one that was judged.
async fn insert(sql: Sql<'_>, new: &NewSession) -> Result<bool, Error> {
    let expires_at = new.now + new.timeouts.absolute;
    let user_agent = &new.user_agent[..new.user_agent.floor_char_boundary(USER_AGENT_LIMIT)];
    let inserted = sql
        .run(
            sql.either(open_session!(), concat!(open_session!(), " for no key update")),
            &[
                &new.session_id.0,
                &new.user_id.0,
                &new.cookie_hash.map(|hash| hash.0),
                &new.now.0,
                &new.timeouts.idle_deadline(new.now, expires_at).0,
                &expires_at.0,
                &write_amr(&new.amr)?,
                &user_agent,
                &address_bytes(new.ip),
                &new.max_access_exp.0,
                &counter(new.epoch)?,
            ],
        )
        .await?;
    Ok(inserted == 1)
}

async fn find(sql: Sql<'_>, session_id: SessionId) -> Result<Option<Live>, Error> {
    sql.one(FIND, &[&session_id.0], live).await
}

const FIND: &str = concat!(
    "select ",
    session_columns!(),
    ", ",
    account_columns!(),
    " from sessions s join users u using (user_id) where s.session_id = $1"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use rusqlite::StatementStatus;

    #[tokio::test]
    async fn the_statement_of_every_request_is_compiled_once() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { readers: 1, ..Options::file(folder.path().join("watchword.db")) };
        let store = Store::open(&options).unwrap();
        for n in 0..3 {
            assert!(store.session(SessionId([n; 16])).await.unwrap().is_none());
        }
        let status = |status| {
            let status = async |sql: Sql<'_>| match sql {
                Sql::Sqlite(connection) => Ok(connection.prepare_cached(FIND)?.get_status(status)),
                Sql::Postgres(_) => unreachable!("this store is on SQLite"),
            };
            store.sqlite().read(&status).unwrap()
        };
        assert_eq!((status(StatementStatus::Run), status(StatementStatus::RePrepare)), (3, 0));
    }
}
