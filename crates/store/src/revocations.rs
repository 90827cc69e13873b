//! The log of what must be forgotten, and reading on in it without missing anything.

use domain::revocation::{Place, Revocation, Revoked};
use domain::{SessionId, UnixMillis, UserId};
use futures_util::future::try_join;

use crate::datum::Value;
use crate::postgres::Session;
use crate::sql::{Columns, Sql, counter};
use crate::{Error, Store};

/// Up to where the log has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position(At);

/// What was committed behind a position.
#[derive(Clone, Debug)]
pub struct News {
    /// At most 10,000 entries; on SQLite in commit order.
    pub revocations: Vec<Revocation>,
    /// The number of each of them, in the same order: what [`Position::seen`] speaks of.
    pub numbers: Vec<u64>,
    /// Whose numbers they are: those of another source mean nothing here. It is another one after whatever may give numbers
    /// out again: a crash or failover of PostgreSQL, a restore.
    pub source: String,
    /// Where to read on.
    pub position: Position,
    /// Whether there is more already.
    pub has_more: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum At {
    /// Nothing has been read.
    #[default]
    Start,
    /// SQLite: everything up to this `seq`. There is one writer at a time, so `seq` is commit order.
    Seq(i64),
    /// PostgreSQL: everything that this snapshot sees. `seq` is no order there: a lower one may be committed later. It means
    /// something only to connections that were there when it was taken, the last of which was `born`.
    Snapshot { seen: String, born: u64 },
    /// PostgreSQL, amid more than one answer holds: of what `reached` sees and `seen` does not, up to `seq`.
    Amid { seen: String, reached: String, seq: i64, born: u64 },
}

impl Position {
    /// What has been seen by whoever stands here: every entry with a number below the first, but for those listed. `None`
    /// while there is more to read.
    pub fn seen(&self) -> Option<(u64, Vec<u64>)> {
        match &self.0 {
            At::Seq(seq) => Some((u64::try_from(*seq).ok()? + 1, Vec::new())),
            At::Snapshot { seen, .. } => {
                let mut parts = seen.split(':');
                let below = parts.nth(1)?.parse().ok()?;
                let missing = parts.next()?.split(',').filter(|number| !number.is_empty());
                Some((below, missing.map(str::parse).collect::<Result<_, _>>().ok()?))
            }
            At::Start | At::Amid { .. } => None,
        }
    }
}

/// Most entries in one answer.
const LIMIT: i64 = 10_000;

/// Draws what tells the numbers of this life of PostgreSQL from those of earlier ones.
const DRAW: &str = "insert into log_life (only_one, drawn) values (1, (random() * 9007199254740991)::bigint)
    on conflict (only_one) do nothing";

/// A snapshot that sees nothing.
const NOTHING: &str = "1:1:";

impl Store {
    /// What was committed behind `position`. Nothing is ever missed; on PostgreSQL an entry may come twice when there are
    /// more than one answer holds.
    pub async fn revocations_since(&self, position: &Position) -> Result<News, Error> {
        let at = position.0.clone();
        self.read(async move |sql| match sql {
            Sql::Sqlite(_) => by_seq(sql, &at).await,
            Sql::Postgres(session) => {
                if let Some(news) = by_snapshot(sql, &at, session.born()).await? {
                    return Ok(news);
                }
                sql.run(DRAW, &[]).await?;
                by_snapshot(sql, &at, session.born()).await?.ok_or(Error::broken("log_life stays empty"))
            }
        })
        .await
    }

