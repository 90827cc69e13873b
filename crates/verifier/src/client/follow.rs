//! Following the issuer's revocations: questions, which prove how much is known, and beside them a stream, which is quick.

mod asking;
mod heard;
mod listening;
mod pause;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Uri};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::fetch::{Fetch, FetchError, Incoming};
use super::issuer::ConnectError;
use super::keys::Keys;
use crate::clock::millis;
#[cfg(feature = "serve")]
use crate::feed::Onward;
use crate::feed::{Freshness, Position, View, Watermark};
use crate::{Checker, Clock};
use asking::{MAX_BYTES, ask_on};
use listening::listen_on;

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

/// How long the first answer may be silent, and the beginning of a stream.
const PATIENCE: Duration = Duration::from_secs(5);

/// The bound, in milliseconds, of whoever does not say.
const USUAL_BOUND: i64 = 5_000;
