//! Sessions are ended at a steady rate, as users do it: each by a call that is answered once it is done.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::clock::{MILLISECOND, now};
use crate::connection::Connection;
use crate::sessions::Sessions;
use crate::words::Schedule;

/// When the answer came that a session has ended, in nanoseconds.
#[derive(Clone, Copy, Default)]
pub struct Call {
    pub sent: i64,
    pub acknowledged: i64,
}

/// Ends all of them. Those from `wanted` on wait until it is more.
pub async fn all(
    address: SocketAddr,
    sessions: &Arc<Sessions>,
    schedule: Schedule,
    wanted: &watch::Receiver<usize>,
) -> Vec<Call> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut calling = JoinSet::new();
    // Each has a call often enough not to be closed.
    let connections = (5_000 * MILLISECOND / schedule.interval).clamp(1, MOST_CONNECTIONS);
    for _ in 0..connections {
        let (sessions, next, mut wanted) = (Arc::clone(sessions), Arc::clone(&next), wanted.clone());
        calling.spawn(async move {
            let (mut connection, mut calls) = (Connection::open(address).await, Vec::new());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = sessions.request(number) else { return calls };
                until(schedule.due(number)).await;
                // It fails when nobody holds anything back any more.
                let _ = wanted.wait_for(|wanted| number < *wanted).await;
                let sent = now();
                let acknowledged = end(&mut connection, &request).await;
                calls.push((number, Call { sent, acknowledged }));
            }
        });
    }
    let mut calls = calling.join_all().await.concat();
    calls.sort_by_key(|(number, _)| *number);
    calls.into_iter().map(|(_, call)| call).collect()
}

/// Ends the one that is left; it is over as soon as the answer has been read.
pub async fn last(address: SocketAddr, sessions: &Sessions) {
    let mut connection = Connection::open(address).await;
    end(&mut connection, &sessions.request_for(&sessions.last)).await;
}

/// When the answer came.
async fn end(connection: &mut Connection, request: &str) -> i64 {
    let (status, body) = connection.exchange(request).await;
    let acknowledged = now();
    assert!(status == 200 && body.contains("\"ended\":1"), "{status} {body}");
    acknowledged
}

/// Waits for a moment of our clock.
pub async fn until(moment: i64) {
    let left = Duration::from_nanos(u64::try_from(moment - now()).unwrap_or(0));
    sleep_until(Instant::now() + left).await;
}

/// So many calls at most are under way at once.
const MOST_CONNECTIONS: i64 = 64;
