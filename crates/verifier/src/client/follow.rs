//! Following the issuer's revocations: questions, which prove how much is known, and beside them a stream, which is quick.

mod heard;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, Uri};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::fetch::{Fetch, FetchError, Incoming};
use super::issuer::ConnectError;
use super::keys::Keys;
use crate::clock::millis;
#[cfg(feature = "serve")]
use crate::feed::Onward;
use crate::feed::{Frame, Frames, Freshness, Position, View, Watermark};
use crate::{Checker, Clock};
use heard::is_short;

/// What is known of the issuer's revocations.
pub(super) struct Following {
    fetch: Fetch,
    endpoint: Uri,
    credential: HeaderValue,
    name: Option<String>,
    clock: Clock,
    checker: Arc<Checker>,
    keys: Arc<Keys>,
    freshness: Arc<Freshness>,
    /// What is served on to others.
    #[cfg(feature = "serve")]
    onward: Option<Onward>,
    /// Since when nothing can have been withdrawn and forgotten again unheard, by the issuer's clock.
    unbroken_since: AtomicI64,
    /// In milliseconds.
    bound: i64,
    position: Mutex<Option<Position>>,
    /// That a stream has brought news, which a question is to acknowledge.
    news: Arc<Notify>,
    /// That something was withdrawn.
    withdrawn: watch::Sender<()>,
}

/// The tasks that follow, until this is dropped.
pub(super) struct Tasks([AbortHandle; 2]);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// What has come in.
struct Applied {
    /// Whether all of it was understood.
    is_whole: bool,
    /// Whether something was withdrawn.
    is_news: bool,
    /// Whether that was not known yet.
    is_new: bool,
}

impl Default for Applied {
    fn default() -> Self {
        Self { is_whole: true, is_news: false, is_new: false }
    }
}

/// Why following goes on with a pause.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the answer was cut off")]
    CutOff,
    #[error("the answer is longer than {} MB", MAX_BYTES >> 20)]
    TooLong,
    #[error("the issuer tells of something that this version does not know; renew this program")]
    Unknown,
}

impl Following {
    /// Learns everything, and goes on learning for as long as the tasks are kept.
    pub(super) async fn begin(
        fetch: Fetch,
        endpoint: Uri,
        follower: Follower,
        clock: Clock,
        keys: Arc<Keys>,
    ) -> Result<(Arc<Self>, Tasks), ConnectError> {
        let (freshness, checker) = (Arc::<Freshness>::default(), Arc::clone(keys.checker()));
        let following = Arc::new(Self {
            fetch,
            endpoint,
            #[cfg(feature = "serve")]
            onward: follower.onward(&freshness, &clock, &checker),
            unbroken_since: AtomicI64::new(i64::MIN),
            credential: follower.credential,
            name: follower.name,
            clock,
            checker,
            keys,
            freshness,
            bound: millis(follower.bound),
            position: Mutex::default(),
            news: Arc::default(),
            withdrawn: watch::Sender::new(()),
        });
        match following.ask(Duration::ZERO).await {
            Ok(_) => {}
            Err(Interrupted::Fetch(error)) => return Err(error.into()),
            // It may be whole the next time.
            Err(error @ Interrupted::CutOff) => {
                let (uri, why) = (following.endpoint.clone(), error.to_string());
                return Err(FetchError::Unreachable { uri, why }.into());
            }
            Err(error) => return Err(ConnectError::Feed(error.to_string())),
        }
        let asking = tokio::spawn(ask_on(Arc::clone(&following)));
        let listening = tokio::spawn(listen_on(Arc::clone(&following)));
        Ok((following, Tasks([asking.abort_handle(), listening.abort_handle()])))
    }

    /// How things stand. Ask before looking at what has been withdrawn.
    pub(super) fn view(&self) -> Option<View> {
        self.freshness.at(self.clock.passed_ms())
    }

    /// Whether enough is known to judge a credential that was read at `rat`, with the view that was had before its
    /// withdrawal was looked for.
    pub(super) fn is_enough(&self, view: View, rat: i64) -> bool {
        view.age_of(rat) <= self.bound
    }

    /// Whether enough is known at this moment, for what is looked for from now on.
    pub(super) fn knows(&self, rat: i64) -> bool {
        self.view().is_some_and(|view| self.is_enough(view, rat))
    }

