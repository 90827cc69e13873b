//! Telling other nodes that the log of revocations has grown, and hearing it from them: one connection, without content.
//!
//! Only a hint: whoever polls the log misses nothing when hints are lost, or never come, as behind a pooler that
//! shares connections between transactions.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join;
use futures_util::{TryStreamExt, stream};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::{AsyncMessage, Client};

use super::connect::{Apart, CONNECT, Connector, Refusal};
use super::fault::reason;

/// What the callers, the store functions and the connection for hints tell each other.
#[derive(Default)]
pub(crate) struct Hints {
    /// Somebody wants to hear hints.
    is_wanted: AtomicBool,
    /// This node has committed something that others have not been told of.
    is_due: AtomicBool,
    is_closing: AtomicBool,
    /// One of the above has changed, or the connection has ended.
    changed: Notify,
    heard: Notify,
}

impl Hints {
    /// Waits until the log may have grown since this was last answered. For one caller at a time.
    pub(crate) async fn heard(&self) {
        if !self.is_wanted.swap(true, Ordering::AcqRel) {
            self.changed.notify_one();
        }
        self.heard.notified().await;
    }

    /// Says, after the commit, that this node has added to the log.
    pub(super) fn announce(&self) {
        self.heard.notify_one();
        self.is_due.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Sends what is due, and then no more.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire) && !self.is_due.load(Ordering::Acquire)
    }

    fn is_idle(&self) -> bool {
        !self.is_wanted.load(Ordering::Acquire) && !self.is_due.load(Ordering::Acquire)
    }
}

/// Sends and hears hints until the store is closed. Connects once there is something to send or somebody to hear.
pub(super) async fn exchange(connector: Rc<Connector>, hints: Arc<Hints>) {
    while hints.is_idle() && !hints.is_closing() {
        hints.changed.notified().await;
    }
    let mut tries = interval(RETRY);
    tries.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_well = true;
    while !hints.is_closing() {
        tries.tick().await;
        if let Err(refusal) = converse(&connector, &hints, &mut is_well).await
            && std::mem::take(&mut is_well)
        {
            tracing::info!(why = %refusal, "no hints from other nodes; revocations are polled meanwhile");
        }
        if hints.is_closing.load(Ordering::Acquire) {
            break;
        }
    }
}

async fn converse(connector: &Connector, hints: &Hints, is_well: &mut bool) -> Result<(), Refusal> {
    let (client, connection) = timeout(CONNECT, connector.connect_apart()).await.unwrap_or(Err(Refusal::Silence))?;
    // Not known yet: nobody has the number 0.
    let own = Cell::new(0);
    let speak = async {
        let outcome = speak(&client, hints, &own, is_well).await;
        // Said goodbye, the connection ends too.
        drop(client);
        outcome
    };
    let (spoken, ended) = join(speak, hear(connection, hints, &own)).await;
    spoken.and(ended).map_err(Refusal::Said)
}

/// Listens, and sends what is due, never two at once.
async fn speak(
    client: &Client,
    hints: &Hints,
    own: &Cell<i32>,
    is_well: &mut bool,
) -> Result<(), tokio_postgres::Error> {
    let set_up = client.query_typed(SET_UP, &[]).await?;
    let (channel, number) = match set_up.first() {
        Some(row) => (row.try_get::<_, String>(0)?, row.try_get(1)?),
        None => return Ok(()),
    };
    own.set(number);
    client.batch_execute(&format!("listen {channel}")).await?;
    *is_well = true;
    // Whatever was said before was not heard.
    hints.heard.notify_one();
    let notify = format!("notify {channel}");
    let mut gaps = interval(GAP);
    gaps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !client.is_closed() && !hints.is_closing() {
        if hints.is_due.load(Ordering::Acquire) {
            gaps.tick().await;
            // Before it is sent: what is committed from here on may need another.
            hints.is_due.store(false, Ordering::Release);
            client.batch_execute(&notify).await.inspect_err(|_| hints.is_due.store(true, Ordering::Release))?;
        } else {
            hints.changed.notified().await;
        }
    }
    Ok(())
}

async fn hear(mut connection: Apart, hints: &Hints, own: &Cell<i32>) -> Result<(), tokio_postgres::Error> {
    let mut messages = pin!(stream::poll_fn(move |context| connection.poll_message(context)));
    let ended = loop {
        match messages.try_next().await {
            Ok(Some(AsyncMessage::Notification(hint))) if hint.process_id() != own.get() => hints.heard.notify_one(),
            Ok(Some(_)) => {}
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if let Err(error) = &ended {
        tracing::debug!(why = reason(error), "the connection for hints ended");
    }
    hints.changed.notify_one();
    ended
}

/// A channel for each schema; and no waiting for the disk, for nothing is lost with a hint.
const SET_UP: &str = "select 'watchword_' || current_schema()::regnamespace::oid, pg_backend_pid(),
    set_config('synchronous_commit', 'off', false)";

/// At least this long from one hint to the next: inside the server all that notify wait for each other.
const GAP: Duration = Duration::from_millis(5);

/// At least this long from one attempt to connect to the next.
const RETRY: Duration = Duration::from_secs(1);
