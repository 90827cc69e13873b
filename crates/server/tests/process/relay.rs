//! `watchword relay` between a server and verifiers: what is withdrawn passes through, and so does how much is known.

use std::process::Command;
use std::time::{Duration, Instant};

use tokio::task::yield_now;
use verifier::{Connect, Verifier, WhenStale};

use crate::support::{Http, Place, Reply, SOON, Server, own_address, soon};

const BOUND: Duration = Duration::from_secs(2);

/// With this nothing is ever too old to be believed, and a question is due after minutes: what is refused within [`SOON`] was told by
/// the stream.
const AGES: Duration = Duration::from_hours(1);

/// A server, and a place from which relays are started.
struct Scene {
    place: Place,
    server: Server,
}

impl Scene {
    fn set() -> Self {
        let place = Place::new();
        place.add_user("kavya");
        let credential = place.json(&["verifier", "add", "relay", "--json"]);
        place.write("upstream", credential["credential"].as_str().unwrap());
        let server = place.serve();
        Self { place, server }
    }

    fn issuer(&self) -> String {
        url(self.server.http())
    }

    fn relay_command(&self, more: &[&str]) -> Command {
        relay_command(&self.place, &self.issuer(), more)
    }

    /// A relay of the server.
    fn relay(&self) -> Server {
        let relay =
            Server::start(self.relay_command(&["--credential-file", "upstream", "--listener", "orders=secret"]));
        is_ready(relay.http());
        relay
    }

    /// A verifier that follows a relay, which knows it by the secret in a file.
    fn follow(&self, relay: &Server, secret: &str, bound: Duration) -> Connect {
        let secret = std::fs::read_to_string(self.place.path(secret)).unwrap();
        let connect = Verifier::from_issuer(self.issuer()).bound(bound).retry_for(SOON);
        connect.follow_relay(format!("{}/revocations", url(relay.http())), secret.trim())
    }

    fn login(&self) -> Reply {
        let reply = self.server.http().login("kavya");
        assert_eq!(reply.status, 200, "{reply:?}");
        reply
    }

    fn log_out(&self, login: &Reply) {
        assert_eq!(self.server.http().post("/logout", &login.bearer("access_token")).status, 200);
    }
}

fn url(http: Http) -> String {
    format!("http://{}", http.address)
}

fn relay_command(place: &Place, issuer: &str, more: &[&str]) -> Command {
    let mut command = place.command(&["relay", "--issuer", issuer, "--listen", &format!("{}:0", own_address())]);
    command.args(more);
    command
}

/// Server, relay and verifier each reckon in whole milliseconds.
const CLOCK_TICKS: Duration = Duration::from_millis(3);

fn is_ready(relay: Http) {
    let began = Instant::now();
    while relay.get("/health/ready", &[]).status != 200 {
        assert!(began.elapsed() < SOON, "the relay does not become ready");
    }
}

async fn verdict(verifier: &Verifier, login: &Reply) -> Result<(), &'static str> {
    verifier.verify(&login.text("access_token")).await.map(drop).map_err(|rejection| rejection.code())
}