    /// Changes whenever something was withdrawn.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.withdrawn.subscribe()
    }

    /// Asks what is new; for up to `wait` the answer may be held back. Whether anything in it was new.
    async fn ask(&self, wait: Duration) -> Result<bool, Interrupted> {
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

    /// Asks with `wait` for some minutes.
    async fn ask_waiting(&self, pause: &mut Pause) {
        let until = self.clock.passed_ms() + millis(WITHOUT_STREAM);
        while self.clock.passed_ms() < until {
            let begun = Instant::now();
            match self.ask(self.pace()).await {
                Ok(is_new) => {
                    *pause = Pause::default();
                    // Of two relays under one name each answers with everything, at once, to a position of the other.
                    let left = self.pace().saturating_sub(begun.elapsed());
                    rest(if is_new { left.min(SOON) } else { left }).await;
                }
                Err(_) => rest(pause.next(self.pace())).await,
            }
        }
    }

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

    /// Heeds what has come in. It goes on from a watermark only as long as everything before it was understood, so that what
    /// was not comes again.
    fn apply(&self, frames: &mut Frames, now: i64, applied: &mut Applied) {
        #[cfg(feature = "serve")]
        let mut onward = Vec::new();
        while let Some(frame) = frames.next(now) {
            match frame {
                Frame::Entry(mut revocation) => {
                    applied.is_new |= !self.is_known(&revocation);
                    self.outlive_keys(&mut revocation, now);
                    self.checker.revoked().insert(&revocation, now);
                    applied.is_news = true;
                    #[cfg(feature = "serve")]
                    if self.onward.is_some() {
                        onward.push(revocation);
                    }
                }
                Frame::Watermark(watermark) if applied.is_whole => {
                    // Before anybody asks from there, and learns that there is nothing else.
                    #[cfg(feature = "serve")]
                    self.pass_on(&mut onward, now);
                    self.go_on_from(&watermark);
                }
                Frame::Watermark(_) | Frame::End => {}
                Frame::Unknown => applied.is_whole = false,
            }
        }
        #[cfg(feature = "serve")]
        self.pass_on(&mut onward, now);
        if applied.is_news {
            self.withdrawn.send_replace(());
        }
    }

    fn has_position(&self) -> bool {
        self.position.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn go_on_from(&self, watermark: &Watermark) {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) = Some(watermark.position.clone());
    }

    fn uri(&self, suffix: &str, wait: Duration) -> String {
        // No cache on the way may answer for the issuer.
        let fresh = RandomState::new().build_hasher().finish();
        let bound = if self.bound == USUAL_BOUND { String::new() } else { format!("&bound={}", self.bound) };
        let mut uri = format!("{}{suffix}?wait={}&fresh={fresh:x}{bound}", self.endpoint, wait.as_millis());
        if let Some(name) = &self.name {
            uri.push_str("&name=");
            uri.push_str(name);
        }
        if let Some(position) = &*self.position.lock().unwrap_or_else(PoisonError::into_inner) {
            uri.push_str("&position=");
            uri.push_str(position.as_str());
        }
        uri
    }

    async fn open(&self, uri: &str, patience: Duration) -> Result<Incoming, FetchError> {
        let uri = uri.parse().expect("the parts of it were checked");
        self.fetch.open(&uri, self.credential.clone(), patience).await
    }

    /// How often to ask.
    fn pace(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.bound / 3).unwrap_or(0).max(10))
    }
}

/// Who follows, and how closely.
#[derive(Clone)]
pub(super) struct Follower {
    pub(super) credential: HeaderValue,
    pub(super) name: Option<String>,
    pub(super) bound: Duration,
    /// How many entries are kept to be served on.
    #[cfg(feature = "serve")]
    pub(super) relayed: Option<usize>,
}

async fn ask_on(this: Arc<Following>) {
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

async fn listen_on(this: Arc<Following>) {
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

/// Pauses between tries: longer each time, and never the same for two verifiers.
#[derive(Default)]
struct Pause(u32);

impl Pause {
    fn next(&mut self, longest: Duration) -> Duration {
        let pause = (FIRST_PAUSE * (1 << self.0.min(16))).min(longest);
        self.0 = self.0.saturating_add(1);
        let random = RandomState::new().build_hasher().finish() % 1_000;
        pause.saturating_sub(pause * u32::try_from(random).unwrap_or(0) / 2_000)
    }
}

#[expect(clippy::disallowed_methods, reason = "there is no event that ends a pause")]
async fn rest(time: Duration) {
    tokio::time::sleep(time).await;
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

/// How long the first answer may be silent, and a stream, which speaks once a second.
const PATIENCE: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_secs(3);

/// The bound, in milliseconds, of whoever does not say.
const USUAL_BOUND: i64 = 5_000;

/// How long an answer may take in all.
const LONGEST: Duration = Duration::from_mins(2);

/// How soon news on a stream is acknowledged.
const SOON: Duration = Duration::from_millis(50);

/// The longest answer, in bytes: some three million entries.
const MAX_BYTES: usize = 64 << 20;

/// After how many streams in a row that said nothing to go on without one, and for how long.
const SILENT_STREAMS: u32 = 3;
const WITHOUT_STREAM: Duration = Duration::from_mins(5);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
