//! A verifier that follows a real server: a logout reaches it in milliseconds; cut off, it believes nothing for longer than
//! its bound.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt;
use verifier::{Policy, Rejection, Verifier, WhenStale};

use crate::support::{Http, Place, Reply, SOON, Server};

const BOUND: Duration = Duration::from_secs(1);

/// The way from the verifier to the server, which can be cut so that nobody hears of it: bytes just stay away.
struct Wire {
    address: SocketAddr,
    /// Where it leads.
    to: Arc<Mutex<SocketAddr>>,
    is_cut: watch::Sender<bool>,
}

impl Wire {
    /// It leads nowhere yet.
    async fn lay() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let to = Arc::new(Mutex::new(address));
        let there = Arc::clone(&to);
        let is_cut = watch::Sender::new(false);
        let cut = is_cut.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (there, mut cut) = (*there.lock().unwrap(), cut.subscribe());
                tokio::spawn(async move {
                    until(&mut cut, false).await;
                    let Ok(mut far) = TcpStream::connect(there).await else { return };
                    tokio::select! {
                        // First, so that a busy machine lets nothing slip through.
                        biased;
                        () = until(&mut cut, true) => {
                            // Half open: neither side is told, until the wire is whole again.
                            until(&mut cut, false).await;
                        }
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                    }
                });
            }
        });
        Self { address, to, is_cut }
    }
}

async fn until(cut: &mut watch::Receiver<bool>, expected: bool) {
    // It fails when the wire is gone, and then so does everything else.
    let _ = cut.wait_for(|is_cut| *is_cut == expected).await;
}

/// A server whose address for everybody is a wire, and a verifier at the end of it.
struct Scene {
    server: Option<Server>,
    wire: Wire,
    verifier: Verifier,
    place: Place,
}

impl Scene {
    async fn set() -> Self {
        let place = Place::new();
        place.add_user("kavya");
        let added = place.json(&["verifier", "add", "orders", "--json"]);
        let wire = Wire::lay().await;
        let server = Some(Self::serve(&place, &wire));
        let connect = Verifier::from_issuer(format!("http://{}", wire.address));
        let connect = connect.follow(added["credential"].as_str().unwrap()).named("orders-1").bound(BOUND);
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

    /// Asks until the verdict is this, and how long that took.
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
    let scene = Scene::set().await;
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
    assert!(delays[10] < BOUND / 3, "news come by the stream, not with the next question: {delays:?}");
    assert!(delays[19] < BOUND, "{delays:?}");
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
    let scene = Scene::set().await;
    assert_eq!(scene.place.run(&["user", "set-roles", "kavya", "admin"]).code, Some(0));
    let login = scene.login();
    let (bearer, cookie) = (format!("Bearer {}", login.text("access_token")), login.cookie());
    let cookie = cookie.split_once(": ").unwrap().1;
    let credentials = [("authorization", bearer.as_str()), ("cookie", cookie)];
    for credential in credentials {
        assert_eq!(as_administrator(&scene.verifier, credential).await, "admin");
    }
    assert_eq!(scene.place.run(&["user", "set-roles", "kavya", ""]).code, Some(0));
    let began = Instant::now();
    for (credential, expected) in credentials.into_iter().zip(["revoked", "nobody special"]) {
        loop {
            let said = as_administrator(&scene.verifier, credential).await;
            if said == expected {
                break;
            }
            assert_eq!(said, "admin", "nobody is logged out");
            assert!(began.elapsed() < BOUND, "{credential:?} is still believed");
            tokio::task::yield_now().await;
        }
    }
    let refreshed = scene.server().post("/refresh", &login.bearer("refresh_token"));
    let bearer = format!("Bearer {}", refreshed.text("access_token"));
    assert_eq!(as_administrator(&scene.verifier, ("authorization", &bearer)).await, "nobody special");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_refuses_whatever_was_issued_to_everybody_or_to_a_client_and_not_what_is_issued_next() {
    let scene = Scene::set().await;
    for args in [&["session", "end", "--everybody", "--yes"][..], &["session", "end", "--client", "first-party"]] {
        let (one, other) = (scene.login(), scene.login());
        for login in [&one, &other] {
            assert_eq!(scene.verdict(login).await, Ok(()));
        }
        assert_eq!(scene.place.run(args).code, Some(0));
        for login in [&one, &other] {
            assert!(scene.until(login, Err("revoked")).await < BOUND);
        }
        scene.until(&scene.login(), Ok(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_a_verifier_believes_nothing_for_longer_than_its_bound_but_goes_on_with_who_refreshes() {
    let scene = Scene::set().await;
    let (ended, stays) = (scene.login(), scene.login());
    assert_eq!((scene.verdict(&ended).await, scene.verdict(&stays).await), (Ok(()), Ok(())));

    scene.wire.is_cut.send_replace(true);
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

    let refreshed = scene.server().post("/refresh", &stays.bearer("refresh_token"));
    assert_eq!(refreshed.status, 200);
    assert_eq!(scene.verdict(&refreshed).await, Ok(()), "the new token proves its session by itself");

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

    scene.wire.is_cut.send_replace(false);
    scene.until(&ended, Err("revoked")).await;
    scene.until(&stays, Ok(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_within_a_lenient_one_is_as_strict_as_it_says() {
    let scene = Scene::set().await;
    let login = scene.login();
    assert_eq!(scene.verdict(&login).await, Ok(()));
    scene.wire.is_cut.send_replace(true);
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
    let mut scene = Scene::set().await;
    let login = scene.login();
    assert_eq!(scene.verdict(&login).await, Ok(()));
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
