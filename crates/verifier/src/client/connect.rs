//! The first contact with an issuer, and what can be said before it.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use http::{HeaderValue, Uri};
use token::{Expectation, Profile};
use tokio::time::interval;

use super::fetch::Fetch;
use super::follow::{Follower, Following};
use super::issuer::{self, ConnectError, Issuer};
use super::keys::Keys;
use super::sessions::Sessions;
use super::{Shared, Verifier};
use crate::{Checker, Clock};

/// A verifier in the making: see [`Verifier::from_issuer`]. Await it.
#[must_use = "nothing happens until it is awaited"]
pub struct Connect {
    issuer: String,
    audience: Option<String>,
    profile: Profile,
    leeway_seconds: u32,
    cached_tokens: usize,
    cookies_fresh: Duration,
    keys_stale: Duration,
    origins: Vec<String>,
    retry: Duration,
    credential: Option<String>,
    relay: Option<String>,
    has_keys_from_relay: bool,
    #[cfg(feature = "serve")]
    relayed: Option<usize>,
    name: Option<String>,
    bound: Duration,
    clock: Clock,
}

impl Connect {
    pub(super) fn new(issuer: String) -> Self {
        Self {
            issuer,
            audience: None,
            profile: Profile::Rfc9068,
            leeway_seconds: 5,
            cached_tokens: 10_000,
            cookies_fresh: Duration::from_secs(5),
            keys_stale: Duration::from_hours(1),
            origins: Vec::new(),
            retry: Duration::from_secs(30),
            credential: None,
            relay: None,
            has_keys_from_relay: false,
            #[cfg(feature = "serve")]
            relayed: None,
            name: None,
            bound: Duration::from_secs(5),
            clock: Clock::system(),
        }
    }

    /// The audience that tokens must be meant for: the server's `tokens.audience`. Else the issuer itself, as there.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// What tokens look like: the server's `tokens.profile`. Else RFC 9068.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// By how many seconds clocks may differ, at most 60. Else 5.
    pub fn leeway_seconds(mut self, seconds: u32) -> Self {
        self.leeway_seconds = seconds;
        self
    }

    /// How many verified tokens are remembered, about 1.5 kB each. Else 10,000.
    pub fn cached_tokens(mut self, count: usize) -> Self {
        self.cached_tokens = count;
        self
    }

    /// How long after a logout its cookie may still be accepted, because the issuer was asked before. Else 5 s. At 0 the
    /// issuer is asked every time.
    pub fn cookies_fresh_for(mut self, age: Duration) -> Self {
        self.cookies_fresh = age;
        self
    }

    /// How long keys are used while the issuer cannot be asked for newer ones. Else an hour. After that nobody is admitted.
    pub fn keys_stale_for(mut self, age: Duration) -> Self {
        self.keys_stale = age;
        self
    }

    /// Follows the issuer's revocations, so that a logout holds here within milliseconds. The credential is what
    /// `watchword verifier add` prints.
    pub fn follow(mut self, credential: impl Into<String>) -> Self {
        self.credential = Some(credential.into());
        self
    }

    /// Follows a relay instead of the issuer: the URL of its revocations, such as `https://relay.example.org/revocations`, and a
    /// credential of that relay. Whoever holds that URL can keep revocations from this process, but vouch for nobody: who the
    /// issuer is and what its keys are comes from the issuer.
    pub fn follow_relay(mut self, url: impl Into<String>, credential: impl Into<String>) -> Self {
        self.relay = Some(url.into());
        self.follow(credential)
    }

    /// Takes the keys, too, from the [relay](Self::follow_relay), and asks the issuer for nothing: for a process that cannot reach
    /// it. The relay is then trusted as the issuer is. Cookies open nothing here, because nobody can be asked about them.
    pub fn keys_from_relay(mut self) -> Self {
        self.has_keys_from_relay = true;
        self
    }

    /// Keeps what was withdrawn so that [`Verifier::relay`] can serve it on: so many sessions and users at most, about 200 bytes
    /// each. Beyond them those who follow refuse more than they would have to, and at more than one logout within the leeway everybody. Only while [following](Self::follow).
    #[cfg(feature = "serve")]
    pub fn keep_for_relay(mut self, entries: usize) -> Self {
        self.relayed = Some(entries);
        self
    }

    /// What this process calls itself towards the issuer, for people: 1 to 64 letters, digits and `-._`. Else by the name
    /// of its credential, which is enough for one process.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How long after a logout was acknowledged its credentials may still be accepted when the issuer cannot be asked.
    /// Else 5 s. Only while [following](Self::follow).
    pub fn bound(mut self, bound: Duration) -> Self {
        self.bound = bound;
        self
    }

    /// Another origin whose pages may send requests with the cookie, such as `https://www.example.org`. The application's
    /// own is always allowed.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long to go on trying while the issuer does not answer, or is sending as many long answers as it may, so that all may be
    /// started at once. Else 30 s.
    pub fn retry_for(mut self, time: Duration) -> Self {
        self.retry = time;
        self
    }

