//! The row of a session: in which form its columns hold what a [`Session`] says.

use std::net::IpAddr;

use domain::{CookieHash, EndedWhy, Session, SessionId, UnixMillis, UserId};

use crate::Error;
use crate::accounts::account;
use crate::sessions::Live;
use crate::sql::Columns;

/// A moment as a column whose name ends with `_minute` holds it: in minutes since 1970, rounded up. Half as wide as one in milliseconds,
/// and enough where nothing must happen at once: until when an ending is remembered, and when a session is looked at again.
macro_rules! to_minute {
    ($moment:literal) => {
        concat!("((", $moment, " + 59999) / 60000)")
    };
}
pub(crate) use to_minute;

/// Up to which `…_minute` has come at this moment.
macro_rules! now_in_minutes {
    ($now:literal) => {
        concat!("(", $now, " / 60000)")
    };
}
pub(crate) use now_in_minutes;

/// When the session's last access token expires at the latest; zero if it never had one.
macro_rules! max_access_exp {
    () => {
        "cast(max_access_minute as bigint) * 60000"
    };
}
pub(crate) use max_access_exp;

/// Whether the session is the user's whose id is this parameter. With `ended_at is null` found by an index that holds only the last
/// four bytes of the id: they are random, and the rest tells apart the few users who share them.
macro_rules! is_of_user {
    ($id:literal) => {
        concat!("substr(user_id, 13) = substr(", $id, ", 13) and user_id = ", $id)
    };
}
pub(crate) use is_of_user;

/// The columns that [`session`] reads, of `sessions s`.
macro_rules! session_columns {
    () => {
        concat!(
            "s.session_id, s.user_id, s.cookie_hash, s.created_at, coalesce(s.authenticated_at, s.created_at), s.seen_at, \
             s.idle_expires_at, s.expires_at, s.amr, s.user_agent, s.ip, s.epoch_at_issue, ",
            $crate::row::max_access_exp!(),
            ", ",
            $crate::floors::session_ended_at!(),
            ", s.ended_why"
        )
    };
}
pub(crate) use session_columns;

/// Reads the columns of a session, then those of its account.
pub(crate) fn live(row: &mut Columns<'_>) -> Result<Live, Error> {
    Ok(Live { session: session(row)?, account: account(row)? })
}

/// Reads [`session_columns`].
pub(crate) fn session(row: &mut Columns<'_>) -> Result<Session, Error> {
    Ok(Session {
        session_id: SessionId(row.take()?),
        user_id: UserId(row.take()?),
        cookie_hash: row.take::<Option<[u8; 16]>>()?.map(CookieHash),
        created_at: row.moment()?,
        authenticated_at: row.moment()?,
        seen_at: row.moment()?,
        idle_expires_at: row.moment()?,
        expires_at: row.moment()?,
        amr: row.parsed(|text| Some(read_amr(text)), "sessions.amr is not a text")?,
        user_agent: row.take()?,
        ip: address(&row.take::<Vec<u8>>()?).ok_or_else(|| Error::broken("sessions.ip is not an address"))?,
        epoch_at_issue: row.counter()?,
        max_access_exp: row.moment()?,
        ended: ended(row)?,
    })
}

fn ended(row: &mut Columns<'_>) -> Result<Option<(UnixMillis, EndedWhy)>, Error> {
    let at = row.moment_if_any()?;
    let why = row.take::<Option<String>>()?;
    let Some(at) = at else { return Ok(None) };
    // With all others, for no reason of its own.
    let Some(why) = why else { return Ok(Some((at, EndedWhy::EndedByAdmin))) };
    let why = EndedWhy::parse(&why).ok_or_else(|| Error::broken("sessions.ended_why is unknown"))?;
    Ok(Some((at, why)))
}

/// An address in network order: four bytes, or sixteen.
pub(crate) fn address_bytes(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    v4().or_else(|_| v6()).ok()
}

pub(crate) fn write_amr(amr: &[String]) -> Result<String, Error> {
    if amr.iter().any(|word| word.is_empty() || word.contains(' ')) {
        return Err(Error::broken("a word for sessions.amr is empty or contains a space"));
    }
    Ok(amr.join(" "))
}

fn read_amr(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_proved_the_user_reads_back_as_it_was_written(amr in prop::collection::vec(".{0,8}", 0..5)) {
            if let Ok(text) = write_amr(&amr) {
                prop_assert_eq!(read_amr(&text), amr);
            } else {
                prop_assert!(amr.iter().any(|word| word.is_empty() || word.contains(' ')));
            }
        }

        #[test]
        fn an_address_reads_back_as_it_was_written(ip: IpAddr, other in prop::collection::vec(any::<u8>(), 0..20)) {
            prop_assert_eq!(address(&address_bytes(ip)), Some(ip));
            prop_assert_eq!(address(&other).is_some(), [4, 16].contains(&other.len()));
        }
    }
}
