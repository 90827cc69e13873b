//! A verifier that follows a real server: a logout reaches it in milliseconds; cut off, it believes nothing for longer than
//! its bound.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use tower::ServiceExt;
use verifier::{Policy, Rejection, Verifier, WhenStale};

use crate::support::{Http, Place, Reply, SOON, Server};

const BOUND: Duration = Duration::from_secs(1);

/// With this nothing is ever too old to be believed, and a question is due after minutes: what is refused within [`SOON`] was told by
/// the stream.
const AGES: Duration = Duration::from_hours(1);

/// The way from the verifier to the server, which can be cut so that nobody hears of it: bytes just stay away.
struct Wire {
    address: SocketAddr,
    /// Where it leads.
    to: Arc<Mutex<SocketAddr>>,
    /// Whoever passes something on holds it shared; whoever cuts the wire, alone. With it, how often it was cut.
    gate: Arc<RwLock<usize>>,
}

impl Wire {
    /// It leads nowhere yet.
    async fn lay() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let wire = Self { address, to: Arc::new(Mutex::new(address)), gate: Arc::default() };
        let (to, gate) = (Arc::clone(&wire.to), Arc::clone(&wire.gate));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (to, gate) = (Arc::clone(&to), Arc::clone(&gate));
                tokio::spawn(async move {
                    let cuts = *gate.read().await;
                    let to = *to.lock().unwrap();
                    let Ok(far) = TcpStream::connect(to).await else { return };
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    tokio::spawn(pass_on(near_in, far_out, Arc::clone(&gate), cuts));
                    pass_on(far_in, near_out, gate, cuts).await;
                });
            }
        });
        wire
    }

    /// From when this has returned nothing passes, until the guard is dropped. Connections stay half open until then, and are closed.
    async fn cut(&self) -> OwnedRwLockWriteGuard<usize> {
        let mut guard = Arc::clone(&self.gate).write_owned().await;
        *guard += 1;
        guard
    }
}

/// One direction of a connection that was made after so many cuts.
async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, gate: Arc<RwLock<usize>>, cuts: usize) {
    let mut part = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut part).await.unwrap_or(0);
        let gate = gate.read().await;
        if *gate != cuts || length == 0 || to.write_all(&part[..length]).await.is_err() {
            return;
        }
    }
}

/// A server whose address for everybody is a wire, and a verifier at the end of it.
struct Scene {
    server: Option<Server>,
    wire: Wire,
    verifier: Verifier,
    place: Place,
}

impl Scene {
    async fn set(bound: Duration) -> Self {
        let place = Place::new();
        place.add_user("kavya");
        let added = place.json(&["verifier", "add", "orders", "--json"]);
        let wire = Wire::lay().await;
        let server = Some(Self::serve(&place, &wire));
        let connect = Verifier::from_issuer(format!("http://{}", wire.address));
        let connect =
            connect.follow(added["credential"].as_str().unwrap()).named("orders-1").bound(bound).retry_for(SOON);
        Self { server, verifier: connect.await.unwrap(), wire, place }
    }

    fn serve(place: &Place, wire: &Wire) -> Server {
        let server = place.serve_with(&[], &[("WATCHWORD_PUBLIC_URL", &format!("http://{}", wire.address))]);
        *wire.to.lock().unwrap() = server.http().address;
        server
    }

    fn server(&self) -> Http {
        self.server.as_ref().unwrap().http()
    }

    /// Past the wire.
    fn login(&self) -> Reply {
        let reply = self.server().login("kavya");
        assert_eq!(reply.status, 200, "{reply:?}");
        reply
    }

