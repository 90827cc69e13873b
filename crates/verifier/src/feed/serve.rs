//! Serving the feed: answering questions, at once or when there is news, and streams, which go on answering.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::long::Places;
use super::{Answer, Frame, LONGEST_WAIT, Log, Long, Position, Seen, View};
use crate::Revocation;

/// A log, and those who wait for news in it.
pub struct Feed {
    log: Log,
    /// How much this side knows, and what time it is.
    known: Box<dyn Fn() -> Option<View> + Send + Sync>,
    news: watch::Sender<()>,
    long: Places,
    is_stopping: AtomicBool,
}

impl Feed {
    /// A feed by somebody who knows as much as `known` says; `None` while that is not enough to tell anybody.
    pub fn new(known: impl Fn() -> Option<View> + Send + Sync + 'static) -> Self {
        Self {
            log: Log::default(),
            known: Box::new(known),
            news: watch::Sender::new(()),
            long: Places::default(),
            is_stopping: AtomicBool::new(false),
        }
    }

    /// Adds entries, as [`Log::extend`] does, and tells whoever waits.
    pub fn extend(&self, entries: Vec<(u64, Revocation)>, source: &str, seen: Seen) {
        let is_news = !entries.is_empty();
        self.log.extend(entries, source, seen);
        if is_news {
            self.news.send_replace(());
        }
    }

    /// To be asked before an asker at this position, or without one, is answered, and after [waiting](Self::until_news). By the
    /// asker's name long answers are counted: one for each party that may be told apart, never made of what the asker chooses. `None` if
    /// the answer would be long and as many long answers are on their way as may be, to this asker or to all: let them come again.
    pub fn admit(&self, asker: &str, position: Option<&Position>) -> Option<Long> {
        if !self.log.owes_more_than(Long::ENTRIES, position) {
            return Some(Long::short());
        }
        self.long.take(asker)
    }

    /// Returns once there is something to tell that came after a position, or `wait` is over, or this side [stops](Self::stop).
    /// Without a position there always is.
    pub async fn until_news(&self, position: Option<&Position>, wait: Duration) {
        let until = Instant::now() + wait.min(LONGEST_WAIT);
        // Before looking, so that what comes in between is not missed.
        let mut news = self.news.subscribe();
        while let Some(position) = position {
            let is_over = self.is_stopping() || self.log.has_news_since(position);
            if is_over || timeout_at(until, news.changed()).await.is_err() {
                break;
            }
        }
    }

    /// The answer to a question. `None` while this side does not know enough.
    pub fn answer(&self, position: Option<&Position>) -> Option<Answer> {
        // Before the log is read: what is added in between is told beyond what is promised.
        let View { age_ms, now_ms } = (self.known)()?;
        Some(self.log.answer(position, age_ms, now_ms))
    }

    /// A stream of answers, each from where the one before ended, for at most `lifetime`. It ends early when this side no
    /// longer knows enough. Nothing is queued: who reads slowly gets more at a time.
    pub fn stream(
        self: Arc<Self>,
        position: Option<Position>,
        lifetime: Duration,
    ) -> impl Stream<Item = Bytes> + Send + 'static {
        let end = Instant::now() + lifetime;
        unfold(Some((self, position, Duration::ZERO)), move |state| async move {
            let (feed, position, wait) = state?;
            if feed.is_stopping() || Instant::now() >= end {
                let mut bytes = Vec::new();
                Frame::End.encode(0, &mut bytes);
                return Some((bytes.into(), None));
            }
            feed.until_news(position.as_ref(), wait).await;
            let Answer { bytes, position, .. } = feed.answer(position.as_ref())?;
            Some((bytes.into(), Some((feed, Some(position), HEARTBEAT))))
        })
    }

    /// The log itself.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Ends every stream and every question that is held back, in good order, so that the listeners ask elsewhere.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.news.send_replace(());
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }
}

/// How often a stream says where it stands when there is nothing else to say.
const HEARTBEAT: Duration = Duration::from_secs(1);
