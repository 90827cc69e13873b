//! How a database says that its installation is on the way, and how it refuses changes meanwhile.
//!
//! The database itself refuses them, by triggers: whichever program tries, and however long it has been connected.

use super::side::Side;
use super::tables::{TABLES, Table};
use crate::sql::Sql;
use crate::{Error, OpenError, Store};

/// Where an installation is, seen from one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// It is being moved to this place. What is here can be read but not changed.
    Leaving(String),
    /// It was moved to this place.
    Left(String),
    /// It is being moved here from this place, and not all of it has arrived.
    Arriving(String),
}

/// What the row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Leaving,
    Left,
    Arriving,
    /// All is here, but the source may not know yet that nobody may use it any more.
    Arrived,
    /// It came from elsewhere and is at home here.
    Here,
}

/// The row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) id: [u8; 16],
    pub(super) state: State,
    pub(super) place: String,
}

impl Store {
    /// Whether the installation is on its way from or to this database. None: it is at home here.
    pub async fn current_move(&self) -> Result<Option<Move>, Error> {
        self.read(moving).await
    }
}

impl Record {
    fn current(self) -> Option<Move> {
        match self.state {
            State::Leaving => Some(Move::Leaving(self.place)),
            State::Left => Some(Move::Left(self.place)),
            State::Arriving | State::Arrived => Some(Move::Arriving(self.place)),
            State::Here => None,
        }
    }
}

impl Move {
    /// Why `database` cannot be opened.
    pub fn refusal(self, database: String) -> OpenError {
        match self {
            Self::Leaving(place) => OpenError::Leaving { database, place },
            Self::Left(place) => OpenError::Left { database, place },
            Self::Arriving(place) => OpenError::Arriving { database, place },
        }
    }
}

/// Whether a database with so many migrations can say that its installation is on its way.
pub(crate) fn is_told(schema: i64) -> bool {
    schema >= 3
}

/// Where its installation is on its way, if it is.
pub(crate) async fn moving(sql: Sql<'_>) -> Result<Option<Move>, Error> {
    Ok(read(sql).await?.and_then(Record::current))
}

/// Refuses a database whose installation is on its way.
pub(crate) async fn admit(sql: Sql<'_>, database: &str) -> Result<(), OpenError> {
    match moving(sql).await {
        Ok(None) => Ok(()),
        Ok(Some(moving)) => Err(moving.refusal(database.to_owned())),
        Err(error) => Err(OpenError::Failed { database: database.to_owned(), source: Box::new(error) }),
    }
}

pub(super) async fn read(sql: Sql<'_>) -> Result<Option<Record>, Error> {
    sql.one("select transfer_id, state, place from transfers", &[], |row| {
        let id = row.take()?;
        let state = row.parsed(State::parse, "transfers.state is unknown")?;
        Ok(Record { id, state, place: row.take()? })
    })
    .await
}

