use domain::session::SEEN_INTERVAL;
use domain::{EndedWhy, PasswordHash, Span};
use store::{Receipt, Revoked, RotateRequest, Rotated};

use crate::support::{KEEP, T0, TIMEOUTS, TestStore, at_once, grant_id, insist, refresh, revoked, session_id, user_id};

/// What a rotation came to: the successor and whether it was a repeat, or the entries of the log, or a refusal.
#[derive(Debug, PartialEq)]
enum Outcome {
    Issued(u32, bool),
    Reused(Vec<Revoked>),
    Refused,
}

fn outcome(rotated: Rotated) -> Outcome {
    match rotated {
        Rotated::Issued { grant, repeated, .. } => Outcome::Issued(grant.rotation, repeated),
        Rotated::Reused(receipt) => Outcome::Reused(revoked(&receipt)),
        Rotated::Refused => Outcome::Refused,
    }
}

async fn store_with_session() -> TestStore {
    let store = super::store();
    store.user(1).await;
    store.session_of(1, 1).await;
    store
}

#[tokio::test]
async fn a_rotation_moves_the_grant_and_its_session_on() {
    let store = store_with_session().await;
    let now = T0 + Span::hours(5);
    let request = RotateRequest { now, access_exp: now + Span::minutes(10), ..refresh(1, 0) };
    let Rotated::Issued { live, grant, repeated } = store.rotate(request).await.unwrap() else { panic!("refused") };
    assert!(!repeated);
    assert_eq!((grant.rotation, grant.rotated_at, grant.scope.as_str()), (1, now, "openid email"));
    let read = store.session(session_id(1)).await.unwrap().unwrap();
    for session in [live.session, read.session] {
        assert_eq!(session.seen_at, now);
        assert_eq!(session.idle_expires_at, now + TIMEOUTS.idle + SEEN_INTERVAL);
        assert_eq!(session.max_access_exp, now + Span::minutes(10));
    }
    let read = store.rotate(request).await.unwrap();
    assert!(matches!(read, Rotated::Issued { grant: read, repeated: true, .. } if read == grant));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_tabs_that_refresh_at_once_get_one_successor() {
    let store = store_with_session().await;
    let mut outcomes = at_once(50, |_| {
        let store = store.clone();
        async move { outcome(insist(|| store.rotate(refresh(1, 0))).await) }
    })
    .await;
    outcomes.retain(|outcome| *outcome != Outcome::Issued(1, true));
    assert_eq!(outcomes, [Outcome::Issued(1, false)]);
    assert_eq!(store.ended(1).await, None);
    assert_eq!(outcome(store.rotate(refresh(1, 1)).await.unwrap()), Outcome::Issued(2, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_tabs_over_two_nodes_get_one_successor_in_every_round() {
    let store = store_with_session().await;
    let nodes = [store.clone(), store.beside()];
    for round in 0..20 {
        let mut outcomes = at_once(50, |n| {
            let node = nodes[n % 2].clone();
            async move { outcome(insist(|| node.rotate(refresh(1, round))).await) }
        })
        .await;
        outcomes.retain(|outcome| *outcome != Outcome::Issued(round + 1, true));
        assert_eq!(outcomes, [Outcome::Issued(round + 1, false)]);
    }
    assert_eq!(store.ended(1).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_grace_the_second_use_of_fifty_ends_the_session() {
    let store = store_with_session().await;
    let outcomes = at_once(50, |_| {
        let store = store.clone();
        async move { outcome(insist(|| store.rotate(RotateRequest { grace: Span::ZERO, ..refresh(1, 0) })).await) }
    })
    .await;
    let count = |wanted: &Outcome| outcomes.iter().filter(|outcome| *outcome == wanted).count();
    assert_eq!(count(&Outcome::Issued(1, false)), 1);
    assert_eq!(count(&Outcome::Reused(vec![Revoked::Session(session_id(1))])), 1);
    assert_eq!(count(&Outcome::Refused), 48);
    assert_eq!(store.ended(1).await, Some(EndedWhy::RefreshReuse));
    assert_eq!(store.log().await, [Revoked::Session(session_id(1))]);
}

#[tokio::test]
async fn an_old_refresh_token_ends_the_session_and_its_successor_dies_with_it() {
    let store = store_with_session().await;
    for presented in 0..2 {
        store.rotate(refresh(1, presented)).await.unwrap();
    }
    let Rotated::Reused(Receipt { revoked_at, revocations, .. }) = store.rotate(refresh(1, 0)).await.unwrap() else {
        panic!("the session must end")
    };
    assert_eq!((revoked_at, revocations[0].keep_until), (T0, KEEP));
    assert_eq!(outcome(store.rotate(refresh(1, 2)).await.unwrap()), Outcome::Refused);
}

#[tokio::test]
async fn a_token_of_another_client_session_or_future_is_refused_and_changes_nothing() {
    let store = store_with_session().await;
    store.session_of(1, 2).await;
    for request in [
        RotateRequest { client_id: "somebody-else", ..refresh(1, 0) },
        RotateRequest { grant_id: grant_id(2), ..refresh(1, 0) },
        refresh(1, 7),
        refresh(9, 0),
    ] {
        assert_eq!(outcome(store.rotate(request).await.unwrap()), Outcome::Refused);
    }
    assert_eq!(store.log().await, []);
    assert_eq!(outcome(store.rotate(refresh(1, 0)).await.unwrap()), Outcome::Issued(1, false));
}

#[tokio::test]
async fn a_session_that_timed_out_is_ended_by_the_attempt_to_refresh_it() {
    let store = store_with_session().await;
    let now = T0 + TIMEOUTS.idle + SEEN_INTERVAL;
    assert_eq!(outcome(store.rotate(RotateRequest { now, ..refresh(1, 0) }).await.unwrap()), Outcome::Refused);
    assert_eq!(store.ended(1).await, Some(EndedWhy::Expired));
    assert_eq!(store.log().await, [Revoked::Session(session_id(1))]);
}

#[tokio::test]
async fn nothing_is_issued_after_logout_or_a_change_of_the_account() {
    let store = store_with_session().await;
    store.session_of(1, 2).await;
    store.end_session(session_id(1), EndedWhy::Logout, KEEP, T0).await.unwrap();
    assert_eq!(outcome(store.rotate(refresh(1, 0)).await.unwrap()), Outcome::Refused);
    store.set_password(user_id(1), PasswordHash("$x".into()), KEEP, T0).await.unwrap();
    assert_eq!(outcome(store.rotate(refresh(2, 0)).await.unwrap()), Outcome::Refused);
}

#[tokio::test]
async fn sessions_that_ended_by_reuse_can_be_told_of() {
    let store = store_with_session().await;
    let told = |since| store.sessions_ended(user_id(1), EndedWhy::RefreshReuse, since);
    assert!(told(T0).await.unwrap().is_empty());
    store.rotate(refresh(1, 0)).await.unwrap();
    store.rotate(refresh(1, 1)).await.unwrap();
    assert!(matches!(store.rotate(refresh(1, 0)).await.unwrap(), Rotated::Reused(_)));
    let ended = told(T0).await.unwrap();
    assert_eq!(ended.len(), 1);
    let (at, why) = ended[0].ended.unwrap();
    assert_eq!(why, EndedWhy::RefreshReuse);
    assert!(told(at + Span(1)).await.unwrap().is_empty());
    assert!(store.sessions_ended(user_id(1), EndedWhy::Logout, T0).await.unwrap().is_empty());
}