async fn until(verifier: &Verifier, login: &Reply, expected: Result<(), &'static str>) {
    let began = Instant::now();
    loop {
        let verdict = verdict(verifier, login).await;
        if verdict == expected {
            return;
        }
        assert!(began.elapsed() < SOON, "{verdict:?} instead of {expected:?}");
        yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_passes_through_relays_of_relays_long_before_the_bound() {
    let scene = Scene::set();
    let first = scene.relay();
    let from = format!("{}/revocations", url(first.http()));
    let more = ["--from", &from, "--keys-from-relay", "--credential-file", "secret", "--listener", "shop=second"];
    let second = Server::start(scene.relay_command(&more));
    is_ready(second.http());
    let near = scene.follow(&first, "secret", AGES).await.unwrap();
    let far = scene.follow(&second, "second", AGES).keys_from_relay().await.unwrap();
    let mut delays = Vec::new();
    for _ in 0..5 {
        let login = scene.login();
        assert_eq!((verdict(&near, &login).await, verdict(&far, &login).await), (Ok(()), Ok(())));
        scene.log_out(&login);
        let acknowledged = Instant::now();
        until(&far, &login, Err("revoked")).await;
        delays.push(acknowledged.elapsed());
        until(&near, &login, Err("revoked")).await;
    }
    delays.sort();
    println!("from the acknowledgement to the refusal behind two relays: p50 {:?}, max {:?}", delays[2], delays[4]);
    assert_eq!(second.stop(), Some(0));
    assert_eq!(first.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_issuer_is_stopped_nobody_behind_its_relay_believes_anything_beyond_the_bound() {
    let scene = Scene::set();
    let relay = scene.relay();
    let verifier = scene.follow(&relay, "secret", BOUND).await.unwrap();
    let login = scene.login();
    until(&verifier, &login, Ok(())).await;
    scene.server.signal("STOP");
    let stopped = Instant::now();
    let mut last_accepted = Duration::ZERO;
    while stopped.elapsed() < BOUND * 2 {
        let asked = stopped.elapsed();
        if verdict(&verifier, &login).await == Ok(()) {
            last_accepted = asked;
        }
    }
    assert!(last_accepted <= BOUND + CLOCK_TICKS, "{last_accepted:?}");
    assert_eq!(verdict(&verifier, &login).await, Err("stale"));
    soon(|| relay.http().get("/health/ready", &[]).status == 503);
    let token = login.text("access_token");
    assert!(verifier.verify_for(&token, WhenStale::UntilExp).await.is_ok());
    scene.server.signal("CONT");
    until(&verifier, &login, Ok(())).await;
    scene.log_out(&login);
    until(&verifier, &login, Err("revoked")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_was_started_again_tells_everything_again() {
    let scene = Scene::set();
    let relay = scene.relay();
    let verifier = scene.follow(&relay, "secret", BOUND).await.unwrap();
    let (ended, stays) = (scene.login(), scene.login());
    let listen = relay.http().address.to_string();
    assert_eq!(relay.stop(), Some(0));
    scene.log_out(&ended);
    let more = ["--listen", &listen, "--credential-file", "upstream", "--listener", "orders=secret"];
    let mut command = scene.place.command(&["relay", "--issuer", &scene.issuer()]);
    let relay = Server::start({
        command.args(more);
        command
    });
    until(&verifier, &ended, Err("revoked")).await;
    until(&verifier, &stays, Ok(())).await;
    assert_eq!(relay.stop(), Some(0));
}

#[test]
fn a_relay_answers_503_until_it_knows_everything_and_lets_nobody_in_without_a_secret() {
    let place = Place::new();
    place.add_user("kavya");
    let credential = place.json(&["verifier", "add", "relay", "--json"]);
    place.write("upstream", credential["credential"].as_str().unwrap());
    let server = place.serve();
    let (issuer, listen) = (url(server.http()), server.http().address.to_string());
    assert_eq!(server.stop(), Some(0));

    let relay = Server::start(relay_command(
        &place,
        &issuer,
        &["--credential-file", "upstream", "--listener", "orders=secret"],
    ));
    let secret = std::fs::read_to_string(place.path("secret")).unwrap();
    let shown = [format!("Authorization: Bearer {}", secret.trim())];
    for path in ["/health/ready", "/revocations", "/revocations/stream", "/revocations/keys"] {
        let answer = relay.http().get(path, &shown);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{path}");
    }
    assert_eq!(relay.http().get("/health/live", &[]).status, 200);

    let server = Server::start(place.command(&["serve", "--listen", &listen]));
    is_ready(relay.http());
    for (path, headers, status) in [
        ("/revocations", &shown[..], 200),
        ("/revocations/keys", &[], 200),
        ("/revocations", &[], 401),
        ("/revocations/stream", &["Authorization: Bearer wwv_nonsense".to_owned()], 401),
        ("/revocations?wait=soon", &shown[..], 400),
        ("/revocations?position=a%20b", &shown[..], 400),
    ] {
        let answer = relay.http().raw(
            format!("GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n{}\r\n\r\n", headers.join("\r\n"))
                .replace("\r\n\r\n\r\n", "\r\n\r\n")
                .as_bytes(),
        );
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
    assert!(!relay.logged().contains(secret.trim()), "a secret is in the log");
    assert_eq!((relay.stop(), server.stop()), (Some(0), Some(0)));
}

#[test]
fn a_relay_says_what_is_wrong_with_what_it_was_told() {
    let scene = Scene::set();
    let refused = |more: &[&str]| {
        let mut server = Server::start(scene.relay_command(more));
        assert!(server.ends_with_code_1_saying("watchword: "));
        server.logged()
    };
    scene.place.write("made-up", "wwv_nonsense");
    let said = refused(&["--credential-file", "made-up", "--listener", "orders=secret"]);
    assert!(said.contains("401") && !said.contains("nonsense"), "{said}");
    scene.place.write("short", "too short");
    let said = refused(&["--credential-file", "upstream", "--listener", "orders=short"]);
    assert!(said.contains("listener orders") && said.contains("32 to 512"), "{said}");
    let ran =
        scene.place.run(&["relay", "--issuer", "https://id.example", "--credential-file", "none", "--listener", "a=b"]);
    assert!(ran.complaint().contains("cannot read the credential in none"), "{ran:?}");
}
