//! The revocation feed: who may follow it, what it says, and that nothing is left out.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use domain::Span;
use domain::revocation::keep_until;
use http_body_util::BodyExt;
use verifier::Revocation;
use verifier::feed::{Frame, Frames, Watermark};

use crate::support::TestServer;

/// A program that follows the feed.
pub struct Follower<'a> {
    pub server: &'a TestServer,
    pub credential: String,
}

/// An answer, read.
pub struct Answer {
    pub entries: Vec<Revocation>,
    pub watermark: Watermark,
}

impl<'a> Follower<'a> {
    pub async fn of(server: &'a TestServer) -> Self {
        Self::named("orders", server).await
    }

    pub async fn named(name: &str, server: &'a TestServer) -> Self {
        let (credential, hash) = watchword::revocation_feed::new_credential();
        assert!(server.app.store.add_verifier(name.to_owned(), hash, server.app.clock.now()).await.unwrap());
        Self { server, credential }
    }

    pub async fn send(&self, path: &str) -> axum::http::Response<Body> {
        let bearer = format!("Bearer {}", self.credential);
        let request = Request::get(path).header("authorization", bearer).body(Body::empty()).unwrap();
        self.server.send(request, ([192, 0, 2, 7], 40_000).into()).await
    }

    pub async fn ask(&self, query: &str) -> Answer {
        let response = self.send(&format!("/revocations{query}")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "application/vnd.watchword.revocations");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Answer::read(&response.into_body().collect().await.unwrap().to_bytes(), self.server.app.clock.now().0)
    }

    async fn since(&self, answer: &Answer) -> Answer {
        self.ask(&format!("?position={}", answer.watermark.position.as_str())).await
    }
}

