//! Listening, which is quick: to a stream, or by questions that wait where streams are held back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;

use super::asking::SOON;
use super::heard::Applied;
use super::pause::{Pause, rest};
use super::{Following, Interrupted, PATIENCE};
use crate::client::fetch::FetchError;
use crate::clock::millis;
use crate::feed::{Frames, LONGEST_WAIT};

impl Following {
    /// Listens to one stream until it ends; whether it said anything.
    async fn listen(&self) -> Result<bool, Interrupted> {
        let mut stream = self.open(&self.uri("/stream", Duration::ZERO), PATIENCE).await?;
        let (mut frames, mut has_spoken) = (Frames::default(), false);
        let mut applied = Applied::default();
        loop {
            let part: Option<Bytes> = match stream.next(QUIET).await {
                Ok(part) => part,
                // What it said counts. That it ended so is no news.
                Err(_) => return Ok(has_spoken),
            };
            let Some(part) = part else { return Ok(has_spoken) };
            has_spoken = true;
            frames.push(&part);
            let now = self.view().map_or(0, |view| view.now_ms);
            self.apply(&mut frames, now, &mut applied);
            if std::mem::take(&mut applied.is_news) {
                self.news.notify_one();
            }
        }
    }

    /// Asks with `wait` for some minutes.
    async fn ask_waiting(&self, pause: &mut Pause) {
        let until = self.clock.passed_ms() + millis(WITHOUT_STREAM);
        let wait = self.pace().min(LONGEST_WAIT);
        while self.clock.passed_ms() < until {
            let begun = Instant::now();
            match self.ask(wait).await {
                Ok(is_new) => {
                    *pause = Pause::default();
                    // Of two relays under one name each answers with everything, at once, to a position of the other.
                    let left = wait.saturating_sub(begun.elapsed());
                    rest(if is_new { left.min(SOON) } else { left }).await;
                }
                Err(_) => rest(pause.next(self.pace())).await,
            }
        }
    }
}

/// Listens for as long as it is let.
pub(super) async fn listen_on(this: Arc<Following>) {
    let (mut pause, mut silent) = (Pause::default(), 0);
    loop {
        if silent >= SILENT_STREAMS {
            // Something on the way holds streams back. Questions that wait are as quick; they only cost more.
            silent = 0;
            tracing::info!("streams are held back on the way to the issuer; it is asked more often instead");
            this.ask_waiting(&mut pause).await;
        }
        match this.listen().await {
            Ok(true) => (pause, silent) = (Pause::default(), 0),
            Ok(false) => silent += 1,
            // Something on the way knows no streams. Nobody there, or one who knows too little, says nothing about that.
            Err(Interrupted::Fetch(FetchError::Status { status, .. })) if status != StatusCode::SERVICE_UNAVAILABLE => {
                silent += 1;
            }
            Err(error) => tracing::debug!(%error, "there is no stream of revocations"),
        }
        rest(pause.next(this.pace())).await;
    }
}

/// How long a stream may be silent, which speaks once a second.
const QUIET: Duration = Duration::from_secs(3);

/// After how many streams in a row that said nothing to go on without one, and for how long.
const SILENT_STREAMS: u32 = 3;
const WITHOUT_STREAM: Duration = Duration::from_mins(5);
