//! What a call says that ended something: by when it holds, and which verifiers refuse already.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use domain::revocation::{Receipt, keep_until};
use domain::{Roles, Span};
use serde_json::{Value, json};
use watchword::receipts::ReceiptView;

use crate::revocation_feed::{Answer, Follower};
use crate::support::{Client, Reply, TestServer};

/// A server on which somebody is logged in twice, and the ids of both sessions.
async fn scene(roles: &[&str]) -> (Arc<TestServer>, Client, [String; 2]) {
    let server = TestServer::start().await;
    server.user("kavya", roles).await;
    let client = server.client();
    let logins = [client.login("kavya").await, client.login("kavya").await];
    let sid = |tokens: &Value| {
        let claims = token::inspect(tokens["access_token"].as_str().unwrap()).unwrap().claims;
        claims["sid"].as_str().unwrap().to_owned()
    };
    let ids = [sid(&logins[0]), sid(&logins[1])];
    let client = client.with(&logins[0]);
    (server, client, ids)
}

/// Ends the second session, and waits for everybody.
async fn end_and_wait(client: &Client, id: &str) -> Value {
    let reply = client.delete(&format!("/api/v1/sessions/{id}?wait=all")).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    reply.json()
}

impl Follower<'_> {
    /// What one of several processes is told behind a position.
    async fn told(&self, name: &str, since: &Answer) -> Answer {
        self.server.catch_up().await;
        self.ask(&format!("?name={name}&position={}", since.watermark.position.as_str())).await
    }

    /// Asks until there is news, but does not acknowledge it.
    async fn until_told(&self, name: &str, since: &Answer) -> Answer {
        loop {
            let answer = self.told(name, since).await;
            if !answer.entries.is_empty() {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn every_call_that_ends_something_says_by_when_it_holds_and_where_it_stands() {
    let (server, client, ids) = scene(&[]).await;
    let now = server.app.clock.now().0;
    let check = |reply: Reply| {
        let body = reply.json();
        assert_eq!(body["revoked_at"], now, "{body}");
        assert_eq!(body["effective_by"], now + 5_000);
        assert!(body["position"].is_string(), "{body}");
        assert!(body.get("verifiers").is_none() && body.get("late").is_none());
    };
    check(client.delete(&format!("/api/v1/sessions/{}", ids[1])).await);
    let again = client.delete(&format!("/api/v1/sessions/{}?wait=all", ids[1])).await.json();
    let nothing = json!({"ended": 0, "revoked_at": now, "effective_by": now + 5_000, "position": null});
    assert_eq!(again, nothing, "there was nothing left to end, so nothing to wait for");
    server.client().login("kavya").await;
    check(client.delete("/api/v1/sessions").await);
    assert_eq!(client.delete("/api/v1/session?wait=some").await.status, StatusCode::BAD_REQUEST);
    check(client.delete("/api/v1/session").await);
    let tokens = server.client().login("kavya").await;
    check(server.client().with(&tokens).post("/logout").await);
    let again = server.client().with(&tokens).post("/logout?wait=all").await.json();
    assert_eq!((again["ended"].as_bool(), again.get("position")), (Some(false), None));
}

#[tokio::test]
async fn a_write_that_waited_counts_from_its_commit() {
    let server = TestServer::start().await;
    let app = server.nodes().next().unwrap();
    let begun_at = app.clock.now();
    let receipt = Receipt::of_nothing(begun_at);
    server.wait(Span::seconds(4));
    let waiting = serde_json::from_value(json!({})).unwrap();
    let view = serde_json::to_value(ReceiptView::of(app, &receipt, waiting, &[]).await).unwrap();
    let said = (view["revoked_at"].as_i64().unwrap(), view["effective_by"].as_i64().unwrap());
    assert_eq!(said, (begun_at.0, begun_at.0 + 9_000), "a verifier may have asked just before the commit");
}

#[tokio::test]
async fn a_verifier_that_accepts_for_longer_is_counted_on() {
    let (server, client, ids) = scene(&[]).await;
    let follower = Follower::of(&server).await;
    follower.ask("?name=slow&bound=20000").await;
    follower.ask("?name=quick&bound=1000").await;
    for app in server.nodes() {
        app.listeners.read(&app.store, app.clock.now()).await.unwrap();
    }
    let ended = client.delete(&format!("/api/v1/sessions/{}", ids[1])).await.json();
    assert_eq!(ended["effective_by"].as_i64().unwrap() - ended["revoked_at"].as_i64().unwrap(), 20_000);
}

#[tokio::test]
async fn whoever_waits_is_answered_once_every_verifier_refuses() {
    let (server, client, ids) = scene(&["admin"]).await;
    let follower = Follower::of(&server).await;
    let (a, b) = (follower.ask("?name=a").await, follower.ask("?name=b").await);
    let is_last_asked = AtomicBool::new(false);
    let ending = async {
        let ended = end_and_wait(&client, &ids[1]).await;
        assert!(is_last_asked.load(Ordering::SeqCst), "nobody else has to be waited for");
        ended
    };
    let listening = async {
        let a = follower.until_told("a", &a).await;
        follower.told("a", &a).await;
        let b = follower.until_told("b", &b).await;
        server.wait(Span(40));
        is_last_asked.store(true, Ordering::SeqCst);
        follower.told("b", &b).await;
    };
    let (ended, ()) = tokio::join!(ending, listening);
    let at = ended["revoked_at"].as_i64().unwrap();
    let row =
        |instance, acknowledged_at| json!({"name": "orders", "instance": instance, "acknowledged_at": acknowledged_at});
    assert_eq!(ended["verifiers"], json!([row("a", at), row("b", at + 40)]));
    assert_eq!(ended["late"], 0);
}

#[tokio::test]
async fn a_verifier_that_does_not_answer_is_late_and_only_administrators_learn_its_name() {
    let (server, client, ids) = scene(&[]).await;
    let follower = Follower::of(&server).await;
    let (a, _b) = (follower.ask("?name=a").await, follower.ask("?name=b").await);
    let listening = async {
        let a = follower.until_told("a", &a).await;
        follower.told("a", &a).await;
        server.wait(Span::seconds(5));
    };
    let (ended, ()) = tokio::join!(end_and_wait(&client, &ids[1]), listening);
    let at = &ended["revoked_at"];
    assert_eq!(ended["verifiers"], json!([{"acknowledged_at": at}, {"acknowledged_at": null}]));
    assert_eq!(ended["late"], 1);
}

#[tokio::test]
async fn a_verifier_that_asks_another_node_is_waited_for() {
    let (server, client, ids) = scene(&["admin"]).await;
    let other = server.beside("").await;
    let follower = Follower::of(&server).await;
    let at_other = Follower { server: &other, credential: follower.credential.clone() };
    let before = at_other.ask("?name=a").await;
    let pass_on = || watchword::jobs::write_listeners(&other.app);
    pass_on().await.unwrap();
    let listening = async {
        let news = at_other.until_told("a", &before).await;
        at_other.told("a", &news).await;
        pass_on().await.unwrap();
    };
    let (ended, ()) = tokio::join!(end_and_wait(&client, &ids[1]), listening);
    assert_eq!(ended["verifiers"][0]["instance"], "a");
    assert_eq!((&ended["verifiers"][0]["acknowledged_at"], &ended["late"]), (&ended["revoked_at"], &json!(0)));
}

#[tokio::test]
async fn a_server_that_stops_lets_nobody_wait() {
    let (server, client, ids) = scene(&[]).await;
    let follower = Follower::of(&server).await;
    let _silent = follower.ask("?name=a").await;
    for app in server.nodes() {
        app.listeners.read(&app.store, app.clock.now()).await.unwrap();
        app.listeners.stop();
    }
    assert_eq!(end_and_wait(&client, &ids[1]).await["late"], 1);
}

#[tokio::test]
async fn the_page_of_an_ended_session_shows_who_refuses_it_and_later_who_came_late() {
    for (roles, is_admin) in [(&[][..], false), (&["admin"], true)] {
        let (server, client, ids) = scene(roles).await;
        server.user("meera", &[]).await;
        let follower = Follower::of(&server).await;
        let (a, b) = (follower.ask("?name=a").await, follower.ask("?name=b").await);
        let path = format!("/account/sessions/{}", ids[1]);
        let mut browser = server.browser();
        browser.login("kavya").await;
        assert_eq!(browser.get(&path).await.status, StatusCode::NOT_FOUND, "it is not over");
        let devices = browser.get("/account/sessions").await;
        let ended = browser.submit(&devices.form(&format!("{path}/end"))).await;
        assert!(ended.shows(&format!("<a href=\"{path}\">who refuses it")), "{}", ended.html);
        let mut shown = async |text: &str| loop {
            let page = browser.get(&path).await;
            // Of two nodes, each reads only now and then what the other has heard.
            if page.shows(text) {
                return page.html;
            }
            // The database is asked for half a second at most, which a busy machine may take.
            if page.status == StatusCode::SERVICE_UNAVAILABLE {
                server.claim_failures();
                continue;
            }
            assert_ne!(server.node_count(), 1, "{text} is not on {}", page.html);
        };
        shown("0 of 2 connected programs by now").await;
        server.wait(Span(30));
        let a = follower.until_told("a", &a).await;
        follower.told("a", &a).await;
        let page = shown("1 of 2 connected programs by now").await;
        assert_eq!(page.contains("orders · a</dt><dd>from 30 ms after the end on</dd>"), is_admin, "{page}");
        assert_eq!(page.contains("orders · b</dt><dd>has not said so yet</dd>"), is_admin, "{page}");
        assert_eq!(page.contains("orders"), is_admin);
        server.wait(Span::seconds(6));
        let b = follower.until_told("b", &b).await;
        follower.told("b", &b).await;
        shown("All 2 connected programs, the last of them from 6030 ms after the end on").await;
        // Its user's epoch goes on, of which nobody has heard yet.
        let now = server.app.clock.now();
        let session = server.app.store.session(ids[1].parse().unwrap()).await.unwrap().unwrap().session;
        let same = Roles::parse(roles.iter().copied()).unwrap();
        server.app.store.set_roles(session.user_id, &same, keep_until(now), now).await.unwrap();
        server.catch_up().await;
        shown("All 2 connected programs, the last of them from 6030 ms after the end on").await;
        assert_eq!(client.clone().bearer(&follower.credential).get(&path).await.status, StatusCode::UNAUTHORIZED);
        let meera = server.client().login("meera").await;
        assert_eq!(server.client().with(&meera).get(&path).await.status, StatusCode::NOT_FOUND);
    }
}