impl Answer {
    pub fn read(bytes: &[u8], now: i64) -> Self {
        let mut frames = Frames::default();
        frames.push(bytes);
        let mut entries = Vec::new();
        loop {
            match frames.next(now).expect("an answer ends with a watermark") {
                Frame::Entry(entry) => entries.push(entry),
                Frame::Watermark(watermark) => {
                    assert!(frames.is_between(), "nothing follows the watermark");
                    return Self { entries, watermark };
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn sessions(&self) -> Vec<[u8; 16]> {
        let session = |entry: &Revocation| match entry {
            Revocation::Session { sid, .. } => *sid,
            other => panic!("{other:?}"),
        };
        self.entries.iter().map(session).collect()
    }
}

#[tokio::test]
async fn a_logout_is_told_once_to_who_asks_since_the_watermark_before_it() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let follower = Follower::of(&server).await;
    let before = follower.ask("").await;
    assert_eq!(before.entries, []);

    let tokens = server.client().login("kavya").await;
    let sid = token::inspect(tokens["access_token"].as_str().unwrap()).unwrap().claims["sid"].clone();
    server.client().with(&tokens).post("/logout").await;
    server.catch_up().await;

    let news = follower.since(&before).await;
    assert_eq!(news.sessions().len(), 1);
    assert_eq!(domain::SessionId(news.sessions()[0]).to_string(), sid);
    assert_eq!(follower.since(&news).await.entries, []);
    assert_eq!(follower.ask("").await.sessions(), news.sessions(), "without a position everything is told");
}

#[tokio::test]
async fn an_answer_says_how_old_its_knowledge_is_and_what_time_it_is() {
    let server = TestServer::start().await;
    // One node answers: of two in turn, each would read the log first.
    let _other = server.beside("").await;
    let follower = Follower::of(&server).await;
    server.catch_up().await;
    assert_eq!(follower.ask("").await.watermark.age_ms, 0);
    server.wait(Span::seconds(3));
    let old = follower.ask("").await.watermark;
    assert_eq!((old.age_ms, old.now_ms), (3_000, server.app.clock.now().0));
    server.catch_up().await;
    assert_eq!(follower.ask("").await.watermark.age_ms, 0);
}

#[tokio::test]
async fn a_position_holds_at_another_node_and_an_unknown_one_is_answered_with_everything() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let other = server.beside("").await;
    let follower = Follower::of(&server).await;
    let at_other = Follower { server: &other, credential: follower.credential.clone() };
    let tokens = server.client().login("kavya").await;
    server.client().with(&tokens).post("/logout").await;
    server.catch_up().await;
    other.catch_up().await;
    let known = follower.ask("").await;
    assert_eq!(known.entries.len(), 1);
    assert_eq!(at_other.since(&known).await.entries, []);
    assert_eq!(at_other.ask("?position=1.elsewhere.7:0").await.sessions(), known.sessions());
    assert_eq!(at_other.ask("?position=made-up").await.sessions(), known.sessions());
}

#[tokio::test]
async fn an_answer_that_may_wait_comes_with_the_news() {
    let server = TestServer::start().await;
    let user = server.user("kavya", &[]).await;
    let follower = Follower::of(&server).await;
    server.client().login("kavya").await;
    let before = follower.ask("").await;
    let path = format!("/revocations?wait=25000&position={}", before.watermark.position.as_str());
    let asking = tokio::time::timeout(Duration::from_secs(23), follower.send(&path));
    let ending = async {
        let now = server.app.clock.now();
        let why = domain::EndedWhy::EndedByAdmin;
        server.app.store.end_all_sessions(user, why, keep_until(now), now).await.unwrap();
        server.catch_up().await;
    };
    let (response, ()) = tokio::join!(asking, ending);
    let body = response.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(Answer::read(&body, server.app.clock.now().0).entries.len(), 1);
}

#[tokio::test]
async fn a_stream_tells_what_was_missed_and_then_what_happens() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let follower = Follower::of(&server).await;
    let before = follower.ask("").await;
    let log_out = async || {
        let tokens = server.client().login("kavya").await;
        server.client().with(&tokens).post("/logout").await;
        server.catch_up().await;
    };
    log_out().await;
    let path = format!("/revocations/stream?position={}", before.watermark.position.as_str());
    let mut stream = follower.send(&path).await.into_body();
    let now = server.app.clock.now().0;
    let missed = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(Answer::read(&missed, now).entries.len(), 1);
    log_out().await;
    let news = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(Answer::read(&news, now).entries.len(), 1);

    server.app.memory.feed().stop();
    let mut frames = Frames::default();
    frames.push(&stream.frame().await.unwrap().unwrap().into_data().unwrap());
    while let Some(frame) = frames.next(now) {
        assert!(matches!(frame, Frame::End | Frame::Watermark(_)), "{frame:?}");
    }
}

#[tokio::test]
async fn only_a_verifier_may_follow() {
    let server = TestServer::start().await;
    server.user("kavya", &["admin"]).await;
    let client = server.client();
    let tokens = client.login("kavya").await;
    for path in ["/revocations", "/revocations/stream"] {
        assert_eq!(client.get(path).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(client.with(&tokens).get(path).await.status, StatusCode::UNAUTHORIZED);
        let other = watchword::revocation_feed::new_credential().0;
        assert_eq!(client.clone().bearer(&other).get(path).await.status, StatusCode::UNAUTHORIZED);
    }
    let follower = Follower::of(&server).await;
    assert_eq!(follower.send("/revocations").await.status(), StatusCode::OK);
    assert!(server.app.store.remove_verifier("orders".to_owned()).await.unwrap());
    assert_eq!(follower.send("/revocations").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_words() {
    let server = TestServer::start().await;
    let follower = Follower::of(&server).await;
    let long = "a".repeat(2_049);
    for query in ["position=", "position=a%20b", &format!("position={long}"), "wait=25001", "wait=x", "name=a%2Fb"] {
        let response = follower.send(&format!("/revocations?{query}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn a_parameter_of_a_later_version_is_ignored() {
    let server = TestServer::start().await;
    let follower = Follower::of(&server).await;
    for question in ["/revocations?later=1", "/revocations/stream?later=1"] {
        assert_eq!(follower.send(question).await.status(), StatusCode::OK, "{question}");
    }
}

#[tokio::test]
async fn the_end_of_everything_and_of_what_a_client_holds_is_told_in_one_entry_each() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let follower = Follower::of(&server).await;
    server.client().login("kavya").await;
    server.client().login("kavya").await;
    let before = follower.ask("").await;
    let (store, clock) = (&server.app.store, &server.app.clock);
    let everybody = watchword::ending_all::everybody(store, clock).await.unwrap();
    let client = watchword::ending_all::client(store, clock, "first-party").await.unwrap();
    server.catch_up().await;
    let told = follower.since(&before).await.entries;
    let moments: Vec<_> = told
        .iter()
        .map(|entry| match entry {
            Revocation::Everybody { read_until, keep_until } => ("", *read_until, *keep_until),
            Revocation::Client { client_id, read_until, keep_until } => (client_id.as_str(), *read_until, *keep_until),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        moments.iter().map(|moment| (moment.0, moment.1)).collect::<Vec<_>>(),
        [("", everybody.moment.0), ("first-party", client.moment.0)]
    );
    for (_, read_until, until) in moments {
        assert!(until >= keep_until(domain::UnixMillis(read_until)).0, "for as long as what it stops");
    }
}
