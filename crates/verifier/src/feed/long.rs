//! Long answers. Each is a copy of the log, so only so many may be on their way at a time, and none for ever.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::future::{Either, ready};
use futures_util::stream::{Stream, StreamExt, iter, once};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

/// That one more answer may be on its way: see [`Feed::admit`](super::Feed::admit). While it is a long one, it takes a place.
pub struct Long(Option<Place>);

/// A long answer was not taken in time and is cut off, its place given to somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a long answer was not taken in time")]
pub struct NotTaken;

impl Long {
    /// From how many entries on an answer is long: some 250 KB.
    pub const ENTRIES: usize = 10_000;

    /// How many long answers may be on their way at a time. The longest that there can be, of a million entries, takes 25 MB.
    pub const PLACES: usize = 8;

    /// How many of them to one asker, so that whoever reads slowly leaves places to others.
    pub const PLACES_EACH: usize = 6;

    /// Within what time the long answer to a question must have been taken: from when it was admitted, as long as the most patient of
    /// our followers gives a question. What a stream begins with has as long as the stream lives.
    pub const DEADLINE: Duration = Duration::from_mins(2);

    pub(super) fn short() -> Self {
        Self(None)
    }

    /// Whether it takes no place, so that the answer may be handed over as one.
    pub fn is_short(&self) -> bool {
        self.0.is_none()
    }

    /// An answer, a long one in parts. Its place is taken until the last of them has been, or this is dropped, or the
    /// [deadline](Self::DEADLINE) has passed.
    ///
    /// # Panics
    ///
    /// If it is long, outside of a runtime of tokio.
    pub fn parts(self, answer: Vec<u8>) -> impl Stream<Item = Result<Bytes, NotTaken>> + Send + 'static {
        let deadline = self.0.as_ref().map_or(Duration::ZERO, |place| place.deadline);
        self.stream(once(ready(answer.into())), deadline)
    }

    /// What a stream says that lives for so long from when it was admitted, of which the first part may be long: see
    /// [`Self::parts`]. That may take the whole of its life, because whoever follows heeds it as it comes.
    ///
    /// # Panics
    ///
    /// If it is long, outside of a runtime of tokio.
    pub fn stream(
        self,
        frames: impl Stream<Item = Bytes> + Send + 'static,
        lifetime: Duration,
    ) -> impl Stream<Item = Result<Bytes, NotTaken>> + Send + 'static {
        let mut load = self.0.map(|place| Load::new(place, lifetime));
        frames.flat_map(move |bytes| match load.take() {
            Some(load) => Either::Left(load.parts(bytes)),
            None => Either::Right(once(ready(Ok(bytes)))),
        })
    }
}

/// A long answer on its way.
struct Load {
    /// Nothing once the deadline has passed.
    carried: Arc<Mutex<Option<Carried>>>,
    deadline: AbortHandle,
}

struct Carried {
    _place: Place,
    left: Bytes,
}

impl Load {
    fn new(place: Place, deadline: Duration) -> Self {
        let until = place.admitted + deadline;
        let carried = Arc::new(Mutex::new(Some(Carried { _place: place, left: Bytes::new() })));
        let theirs = Arc::clone(&carried);
        // Nobody asks for the next part of what is not taken, so it has to be dropped from outside.
        let deadline = tokio::spawn(async move {
            sleep_until(until).await;
            lock(&theirs).take();
        });
        Self { carried, deadline: deadline.abort_handle() }
    }

    fn parts(self, bytes: Bytes) -> impl Stream<Item = Result<Bytes, NotTaken>> + Send + 'static {
        if let Some(carried) = &mut *lock(&self.carried) {
            carried.left = bytes;
        }
        let mut load = Some(self);
        iter(std::iter::from_fn(move || {
            let part = load.as_ref()?.part().transpose();
            if !matches!(part, Some(Ok(_))) {
                load = None;
            }
            part
        }))
    }

    /// The next part, if there is one left.
    fn part(&self) -> Result<Option<Bytes>, NotTaken> {
        let mut carried = lock(&self.carried);
        let left = &mut carried.as_mut().ok_or(NotTaken)?.left;
        // A copy, so that whoever still holds this part does not hold the whole.
        let part = Bytes::copy_from_slice(&left[..left.len().min(PART)]);
        left.advance(part.len());
        Ok((!part.is_empty()).then_some(part))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.deadline.abort();
        lock(&self.carried).take();
    }
}

/// Who has how many long answers on their way.
pub(super) struct Places {
    taken: Arc<Mutex<HashMap<String, usize>>>,
    deadline: Duration,
}

/// One of them, until this is dropped.
struct Place {
    whose: String,
    admitted: Instant,
    deadline: Duration,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

impl Places {
    /// A place, if there is one for this asker.
    pub(super) fn take(&self, asker: &str) -> Option<Long> {
        let mut taken = lock(&self.taken);
        let own = taken.get(asker).copied().unwrap_or(0);
        if own >= Long::PLACES_EACH || taken.values().sum::<usize>() >= Long::PLACES {
            return None;
        }
        taken.insert(asker.to_owned(), own + 1);
        Some(Long(Some(Place {
            whose: asker.to_owned(),
            admitted: Instant::now(),
            deadline: self.deadline,
            taken: Arc::clone(&self.taken),
        })))
    }
}

impl Default for Places {
    fn default() -> Self {
        Self { taken: Arc::default(), deadline: Long::DEADLINE }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(own) = taken.get_mut(&self.whose) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each step under it is one assignment.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How much of a long answer is handed over at a time, in bytes.
const PART: usize = 64 * 1024;

#[cfg(test)]
mod tests;