    /// Waits for a hint that the log has grown since the last one: at once after a commit of this store, and within
    /// milliseconds after one of another node on PostgreSQL. For one caller at a time.
    ///
    /// Hints get lost with their connection, and other processes on a SQLite file give none: whoever must not miss
    /// anything polls as well.
    pub async fn revocations_hinted(&self) {
        self.hinted().await;
    }
}

async fn by_seq(sql: Sql<'_>, at: &At) -> Result<News, Error> {
    let after = match at {
        At::Seq(seq) => *seq,
        _ => 0,
    };
    let (mut last, mut numbers) = (after, Vec::new());
    let revocations = sql
        .all(
            "select seq, kind, key, value, keep_until from revocations where seq > $1 order by seq limit $2",
            &[&after, &LIMIT],
            |row| {
                last = row.take()?;
                numbers.push(number(last)?);
                revocation(row)
            },
        )
        .await?;
    let has_more = revocations.len() as i64 == LIMIT;
    let source = "select value from meta where name = 'revocations_source'";
    let source = sql.one(source, &[], |row| row.take::<i64>()).await?;
    let source = format!("{:x}", source.ok_or(Error::broken("meta lacks revocations_source"))?);
    Ok(News { revocations, numbers, source, position: Position(At::Seq(last)), has_more })
}

/// The difference between the snapshot read last and the one of this statement: what was committed in between, in
/// whatever order, no matter which transactions are still open.
///
/// A server that crashed, or a standby that took over, gives numbers of transactions out again that were not on its disk. Then
/// the snapshot read last says that those are seen. A connection that was there already at that time proves that nothing of
/// the kind has happened since; on a later one the log is read from its start. `None` while nothing has been drawn to tell
/// those numbers from the ones before.
async fn by_snapshot(sql: Sql<'_>, at: &At, connection: u64) -> Result<Option<News>, Error> {
    let last_born = Session::last_born();
    let (seen, amid, after, born) = match at {
        At::Snapshot { seen, born } if connection <= *born => (seen.as_str(), None, 0, last_born),
        At::Amid { seen, reached, seq, born } if connection <= *born => {
            (seen.as_str(), Some(reached.as_str()), *seq, *born)
        }
        _ => (NOTHING, None, 0, last_born),
    };
    let (mut last, mut source, mut reached, mut numbers) = (after, None, String::new(), Vec::new());
    let revocations = sql
        .all(
            "select drawn, reached, seq, xid, kind, key, value, keep_until
            from (select coalesce($2, pg_current_snapshot()::text) as reached) as target
            left join log_life on true
            left join lateral (
                select seq, xid::text::bigint as xid, kind, key, value, keep_until from revocations
                where xid >= pg_snapshot_xmin($1::pg_snapshot) and not pg_visible_in_snapshot(xid, $1::pg_snapshot)
                and seq > $3 order by seq limit $4
            ) as news on true order by seq",
            &[&seen, &amid, &after, &LIMIT],
            |row| {
                source = row.take::<Option<i64>>()?;
                reached = row.take()?;
                // Without news there is one row, of nulls, that says what was reached.
                let Some(seq) = row.take()? else { return Ok(None) };
                last = seq;
                numbers.push(number(row.take()?)?);
                revocation(row).map(Some)
            },
        )
        .await?;
    let Some(source) = source else { return Ok(None) };
    let revocations: Vec<_> = revocations.into_iter().flatten().collect();
    let has_more = revocations.len() as i64 == LIMIT;
    let at = if has_more {
        At::Amid { seen: seen.to_owned(), reached, seq: last, born }
    } else {
        At::Snapshot { seen: reached, born }
    };
    Ok(Some(News { revocations, numbers, source: format!("{source:x}"), position: Position(at), has_more }))
}

/// Adds to the log what this transaction revokes. Where the last of it stands there; `None` if it is nothing.
pub(crate) async fn insert(sql: Sql<'_>, revocations: &[Revocation]) -> Result<Option<Place>, Error> {
    let mut entries = Vec::with_capacity(revocations.len());
    for Revocation { revoked, keep_until } in revocations {
        let (kind, key, value) = match revoked {
            Revoked::Session(session_id) => ("session", session_id.0.as_slice(), 0),
            Revoked::Epoch(user_id, epoch) => ("epoch", user_id.0.as_slice(), counter(*epoch)?),
            Revoked::Key(kid) => ("key", kid.as_bytes(), 0),
            Revoked::Everybody(moment) => ("everybody", [].as_slice(), moment.0),
            Revoked::Client(client_id, moment) => ("client", client_id.as_bytes(), moment.0),
        };
        entries.push((kind, key, value, keep_until.0));
    }
    let rows: Vec<[&dyn Value; 4]> =
        entries.iter().map(|(kind, key, value, until)| [kind as _, key as _, value as _, until as _]).collect();
    let Some((last, others)) = rows.split_last() else { return Ok(None) };
    sql.note_revocation();
    let insert = "insert into revocations (kind, key, value, keep_until) values ($1, $2, $3, $4)";
    let place = sql.either(
        "insert into revocations (kind, key, value, keep_until) values ($1, $2, $3, $4)
        returning seq, (select value from meta where name = 'revocations_source')",
        "insert into revocations (kind, key, value, keep_until) values ($1, $2, $3, $4)
        returning xid::text::bigint, (select drawn from log_life)",
    );
    let place = sql.one(place, last, |row| Ok((number(row.take()?)?, row.take::<Option<i64>>()?)));
    // On SQLite they are added in this order, and on PostgreSQL all have the number of the transaction.
    let ((), placed) = try_join(sql.run_each(insert, others), place).await?;
    let (number, source) = placed.ok_or(Error::broken("an entry of the log was not added"))?;
    let source = match source {
        Some(source) => source,
        None => draw(sql).await?,
    };
    Ok(Some(Place { source: format!("{source:x}"), number }))
}

/// Whose numbers those of the log are, where nobody has asked since PostgreSQL recovered from a crash.
async fn draw(sql: Sql<'_>) -> Result<i64, Error> {
    let Sql::Postgres(_) = sql else { return Err(Error::broken("meta lacks revocations_source")) };
    sql.run(DRAW, &[]).await?;
    let drawn = sql.one("select drawn from log_life", &[], |row| row.take()).await?;
    drawn.ok_or(Error::broken("log_life stays empty"))
}

fn number(stored: i64) -> Result<u64, Error> {
    u64::try_from(stored).map_err(|_| Error::broken("the number of a revocation is negative"))
}

fn revocation(row: &mut Columns<'_>) -> Result<Revocation, Error> {
    let kind: String = row.take()?;
    let revoked = match kind.as_str() {
        "session" => {
            let session_id = SessionId(row.take()?);
            row.counter()?;
            Revoked::Session(session_id)
        }
        "epoch" => Revoked::Epoch(UserId(row.take()?), row.counter()?),
        "key" => {
            let kid = text(row)?;
            row.counter()?;
            Revoked::Key(kid)
        }
        "everybody" => {
            row.take::<Vec<u8>>()?;
            Revoked::Everybody(row.moment()?)
        }
        "client" => Revoked::Client(text(row)?, row.moment()?),
        _ => return Err(Error::broken("revocations.kind is unknown")),
    };
    Ok(Revocation { revoked, keep_until: UnixMillis(row.take()?) })
}

fn text(row: &mut Columns<'_>) -> Result<String, Error> {
    String::from_utf8(row.take()?).map_err(|_| Error::broken("revocations.key is neither a kid nor a client_id"))
}
