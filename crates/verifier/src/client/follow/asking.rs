//! Asking, which proves how much is known: every third of the bound, and soon after news.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::heard::{Applied, is_short};
use super::pause::{Pause, rest};
use super::{Following, Interrupted, PATIENCE};
use crate::client::fetch::FetchError;
use crate::feed::{Frame, Frames, View, Watermark};

impl Following {
    /// Asks what is new; for up to `wait` the answer may be held back. Whether anything in it was new.
    pub(super) async fn ask(&self, wait: Duration) -> Result<bool, Interrupted> {
        let slow = |_| FetchError::Slow { uri: self.endpoint.clone(), seconds: LONGEST.as_secs() };
        timeout(LONGEST + wait, self.ask_whole(wait)).await.map_err(slow)?
    }

    async fn ask_whole(&self, wait: Duration) -> Result<bool, Interrupted> {
        let asked = self.clock.passed_ms();
        // An answer that goes on is not given up: another would be as long, and how long it takes counts as age.
        let patience = if self.has_position() { self.pace() } else { PATIENCE };
        let uri = self.uri("", wait);
        let mut answer = self.open(&uri, patience + wait).await?;
        let mut bytes = Vec::new();
        while let Some(part) = answer.next(patience).await? {
            bytes.extend_from_slice(&part);
            if bytes.len() > MAX_BYTES {
                return Err(Interrupted::TooLong);
            }
        }
        let mut frames = Frames::default();
        frames.push(&bytes);
        let watermark = last_watermark(&bytes).ok_or(Interrupted::CutOff)?;
        let mut applied = Applied::default();
        self.apply(&mut frames, watermark.now_ms, &mut applied);
        if !applied.is_whole {
            return Err(Interrupted::Unknown);
        }
        // Before it is known again, so that nobody is admitted who is then overlooked.
        let before = self.freshness.at(asked).map(|view| View { now_ms: watermark.now_ms, ..view });
        if self.note_silence(before) && is_short(watermark.view()) {
            // One of them may have been withdrawn meanwhile, and that forgotten. Not while the silence goes on behind a relay:
            // keys that are fetched then are as doubtful.
            self.keys.distrust();
        }
        self.freshness.learn(asked, watermark.view());
        Ok(applied.is_new)
    }
}

/// Asks for as long as it is let.
pub(super) async fn ask_on(this: Arc<Following>) {
    let mut pause = Pause::default();
    loop {
        let wait = match this.ask(Duration::ZERO).await {
            Ok(_) => {
                pause = Pause::default();
                if let Some(View { now_ms, .. }) = this.view() {
                    this.checker.revoked().expire(now_ms);
                    #[cfg(feature = "serve")]
                    if let Some(onward) = &this.onward {
                        onward.expire(now_ms);
                    }
                }
                this.pace()
            }
            Err(error) => {
                tracing::warn!(%error, "the revocations could not be asked for");
                this.note_silence(this.view());
                pause.next(this.pace())
            }
        };
        let soon = async {
            this.news.notified().await;
            rest(SOON).await;
        };
        let _ = timeout(wait, soon).await;
    }
}

/// The last watermark of an answer that was not cut off.
fn last_watermark(bytes: &[u8]) -> Option<Watermark> {
    let mut frames = Frames::default();
    frames.push(bytes);
    let mut last = None;
    while let Some(frame) = frames.next(0) {
        last = Some(frame);
    }
    match last {
        Some(Frame::Watermark(watermark)) if frames.is_between() => Some(watermark),
        _ => None,
    }
}

/// How long an answer may take in all.
const LONGEST: Duration = Duration::from_mins(2);

/// How soon news on a stream is acknowledged.
pub(super) const SOON: Duration = Duration::from_millis(50);

/// The longest answer, in bytes: some three million entries.
pub(super) const MAX_BYTES: usize = 64 << 20;