pub(super) async fn write(sql: Sql<'_>, id: [u8; 16], state: State, place: &str) -> Result<(), Error> {
    sql.run(
        "insert into transfers (\"only\", transfer_id, state, place) values (1, $1, $2, $3)
        on conflict (\"only\") do update set transfer_id = excluded.transfer_id, state = excluded.state,
        place = excluded.place",
        &[&id, &state.as_str(), &place],
    )
    .await?;
    Ok(())
}

/// Goes on from one state to the next. False, and nothing changes, if that is not where it stands.
pub(super) async fn advance(sql: Sql<'_>, id: [u8; 16], from: State, to: State) -> Result<bool, Error> {
    let text = "update transfers set state = $3 where transfer_id = $1 and state = $2";
    Ok(sql.run(text, &[&id, &from.as_str(), &to.as_str()]).await? == 1)
}

pub(super) async fn forget(sql: Sql<'_>, id: [u8; 16], state: State) -> Result<bool, Error> {
    let text = "delete from transfers where transfer_id = $1 and state = $2";
    Ok(sql.run(text, &[&id, &state.as_str()]).await? == 1)
}

/// Lets nobody change the installation any more. What was acknowledged before is in the tables when this returns.
pub(super) async fn close(side: &Side, id: [u8; 16], place: &str) -> Result<(), Error> {
    let text = match side.sql() {
        Sql::Sqlite(_) => close_sqlite(),
        Sql::Postgres(_) => close_postgres(),
    };
    let mut outcome = Err(Error::Unavailable);
    // On PostgreSQL, this and a transaction under way may each wait for the other, which ends one of them.
    for _ in 0..ATTEMPTS {
        outcome = side
            .atomically(async || {
                side.batch(&text).await?;
                write(side.sql(), id, State::Leaving, place).await
            })
            .await;
        if !matches!(outcome, Err(Error::Unavailable)) {
            break;
        }
    }
    outcome
}

/// Lets the installation be changed again. False, and nothing changes, if it is not in this state.
///
/// Where it was in use elsewhere, the link that creates the first administrator may have been used there.
pub(super) async fn open_again(side: &Side, id: [u8; 16], state: State) -> Result<bool, Error> {
    side.atomically(async || {
        let is_so = forget(side.sql(), id, state).await?;
        if is_so {
            side.batch(&open_text(side.sql())).await?;
            if state == State::Left {
                side.batch("delete from setup_offers").await?;
            }
        }
        Ok(is_so)
    })
    .await
}

/// Closes the tables of a SQLite file; what is closed stays so.
pub(crate) fn close_sqlite() -> String {
    let trigger = |name: &str, change: &str| {
        format!(
            "create trigger if not exists closed_{name}_{change} before {change} on {name} begin
            select raise(abort, 'closed: this Watchword installation is being moved'); end;\n"
        )
    };
    TABLES.iter().flat_map(|table| CHANGES.map(|change| trigger(table.name, change))).collect()
}

/// The same on PostgreSQL.
pub(crate) fn close_postgres() -> String {
    let names = TABLES.iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
    // Locked in one order before anything else, so that whoever writes has ended or has not begun.
    let function = format!(
        "lock table {names} in share row exclusive mode;
        create or replace function refuse_while_moving() returns trigger language plpgsql as $refuse$ begin
            raise exception 'closed: this Watchword installation is being moved' using errcode = '{CLOSED}';
        end $refuse$;\n"
    );
    let trigger = |table: &Table| {
        format!(
            "create or replace trigger closed before insert or update or delete or truncate on {} for each statement
            execute function refuse_while_moving();\n",
            table.name
        )
    };
    std::iter::once(function).chain(TABLES.iter().map(trigger)).collect()
}

fn open_text(sql: Sql<'_>) -> String {
    match sql {
        Sql::Sqlite(_) => TABLES
            .iter()
            .flat_map(|table| CHANGES.map(|change| format!("drop trigger if exists closed_{}_{change};\n", table.name)))
            .collect(),
        Sql::Postgres(_) => {
            let open = |table: &Table| format!("drop trigger if exists closed on {};\n", table.name);
            TABLES.iter().map(open).collect::<Vec<_>>().concat()
        }
    }
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Leaving => "leaving",
            Self::Left => "left",
            Self::Arriving => "arriving",
            Self::Arrived => "arrived",
            Self::Here => "here",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Leaving, Self::Left, Self::Arriving, Self::Arrived, Self::Here]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// What PostgreSQL's trigger answers with: a code that nothing else uses.
pub(crate) const CLOSED: &str = "WW001";

const CHANGES: [&str; 3] = ["insert", "update", "delete"];

/// Whether the installation must not be changed here, as one row and column. A migration that makes a table anew takes the triggers away.
pub(crate) const MUST_BE_CLOSED: &str = "select count(*) > 0 from transfers where state in ('leaving', 'left')";

/// How often to try to close a database in which others are at work.
const ATTEMPTS: u32 = 10;
