//! Keys that follow each other while tokens are issued, refreshed and checked all the time, by programs that keep a copy
//! of the published keys for as long as they may.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use domain::{KeyState, Span};
use serde_json::Value;
use store::NewKey;
use token::{Algorithm, Expectation, KeySet, Profile};
use watchword::keyring::{Vault, generate};

use crate::support::{Client, Reply, TestServer};

/// How keys follow each other, once an hour.
#[derive(Clone, Copy)]
enum Rotation {
    /// By themselves, in the shortest time that the configuration allows.
    Scheduled,
    /// As if the schedule reckoned with these times.
    Forced { published_before: Span, kept_after: Span },
}

/// What came of it.
#[derive(Default)]
struct Outcome {
    checked: usize,
    refused: usize,
    /// The keys that signed.
    signed: BTreeSet<String>,
}

/// A program that checks tokens by itself, and never asks for the keys sooner than it must.
struct Verifier {
    from: Arc<TestServer>,
    keys: KeySet,
    fetch_after: i64,
}

impl Verifier {
    fn new(from: &Arc<TestServer>) -> Self {
        Self { from: Arc::clone(from), keys: KeySet::new(), fetch_after: 0 }
    }

    async fn renew(&mut self) {
        let now = self.from.app.clock.now().0;
        if now > self.fetch_after {
            let reply = self.from.client().get("/.well-known/jwks.json").await;
            let max_age: i64 = reply.header("cache-control").strip_prefix("public, max-age=").unwrap().parse().unwrap();
            self.keys = KeySet::from_jwks(reply.body.as_bytes()).unwrap();
            self.fetch_after = now + max_age * 1000;
        }
    }

    fn accepts(&self, token: &str) -> bool {
        let url = self.from.app.public_url.as_str();
        let expect = Expectation::new(Profile::Rfc9068, url, url);
        token::verify(token, &self.keys, &expect, self.from.app.clock.now().0).is_ok()
    }
}

/// An access token in use, and until when it must count.
struct Issued {
    token: String,
    expires_at: i64,
}

impl Issued {
    fn from(tokens: &Value, outcome: &mut Outcome) -> Self {
        let token = tokens["access_token"].as_str().unwrap().to_owned();
        let seen = token::inspect(&token).unwrap();
        outcome.signed.insert(seen.header["kid"].as_str().unwrap().to_owned());
        Self { token, expires_at: seen.claims["exp"].as_i64().unwrap() }
    }
}

/// Several hours of two nodes, seven verifiers and three people.
struct Load {
    here: Arc<TestServer>,
    there: Arc<TestServer>,
    verifiers: Vec<Verifier>,
    /// The newest tokens of each person.
    held: Vec<Value>,
    issued: Vec<Issued>,
    outcome: Outcome,
}

impl Load {
    async fn new(toml: &str) -> Self {
        let here = TestServer::with(toml).await;
        let there = here.beside(toml).await;
        let (mut outcome, mut held, mut issued) = (Outcome::default(), Vec::new(), Vec::new());
        for name in ["kavya", "arjun", "mina"] {
            here.user(name, &[]).await;
            let tokens = here.client().login(name).await;
            issued.push(Issued::from(&tokens, &mut outcome));
            held.push(tokens);
        }
        let verifiers = [&here, &there].into_iter().cycle().take(7).map(Verifier::new).collect();
        Self { here, there, verifiers, held, issued, outcome }
    }

    /// Everybody refreshes while the keys are looked after; whoever checks tokens does so afterwards.
    async fn step(&mut self, number: usize) {
        let (here, there) = (self.here.client(), self.there.client());
        let (a, b, c, ()) = tokio::join!(
            here.refresh(&self.held[0]),
            there.refresh(&self.held[1]),
            here.refresh(&self.held[2]),
            self.here.tend_keys(),
        );
        self.held = [a, b, c].iter().map(Reply::json).collect();
        if number.is_multiple_of(24) {
            self.held[1] = there.login("arjun").await;
        }
        for tokens in &self.held {
            self.issued.push(Issued::from(tokens, &mut self.outcome));
        }
        // They begin one after the other, so that their copies are of every age.
        for verifier in self.verifiers.iter_mut().take(number) {
            verifier.renew().await;
        }
        self.check(number).await;
    }

