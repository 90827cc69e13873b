//! From which address a request comes, as whoever guesses would have it.

use axum::http::StatusCode;

use crate::support::TestServer;

#[tokio::test]
async fn whoever_forges_forwarded_addresses_is_still_one_address() {
    let server = TestServer::with("throttle.address_burst = 3\nthrottle.address_every = '1h'").await;
    server.user("kavya", &[]).await;
    let forged = |n: u8| server.client().header("x-forwarded-for", &format!("203.0.113.{n}"));
    let mine = forged(200).login("kavya").await;
    let session = server.client().with(&mine).get("/api/v1/session").await.json();
    assert_eq!(session["ip"], "192.0.2.7", "the peer, not what it claims");
    for n in 0..3 {
        assert_eq!(forged(n).try_login("nobody", "x").await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(forged(9).try_login("nobody", "x").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(server.client().at([192, 0, 2, 8]).try_login("nobody", "x").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_last_untrusted_hop_counts() {
    let server = TestServer::with("trusted_proxies = ['192.0.2.0/24']\nthrottle.address_burst = 2").await;
    server.user("kavya", &[]).await;
    let from = |hops: &str| server.client().header("x-forwarded-for", hops);
    let tokens = from("6.6.6.6, 203.0.113.9, 192.0.2.99").login("kavya").await;
    assert_eq!(server.client().with(&tokens).get("/api/v1/session").await.json()["ip"], "203.0.113.9");
    for forged in ["1.1.1.1", "2.2.2.2"] {
        let reply = from(&format!("{forged}, 203.0.113.9")).try_login("nobody", "x").await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    }
    let reply = from("3.3.3.3, 203.0.113.9").try_login("nobody", "x").await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(from("203.0.113.10").try_login("nobody", "x").await.status, StatusCode::UNAUTHORIZED);
}