    async fn verdict(&self, reply: &Reply) -> Result<(), &'static str> {
        let verdict = self.verifier.verify(&reply.text("access_token")).await;
        verdict.map(drop).map_err(|rejection| rejection.code())
    }

    /// Asks until the verdict is this, and how long that took. Where it is to be accepted, a stall of this machine may leave it too
    /// little known for a moment.
    async fn until(&self, reply: &Reply, expected: Result<(), &'static str>) -> Duration {
        let began = Instant::now();
        while self.verdict(reply).await != expected {
            assert!(began.elapsed() < SOON, "{:?} instead of {expected:?}", self.verdict(reply).await);
            tokio::task::yield_now().await;
        }
        began.elapsed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_reaches_a_verifier_long_before_its_bound_and_closes_what_is_open() {
    let scene = Scene::set(AGES).await;
    let mut delays = Vec::new();
    for _ in 0..20 {
        let login = scene.login();
        assert_eq!(scene.verdict(&login).await, Ok(()));
        let header = format!("Bearer {}", login.text("access_token"));
        let request = Request::get("/").header("authorization", header).body(()).unwrap();
        let who = scene.verifier.authenticate(&request.into_parts().0).await.unwrap();
        let verifier = scene.verifier.clone();
        let open = tokio::spawn(async move { verifier.until_withdrawn(&who).await });
        assert_eq!(scene.server().post("/logout", &login.bearer("access_token")).status, 200);
        delays.push(scene.until(&login, Err("revoked")).await);
        tokio::time::timeout(SOON, open).await.unwrap().unwrap();
    }
    delays.sort();
    println!("from the acknowledgement to the refusal: p50 {:?}, max {:?}", delays[10], delays[19]);
}

/// What a service demands of administrators says about a credential.
async fn as_administrator(verifier: &Verifier, header: (&str, &str)) -> &'static str {
    let request = Request::get("/").header(header.0, header.1).body(()).unwrap();
    match verifier.authenticate(&request.into_parts().0).await {
        Ok(who) if who.claims().roles.iter().any(|role| role == "admin") => "admin",
        Ok(_) => "nobody special",
        Err(rejection) => rejection.code(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stripped_administrator_is_refused_by_a_verifier_in_token_and_cookie() {
    let scene = Scene::set(AGES).await;
    assert_eq!(scene.place.run(&["user", "set-roles", "kavya", "admin"]).code, Some(0));
    let login = scene.login();
    let (bearer, cookie) = (format!("Bearer {}", login.text("access_token")), login.cookie());
    let cookie = cookie.split_once(": ").unwrap().1;
    let credentials = [("authorization", bearer.as_str()), ("cookie", cookie)];
    // About a cookie the issuer is asked, who may be slow to answer.
    let until = async |credential: (&str, &str), expected: &[&str], before: &str| {
        let began = Instant::now();
        loop {
            let said = as_administrator(&scene.verifier, credential).await;
            if expected.contains(&said) {
                break;
            }
            assert!([before, "unavailable"].contains(&said), "nobody is logged out: {said}");
            assert!(began.elapsed() < SOON, "{credential:?} is still believed");
            tokio::task::yield_now().await;
        }
    };
    for credential in credentials {
        until(credential, &["admin"], "unavailable").await;
    }
    assert_eq!(scene.place.run(&["user", "set-roles", "kavya", ""]).code, Some(0));
    for (credential, expected) in credentials.into_iter().zip(["revoked", "nobody special"]) {
        until(credential, &[expected], "admin").await;
    }
    let refreshed = scene.server().post("/refresh", &login.bearer("refresh_token"));
    let bearer = format!("Bearer {}", refreshed.text("access_token"));
    assert_eq!(as_administrator(&scene.verifier, ("authorization", &bearer)).await, "nobody special");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_refuses_whatever_was_issued_to_everybody_or_to_a_client_and_not_what_is_issued_next() {
    let scene = Scene::set(AGES).await;
    for args in [&["session", "end", "--everybody", "--yes"][..], &["session", "end", "--client", "first-party"]] {
        let (one, other) = (scene.login(), scene.login());
        for login in [&one, &other] {
            assert_eq!(scene.verdict(login).await, Ok(()));
        }
        assert_eq!(scene.place.run(args).code, Some(0));
        for login in [&one, &other] {
            scene.until(login, Err("revoked")).await;
        }
        scene.until(&scene.login(), Ok(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_a_verifier_believes_nothing_for_longer_than_its_bound_but_goes_on_with_who_refreshes() {
    let scene = Scene::set(BOUND).await;
    let (ended, stays) = (scene.login(), scene.login());
    scene.until(&ended, Ok(())).await;
    scene.until(&stays, Ok(())).await;

    let cut = scene.wire.cut().await;
    assert_eq!(scene.server().post("/logout", &ended.bearer("access_token")).status, 200);
    let acknowledged = Instant::now();
    let mut last_accepted = Duration::ZERO;
    while acknowledged.elapsed() < BOUND * 2 {
        let asked = acknowledged.elapsed();
        if scene.verdict(&ended).await == Ok(()) {
            last_accepted = asked;
        }
    }
    assert!(last_accepted <= BOUND, "{last_accepted:?}");
    assert_eq!(scene.verdict(&ended).await, Err("stale"));
    assert_eq!(scene.verdict(&stays).await, Err("stale"), "it cannot know whether this one was ended too");
    assert!(scene.verifier.age().unwrap() > BOUND);

    let began = Instant::now();
    let mut refreshed = stays.clone();
    // The new token proves its session by itself, if it is shown before it is as old as the bound.
    while scene.verdict(&refreshed).await != Ok(()) {
        assert!(began.elapsed() < SOON, "who refreshes does not go on");
        refreshed = scene.server().post("/refresh", &refreshed.bearer("refresh_token"));
        assert_eq!(refreshed.status, 200);
    }

    let token = stays.text("access_token");
    assert_eq!(
        scene.verifier.verify_for(&token, WhenStale::Deny).await,
        Err(Rejection::Unavailable { retry_after: 1 })
    );
    let asked = scene.verifier.verify_for(&token, WhenStale::Introspect).await;
    assert_eq!(asked, Err(Rejection::Unavailable { retry_after: 1 }));
    assert_eq!(scene.verifier.admitted_stale(), 0);
    assert!(scene.verifier.verify_for(&token, WhenStale::UntilExp).await.is_ok());
    assert_eq!(scene.verifier.admitted_stale(), 1);

    drop(cut);
    scene.until(&ended, Err("revoked")).await;
    scene.until(&stays, Ok(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_within_a_lenient_one_is_as_strict_as_it_says() {
    let scene = Scene::set(BOUND).await;
    let login = scene.login();
    scene.until(&login, Ok(())).await;
    let _cut = scene.wire.cut().await;
    scene.until(&login, Err("stale")).await;

    let strict = Router::new().route("/strict", get(async || "in")).layer(scene.verifier.require(Policy::new()));
    let lenient = Policy::new().when_stale(WhenStale::UntilExp);
    let app = strict.route("/lenient", get(async || "in")).layer(scene.verifier.require(lenient));
    let status = async |path: &str| {
        let header = format!("Bearer {}", login.text("access_token"));
        let request = Request::get(path).header("authorization", header).body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(status("/lenient").await, StatusCode::OK);
    assert_eq!(status("/strict").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_started_again_is_followed_again() {
    let mut scene = Scene::set(BOUND).await;
    let login = scene.login();
    scene.until(&login, Ok(())).await;
    scene.server.take().unwrap().stop();
    scene.until(&login, Err("stale")).await;
    scene.server = Some(Scene::serve(&scene.place, &scene.wire));
    scene.until(&login, Ok(())).await;
    assert_eq!(scene.server().post("/logout", &login.bearer("access_token")).status, 200);
    scene.until(&login, Err("revoked")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_credential_is_refused_at_the_start() {
    let place = Place::new();
    let server = place.serve();
    let url = format!("http://{}", server.http().address);
    let connect = Verifier::from_issuer(&url).follow("wwv_nonsense").retry_for(Duration::ZERO);
    let error = connect.await.err().unwrap().to_string();
    assert!(error.contains("401"), "{error}");
    assert!(!error.contains("nonsense"), "{error}");
}
