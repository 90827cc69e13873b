//! For how long a node goes on with what another one has ended.

use std::time::{Duration, Instant};

use axum::http::StatusCode;

use crate::support::{BOUND, Calm, Client, Front};

#[tokio::test]
async fn what_was_ended_on_one_node_is_refused_by_the_other_within_the_bound() {
    let front = Front::start(2, "").await;
    front.fleet.add_user("kavya");
    let [here, there] = front.nodes().try_into().ok().unwrap();
    let mut delays: [Vec<Duration>; 2] = Default::default();
    for _ in 0..ROUNDS {
        let (cookie, tokens) = there.client().login_both("kavya").await;
        let credentials = [there.client().cookie(&cookie), there.client().with(&tokens)];
        for credential in &credentials {
            assert_eq!(credential.get("/dashboard").await.status, StatusCode::OK, "it is in the memory of that node");
        }
        let ended = here.client().with(&tokens).post("/logout").await;
        assert_eq!(ended.json()["ended"], true);
        let began = Instant::now();
        let (mut bound, mut refused_after) = (Calm::new(BOUND), [None; 2]);
        while refused_after.contains(&None) {
            assert!(bound.lasts(), "still accepted on the other node");
            for (credential, after) in credentials.iter().zip(&mut refused_after) {
                if after.is_none() && is_refused(credential).await {
                    *after = Some(began.elapsed());
                }
            }
        }
        for (all, after) in delays.iter_mut().zip(refused_after) {
            all.extend(after);
        }
        for credential in &credentials {
            assert!(is_refused(credential).await, "and stays so");
        }
    }
    for (what, mut delays) in ["cookie", "access token"].into_iter().zip(delays) {
        delays.sort();
        let (half, most) = (delays[ROUNDS / 2], delays[ROUNDS - 1]);
        println!("{what}: refused on the other node after {half:?} (p50), {most:?} (max of {ROUNDS})");
    }
}

async fn is_refused(client: &Client) -> bool {
    client.get("/dashboard").await.status == StatusCode::UNAUTHORIZED
}

const ROUNDS: usize = 40;
