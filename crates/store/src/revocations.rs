//! The log of what must be forgotten, in commit order.

use domain::revocation::{Revocation, Revoked};
use domain::{SessionId, UnixMillis, UserId};

use crate::sql::{Columns, Sql, counter};
use crate::{Error, Store};

impl Store {
    /// What was committed behind `position`, in commit order, at most 10,000 entries.
    ///
    /// There is one writer at a time, so `seq` is commit order and no entry can appear later below one already read.
    pub async fn revocations_since(&self, position: i64) -> Result<Vec<Revocation>, Error> {
        self.read(|sql| {
            sql.all(
                "select seq, kind, key, value, keep_until from revocations where seq > $1 order by seq limit 10000",
                &[&position],
                revocation,
            )
        })
    }
}

pub(crate) fn insert(sql: Sql<'_>, revoked: Revoked, keep_until: UnixMillis) -> Result<Revocation, Error> {
    let (kind, key, value) = match &revoked {
        Revoked::Session(session_id) => ("session", session_id.0.as_slice(), 0),
        Revoked::Epoch(user_id, epoch) => ("epoch", user_id.0.as_slice(), counter(*epoch)?),
        Revoked::Key(kid) => ("key", kid.as_bytes(), 0),
    };
    let position = sql.one(
        "insert into revocations (kind, key, value, keep_until) values ($1, $2, $3, $4) returning seq",
        &[&kind, &key, &value, &keep_until.0],
        |row| row.take(),
    )?;
    let position = position.ok_or_else(|| Error::broken("revocations.seq was not returned"))?;
    Ok(Revocation { position, revoked, keep_until })
}

fn revocation(row: &mut Columns<'_>) -> Result<Revocation, Error> {
    let position = row.take()?;
    let kind: String = row.take()?;
    let revoked = match kind.as_str() {
        "session" => {
            let session_id = SessionId(row.take()?);
            row.counter()?;
            Revoked::Session(session_id)
        }
        "epoch" => Revoked::Epoch(UserId(row.take()?), row.counter()?),
        "key" => {
            let kid = String::from_utf8(row.take()?).map_err(|_| Error::broken("revocations.key is not a kid"))?;
            row.counter()?;
            Revoked::Key(kid)
        }
        _ => return Err(Error::broken("revocations.kind is unknown")),
    };
    Ok(Revocation { position, revoked, keep_until: row.moment()? })
}
