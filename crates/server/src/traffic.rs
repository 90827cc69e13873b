//! What goes out to those who follow the revocations: counted, and kept within bounds where an answer is long.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, Bytes};
use futures_util::stream::{Stream, StreamExt, iter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use verifier::feed::{Log, Position};

use crate::failure::Failure;

/// Counts since this node was started.
pub struct Traffic {
    /// Questions that were answered.
    pub questions: AtomicU64,
    /// Questions and streams that were told to come again, because too many long answers were on their way.
    pub put_off: AtomicU64,
    /// Bytes of frames, in answers and on streams.
    pub bytes: AtomicU64,
    /// Streams that are open now.
    pub streams: AtomicU64,
    /// Credentials that were accepted and refused by this node, and not judged because too little was known.
    pub accepted: AtomicU64,
    /// See [`Self::accepted`].
    pub refused: AtomicU64,
    /// See [`Self::accepted`].
    pub unsure: AtomicU64,
    long: Arc<Semaphore>,
}

/// That one more long answer may be on its way, until this is dropped.
pub struct Long(Option<OwnedSemaphorePermit>);

impl Default for Traffic {
    fn default() -> Self {
        let zero = AtomicU64::default;
        Self {
            questions: zero(),
            put_off: zero(),
            bytes: zero(),
            streams: zero(),
            accepted: zero(),
            refused: zero(),
            unsure: zero(),
            long: Arc::new(Semaphore::new(LONG_ANSWERS)),
        }
    }
}

impl Traffic {
    /// Refuses to answer somebody at this position if that would be long and as many long answers are on their way as may be:
    /// each is a copy of the log.
    pub fn admit(&self, log: &Log, position: Option<&Position>) -> Result<Long, Failure> {
        if !log.owes_more_than(LONG, position) {
            return Ok(Long(None));
        }
        Arc::clone(&self.long).try_acquire_owned().map(|place| Long(Some(place))).map_err(|_| {
            add(&self.put_off);
            Failure::Unavailable { retry_after: 1 }
        })
    }

    /// The body of an answer to a question, counted.
    pub fn answer(&self, bytes: Vec<u8>, long: Long) -> Body {
        add(&self.questions);
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if long.0.is_none() {
            return Body::from(bytes);
        }
        let mut bytes = Bytes::from(bytes);
        let parts = std::iter::from_fn(move || {
            // It goes when the body does.
            let _ = &long;
            let part = bytes.split_to(bytes.len().min(PART));
            (!part.is_empty()).then_some(Ok::<_, Infallible>(part))
        });
        Body::from_stream(iter(parts))
    }
}

/// The body of a stream, counted. Its first part may be long.
pub fn stream(traffic: &Arc<Traffic>, frames: impl Stream<Item = Bytes> + Send + 'static, long: Long) -> Body {
    let open = Open::of(Arc::clone(traffic));
    let mut long = Some(long);
    let mut is_first = true;
    Body::from_stream(frames.map(move |part| {
        if !std::mem::take(&mut is_first) {
            // The one before has been taken.
            long.take();
        }
        open.0.bytes.fetch_add(part.len() as u64, Ordering::Relaxed);
        Ok::<_, Infallible>(part)
    }))
}

/// A stream that is open until this is dropped.
struct Open(Arc<Traffic>);

impl Open {
    fn of(traffic: Arc<Traffic>) -> Self {
        add(&traffic.streams);
        Self(traffic)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One more.
pub fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// From how many entries on an answer is long: some 250 KB.
const LONG: usize = 10_000;

/// How many long answers may be on their way at a time. The longest that there can be, of a million entries, takes 25 MB.
const LONG_ANSWERS: usize = 8;

/// How much of a long answer is handed over at a time, in bytes.
const PART: usize = 64 * 1024;
