//! Long answers. Each is a copy of the log, so only so many may be on their way at a time.

use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt, iter};
use tokio::sync::OwnedSemaphorePermit;

/// That one more answer may be on its way: see [`Feed::admit`](super::Feed::admit). While it is a long one, it takes a place.
pub struct Long(pub(super) Option<OwnedSemaphorePermit>);

impl Long {
    /// From how many entries on an answer is long: some 250 KB.
    pub const ENTRIES: usize = 10_000;

    /// How many long answers may be on their way at a time. The longest that there can be, of a million entries, takes 25 MB.
    pub const PLACES: usize = 8;

    /// Whether it takes no place, so that the answer may be handed over as one.
    pub fn is_short(&self) -> bool {
        self.0.is_none()
    }

    /// A long answer in parts. Its place is taken until this is dropped.
    pub fn parts(self, answer: Vec<u8>) -> impl Stream<Item = Bytes> + Send + 'static {
        let mut bytes = Bytes::from(answer);
        iter(std::iter::from_fn(move || {
            let _ = &self;
            let part = bytes.split_to(bytes.len().min(PART));
            (!part.is_empty()).then_some(part)
        }))
    }

    /// What a stream says, of which the first part may be long. Its place is taken until that has been handed over.
    pub fn until_second(
        self,
        frames: impl Stream<Item = Bytes> + Send + 'static,
    ) -> impl Stream<Item = Bytes> + Send + 'static {
        let mut place = Some(self);
        let mut is_first = true;
        frames.map(move |part| {
            if !std::mem::take(&mut is_first) {
                place.take();
            }
            part
        })
    }
}

/// How much of a long answer is handed over at a time, in bytes.
const PART: usize = 64 * 1024;
