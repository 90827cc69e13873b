//! What goes out to those who follow the revocations: counted, and kept within bounds where an answer is long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream::{Stream, TryStreamExt};
use verifier::feed::{Feed, Long, Position};

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
}

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
        }
    }
}

impl Traffic {
    /// Refuses to answer who shows this verifier's credential at this position if that would be long and as many long answers are on
    /// their way as may be.
    pub fn admit(&self, feed: &Feed, verifier: &str, position: Option<&Position>) -> Result<Long, Failure> {
        feed.admit(verifier, position).ok_or_else(|| {
            add(&self.put_off);
            Failure::Unavailable { retry_after: 1 }
        })
    }

    /// The body of an answer to a question, counted.
    pub fn answer(&self, bytes: Vec<u8>, long: Long) -> Body {
        add(&self.questions);
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if long.is_short() {
            return Body::from(bytes);
        }
        Body::from_stream(long.parts(bytes))
    }
}

/// The body of a stream that lives for so long, counted. Its first part may be long.
pub fn stream(
    traffic: &Arc<Traffic>,
    frames: impl Stream<Item = Bytes> + Send + 'static,
    lifetime: Duration,
    long: Long,
) -> Body {
    let open = Open::of(Arc::clone(traffic));
    Body::from_stream(long.stream(frames, lifetime).inspect_ok(move |part| {
        open.0.bytes.fetch_add(part.len() as u64, Ordering::Relaxed);
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