    async fn connect(self) -> Result<Verifier, ConnectError> {
        let begun = Instant::now();
        let mut again = interval(RETRY);
        loop {
            again.tick().await;
            match self.try_once().await {
                Err(ConnectError::Fetch(error)) if begun.elapsed() < self.retry => {
                    tracing::warn!(%error, "the issuer does not answer yet");
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_once(&self) -> Result<Verifier, ConnectError> {
        if let Some(origin) = self.origins.iter().find(|origin| !is_origin(origin)) {
            return Err(ConnectError::Origin(origin.clone()));
        }
        let origin = issuer::origin(&self.issuer).ok_or_else(|| ConnectError::Url(self.issuer.clone()))?;
        let relay = self.relay.as_ref().map(|url| Relayed::at(url)).transpose()?;
        if relay.is_none() && self.has_keys_from_relay {
            return Err(ConnectError::Feed("keys are to come from a relay, but none is followed".to_owned()));
        }
        let own = Fetch::new(&origin)?;
        let (fetch, Issuer { jwks_uri, session, revocations }) = match &relay {
            Some(relay) if self.has_keys_from_relay => (relay.fetch.clone(), relay.as_issuer()),
            _ => (own.clone(), Issuer::discover(&self.issuer, &origin, &own).await?),
        };
        let audience = self.audience.clone().unwrap_or_else(|| self.issuer.clone());
        let expect = Expectation::new(self.profile, &*self.issuer, &*audience).with_leeway_seconds(self.leeway_seconds);
        let checker = |keys| Checker::new(expect, keys, self.cached_tokens);
        let keys = Keys::first(fetch.clone(), jwks_uri, self.clock.clone(), self.keys_stale, checker).await?;
        let (following, tasks) = match self.follower()? {
            None => (None, None),
            Some(follower) => {
                let (fetch, revocations) = match relay {
                    Some(relay) => (relay.fetch, Some(relay.endpoint)),
                    None => (own.clone(), revocations),
                };
                let endpoint = revocations
                    .ok_or_else(|| ConnectError::Feed("it is of a version that does not tell of them".to_owned()))?;
                keys.are_followed();
                let begun = Following::begin(fetch, endpoint, follower, self.clock.clone(), Arc::clone(&keys));
                let (following, tasks) = begun.await?;
                (Some(following), Some(tasks))
            }
        };
        let names = (self.issuer.clone(), audience);
        let sessions = session.map(|endpoint| {
            Arc::new(Sessions::new(own, endpoint, self.clock.clone(), names, self.cookies_fresh, following.clone()))
        });
        Ok(Verifier(Arc::new(Shared {
            keys,
            sessions,
            following,
            _tasks: tasks,
            admitted_stale: AtomicU64::new(0),
            clock: self.clock.clone(),
            issuer: self.issuer.clone(),
            origins: self.origins.clone(),
        })))
    }
}

impl Connect {
    fn follower(&self) -> Result<Option<Follower>, ConnectError> {
        let is_name = |name: &String| {
            (1..=64).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        if self.name.as_ref().is_some_and(|name| !is_name(name)) {
            return Err(ConnectError::Verifier("name"));
        }
        let Some(credential) = &self.credential else { return Ok(None) };
        let header = HeaderValue::try_from(format!("Bearer {credential}"));
        let mut credential = header.map_err(|_| ConnectError::Verifier("credential"))?;
        credential.set_sensitive(true);
        Ok(Some(Follower {
            credential,
            name: self.name.clone(),
            bound: self.bound,
            #[cfg(feature = "serve")]
            relayed: self.relayed,
        }))
    }
}

/// A relay that is followed.
struct Relayed {
    fetch: Fetch,
    endpoint: Uri,
    keys: Uri,
}

impl Relayed {
    fn at(url: &str) -> Result<Self, ConnectError> {
        let wrong = || ConnectError::Relay(url.to_owned());
        let endpoint = issuer::origin(url).ok_or_else(wrong)?;
        let keys = format!("{url}/keys").parse().map_err(|_| wrong())?;
        Ok(Self { fetch: Fetch::new(&endpoint)?, endpoint, keys })
    }

    /// What there is of an issuer that cannot be reached.
    fn as_issuer(&self) -> Issuer {
        Issuer { jwks_uri: self.keys.clone(), session: None, revocations: None }
    }
}

/// Whether it is just as browsers write an origin (RFC 6454 §6.2).
fn is_origin(text: &str) -> bool {
    let uri = text.parse::<Uri>();
    let is_plain =
        !text.ends_with('/') && !text.bytes().any(|byte| byte.is_ascii_uppercase() || b"@?#".contains(&byte));
    is_plain && uri.is_ok_and(|uri| uri.scheme().is_some() && uri.path() == "/")
}

/// How often to try while the issuer does not answer.
const RETRY: Duration = Duration::from_millis(500);

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl IntoFuture for Connect {
    type Output = Result<Verifier, ConnectError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}