    async fn check(&mut self, number: usize) {
        let now = self.here.app.clock.now().seconds();
        self.issued.retain(|issued| issued.expires_at > now);
        let newest = self.issued.len() - self.held.len();
        for (place, issued) in self.issued.iter().enumerate() {
            let everybody = place >= newest;
            let asked = self.verifiers.iter().take(number).enumerate();
            for (_, verifier) in asked.filter(|(n, _)| everybody || *n == (place + number) % 7) {
                self.outcome.checked += 1;
                self.outcome.refused += usize::from(!verifier.accepts(&issued.token));
            }
        }
        // What was revoked is read by jobs, too; a request waits no more than a moment for that.
        self.here.learn_revocations().await;
        self.there.learn_revocations().await;
        let (oldest, newest) = (&self.issued[0], &self.issued[self.issued.len() - 1]);
        for client in [self.here.client(), self.there.client()] {
            for issued in [oldest, newest] {
                self.outcome.checked += 1;
                self.outcome.refused += usize::from(!admits(&client, &issued.token).await);
            }
        }
    }

    /// A step of [`Rotation::Forced`], if one is due so long after the beginning.
    async fn force(&self, elapsed: Span, published_before: Span, kept_after: Span) {
        let (store, now) = (&self.here.app.store, self.here.app.clock.now());
        let in_hour = elapsed.0 % Span::hours(1).0;
        if elapsed < Span::hours(1) {
            return;
        }
        if in_hour == 0 {
            assert!(store.add_key(new_key(&self.here).await).await.unwrap());
        }
        if in_hour == published_before.0 {
            let next = in_state(&self.here, KeyState::Next);
            assert!(store.activate_key(&next, now, now).await.unwrap());
        }
        if in_hour == published_before.0 + kept_after.0 {
            let retired = in_state(&self.here, KeyState::Retired);
            assert!(store.drop_key(&retired, KeyState::Retired).await.unwrap());
        }
    }
}

async fn admits(client: &Client, token: &str) -> bool {
    client.clone().bearer(token).get("/dashboard").await.status == StatusCode::OK
}

fn in_state(server: &TestServer, state: KeyState) -> String {
    server.cell(&format!("select kid from signing_keys where state = '{}'", state.as_str()))
}

async fn new_key(server: &TestServer) -> NewKey {
    let (vault, _) = Vault::open(&server.app.config, &[], &server.app.store).await.unwrap();
    vault.seal(&generate(Algorithm::EdDSA).await.unwrap(), server.app.clock.now())
}

async fn hours(hours: i64, rotation: Rotation) -> Outcome {
    let rotate = match rotation {
        Rotation::Scheduled => "keys.rotate_every = '1h'\nkeys.publish_ahead = '10m'",
        Rotation::Forced { .. } => "keys.rotate_every = 'never'",
    };
    let mut load = Load::new(&format!("tokens.access_lifetime = '15m'\n{rotate}")).await;
    let steps = Span::hours(hours).0 / STEP.0;
    for number in 1..=steps {
        load.here.wait(STEP);
        if let Rotation::Forced { published_before, kept_after } = rotation {
            load.force(Span(number * STEP.0), published_before, kept_after).await;
        }
        load.step(usize::try_from(number).unwrap()).await;
    }
    load.outcome
}

#[tokio::test]
async fn rotation_under_load_fails_no_check_by_anybody_who_caches_the_keys() {
    let outcome = hours(5, Rotation::Scheduled).await;
    println!("{} of {} checks failed, {} keys signed", outcome.refused, outcome.checked, outcome.signed.len());
    assert_eq!(outcome.refused, 0, "of {}", outcome.checked);
    assert!(outcome.checked > 10_000, "{}", outcome.checked);
    // The first key signs until the first hour is over. In the very last step, one more takes over while people refresh.
    assert!([5, 6].contains(&outcome.signed.len()), "{:?}", outcome.signed);
}

/// The test above can fail: with any of the times too short, it does.
#[tokio::test]
async fn a_key_that_signs_too_early_or_is_dropped_too_early_is_noticed_by_those_who_cache() {
    // The longest life of a token and a little, but sooner than the server itself drops it.
    let (ahead, kept) = (Span::minutes(10), Span::seconds(20 * 60 + 50));
    for (what, published_before, kept_after, fails) in [
        ("as the schedule does it", ahead, kept, false),
        ("not published before it signs", Span(0), kept, true),
        ("published for less than copies are kept", Span::seconds(250), kept, true),
        ("dropped when it retires", ahead, Span(0), true),
        ("dropped before its last token has expired", ahead, Span::minutes(5), true),
    ] {
        let outcome = hours(2, Rotation::Forced { published_before, kept_after }).await;
        println!("{what}: {} of {} checks failed", outcome.refused, outcome.checked);
        assert_eq!(outcome.refused > 0, fails, "{what}: {} of {}", outcome.refused, outcome.checked);
        assert!(outcome.signed.len() >= 2, "{what}");
    }
}

/// The longest that a copy is kept, 300 s, is a multiple of it: so a copy is used to its very end.
const STEP: Span = Span::seconds(50);
