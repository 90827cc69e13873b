//! Guesses are counted where every node sees it: several nodes admit as many as one does.

use axum::http::StatusCode;
use domain::Span;

use crate::support::{Front, PASSWORD, at_once};

const STRICT: &str =
    "throttle = { account_burst = 10, account_every = '1h', address_burst = 25, address_every = '1h' }";

#[tokio::test]
async fn guesses_one_after_the_other_are_admitted_as_often_as_by_one_node() {
    for number in [1, 2, 3] {
        let front = Front::start(number, STRICT).await;
        front.fleet.add_user("kavya");
        let guesser = front.client();
        let mut admitted = 0;
        for n in 0..16 {
            let status = guesser.clone().at([10, 0, 1, n]).try_login("kavya", "not the right one").await.status;
            assert!([StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS].contains(&status));
            admitted += usize::from(status == StatusCode::UNAUTHORIZED);
        }
        // A try that was charged for, and not answered, is made again.
        let mut has_stalled = front.fleet.has_stalled();
        assert!(admitted == 10 || admitted < 10 && has_stalled, "{admitted} on {number} nodes, for one account");
        for n in 0..30 {
            let status = guesser.try_login(&format!("nobody{n}"), "not the right one").await.status;
            admitted += usize::from(status == StatusCode::UNAUTHORIZED);
        }
        has_stalled |= front.fleet.has_stalled();
        assert!(admitted == 35 || admitted < 35 && has_stalled, "{admitted} on {number} nodes, from one address");
        let refused = front.client().at([10, 9, 9, 9]).try_login("kavya", PASSWORD).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        let wait: i64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=Span::hours(1).whole_seconds()).contains(&wait));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_once_are_admitted_as_often_as_by_one_node() {
    for number in [1, 2, 3] {
        let front = Front::start(number, STRICT).await;
        front.fleet.add_user("kavya");
        let guess = |n: usize| {
            let client = front.client().at([10, 0, 2, n as u8]);
            async move { client.try_login("kavya", "not the right one").await.status }
        };
        let statuses = at_once(60, guess).await;
        let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
        let counts = (count(StatusCode::UNAUTHORIZED), count(StatusCode::TOO_MANY_REQUESTS));
        let are_short = counts.0 < 10 && counts.0 + counts.1 == 60;
        assert!(counts == (10, 50) || are_short && front.fleet.has_stalled(), "{counts:?} on {number} nodes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_at_once_give_every_try_back() {
    let front = Front::start(2, STRICT).await;
    front.fleet.add_user("kavya");
    let mut stalled = false;
    for round in 0..4 {
        let login = |n: usize| {
            let client = front.client().at([10, 0, 3, n as u8]);
            async move { client.try_login("kavya", PASSWORD).await.status }
        };
        let statuses = at_once(30, login).await;
        let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
        let (admitted, waiting) = (count(StatusCode::OK), count(StatusCode::TOO_MANY_REQUESTS));
        stalled |= front.fleet.has_stalled();
        assert!((admitted >= 10 || stalled) && admitted + waiting == 30, "round {round}: {statuses:?}");
    }
    let mut admitted = 0;
    for n in 0..14 {
        let status = front.client().at([10, 0, 4, n]).try_login("kavya", "not the right one").await.status;
        admitted += usize::from(status == StatusCode::UNAUTHORIZED);
    }
    assert!(admitted == 10 || admitted < 10 && (stalled || front.fleet.has_stalled()), "{admitted}");
}
