//! Queues in front of rows that many may want at once. Who waits for another call of the same node waits here, and not inside
//! PostgreSQL, on one of the few connections that everybody else needs, too.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use crate::{Error, Store};

/// A queue for each of so many parts of all sessions and accounts: seldom do two share one.
pub(crate) struct Queues([Mutex<()>; 256]);

/// How long a call may wait for others.
const PATIENCE: Duration = Duration::from_secs(5);

impl Default for Queues {
    fn default() -> Self {
        Self([const { Mutex::const_new(()) }; 256])
    }
}

impl Store {
    /// Waits until no other call of this node that asked for its turn is at work on this id. On SQLite there is nothing to
    /// wait for.
    pub(crate) async fn turn(&self, id: &[u8; 16]) -> Result<Option<MutexGuard<'_, ()>>, Error> {
        let Some(queues) = &self.queues else { return Ok(None) };
        // The last byte is random, also where the first ones tell the time.
        let turn = timeout(PATIENCE, queues.0[usize::from(id[15])].lock());
        turn.await.map(Some).map_err(|_| Error::Unavailable)
    }
}
