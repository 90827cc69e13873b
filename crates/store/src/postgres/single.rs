//! One connection outside the pool, for work that takes longer than any store function may.

use super::connect::Connector;
use super::fault::{judge, reason};
use super::migrations;
use super::session::{LOCK_CONNECTION, LOCKS, Session};
use super::url::PostgresUrl;
use crate::db::Opening;
use crate::{Error, OpenError};

/// A connection whose statements may take as long as they need. It belongs to the thread, and to the `LocalSet`, in
/// which it was opened.
pub(crate) struct Single {
    session: Session,
    _connector: Connector,
}

impl Single {
    /// Connects, checks the server and, if `makes`, brings the schema up to date.
    pub(crate) async fn open(url: &PostgresUrl, makes: bool) -> Result<Self, OpenError> {
        let connector = Connector::new(url)?;
        let session = migrations::open(&connector, Opening { makes, danger_accept_lost_writes: false }).await?;
        let patient = "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set lock_timeout = '5s'";
        let set = session.client().batch_execute(patient).await;
        set.map_err(|error| OpenError::Failed { database: connector.shown.clone(), source: reason(&error).into() })?;
        Ok(Self { session, _connector: connector })
    }

    /// The connection. Its statements are in whatever transaction [`Single::batch`] has begun.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Runs statements without parameters, such as those that begin and end transactions.
    pub(crate) async fn batch(&self, text: &str) -> Result<(), Error> {
        self.session.client().batch_execute(text).await.map_err(|error| match judge(&error).1 {
            // Whoever waits for this reads the reason.
            Error::Broken(_) => Error::Broken(reason(&error).into()),
            other => other,
        })
    }

    /// Takes the lock of this number until the connection ends. False: somebody else keeps it for seconds.
    pub(crate) async fn lock(&self, number: i64) -> Result<bool, Error> {
        match self.session.query(LOCK_CONNECTION, &[&(LOCKS | number)]).await {
            Ok(_) => Ok(true),
            Err(Error::Unavailable) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
