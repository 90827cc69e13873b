//! What holds when two nodes, or two connections, do things to the same account at the same time.

use domain::throttle::Limit;
use domain::{EndedWhy, PasswordHash, Roles, SecretHash, Span};
use store::{NewUser, Revoked, Rotated, ThrottleKey};

use crate::support::{KEEP, T0, at_once, insist, new_session, new_user, refresh, revoked, session_id, user_id};

#[tokio::test(flavor = "multi_thread")]
async fn logins_at_the_same_time_leave_no_more_than_100_sessions() {
    let store = super::store();
    let nodes = [store.clone(), store.beside()];
    store.user(1).await;
    at_once(140, |n| {
        let node = nodes[n % 2].clone();
        async move { assert!(insist(|| node.open_session(new_session(1, n as u8))).await.is_some()) }
    })
    .await;
    assert_eq!(store.count_sessions(user_id(1), T0).await.unwrap(), 100);
    assert_eq!(store.log().await.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_outlives_a_change_of_its_account_at_the_same_time() {
    let store = super::store();
    let nodes = [store.clone(), store.beside()];
    for round in 1..=10 {
        store.user(round).await;
        at_once(12, |n| {
            let node = nodes[n % 2].clone();
            async move {
                if n == 6 {
                    let password = || PasswordHash("$new".into());
                    insist(|| node.set_password(user_id(round), password(), KEEP, T0)).await.unwrap();
                } else {
                    insist(|| node.open_session(new_session(round, round * 12 + n as u8))).await;
                }
            }
        })
        .await;
        let live = "select count(*) from sessions where ended_at is null";
        assert_eq!(store.count(live), 0, "each had the old password");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refresh_or_login_at_the_same_time_gives_old_roles_under_a_new_epoch() {
    let store = super::store();
    let nodes = [store.clone(), store.beside()];
    for round in 1..=10 {
        store.user(round).await;
        store.session_of(round, round).await;
        let handed = at_once(24, |n| {
            let node = nodes[n % 2].clone();
            async move {
                if n == 12 {
                    let admin = Roles::admin();
                    insist(|| node.set_roles(user_id(round), &admin, KEEP, T0)).await.unwrap();
                    return None;
                }
                if n % 4 == 1 {
                    let opened = insist(|| node.open_session(new_session(round, 100 + n as u8))).await;
                    return opened.map(|opened| opened.live.account);
                }
                match insist(|| node.rotate(refresh(round, 0))).await {
                    Rotated::Issued { live, .. } => Some(live.account),
                    _ => panic!("nobody is logged out"),
                }
            }
        })
        .await;
        for account in handed.into_iter().flatten() {
            assert_eq!(account.roles.contains(Roles::ADMIN), account.epoch == 1, "{account:?}");
        }
        let behind = "select count(*) from sessions s join users u using (user_id) where s.epoch_at_issue <> u.epoch";
        assert_eq!(store.count(behind), 0, "nobody is logged out");
        store.execute("delete from sessions");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_many_end_at_the_same_time_ends_once() {
    let store = super::store();
    let nodes = [store.clone(), store.beside()];
    store.user(1).await;
    for session in 0..10 {
        store.session_of(1, session).await;
        let receipts = at_once(20, |n| {
            let node = nodes[n % 2].clone();
            async move {
                match n % 3 {
                    0 => insist(|| node.end_session(session_id(session), EndedWhy::Logout, KEEP, T0)).await,
                    1 => insist(|| node.end_all_sessions(user_id(1), EndedWhy::EndedByAdmin, KEEP, T0)).await,
                    _ => {
                        let late = T0 + Span::days(30);
                        insist(|| node.expire_session(session_id(session), KEEP, late)).await.unwrap()
                    }
                }
            }
        })
        .await;
        let ended: Vec<_> = receipts.iter().flat_map(revoked).collect();
        assert_eq!(ended, [Revoked::Session(session_id(session))]);
    }
    assert_eq!(store.log().await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_on_two_nodes_share_one_burst() {
    let store = super::store();
    let nodes = [store.clone(), store.beside()];
    let limit = Limit { burst: 3, every: Span::minutes(1) };
    // Two keys in either order, so that two tries could wait for each other.
    let keys = [ThrottleKey([1; 16]), ThrottleKey([2; 16])];
    let waits = at_once(60, |n| {
        let (node, first) = (nodes[n % 2].clone(), (n / 2) % 2);
        let tries = vec![(keys[first], limit), (keys[1 - first], limit)];
        async move { insist(|| node.charge(tries.clone(), T0)).await }
    })
    .await;
    assert_eq!(waits.iter().filter(|wait| wait.is_none()).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_links_on_two_nodes_one_makes_the_first_administrator() {
    for _ in 0..5 {
        let store = super::store();
        let nodes = [store.clone(), store.beside()];
        let created = at_once(24, |n| {
            let node = nodes[n % 2].clone();
            async move {
                let secret = SecretHash([n as u8 / 8; 32]);
                if n % 4 == 0 {
                    insist(|| node.offer_setup(move |_| secret, T0 + Span::hours(1), T0)).await;
                    return false;
                }
                let admin = || NewUser { roles: Roles::admin(), ..new_user(n as u8) };
                insist(|| node.create_first_admin(secret, admin(), T0)).await
            }
        })
        .await;
        let admins = store.count("select count(*) from users");
        assert_eq!(admins, created.iter().filter(|created| **created).count() as i64);
        assert!(admins <= 1);
        assert!(
            admins == 0 || store.offer_setup(|_| SecretHash([9; 32]), T0 + Span::hours(1), T0).await.unwrap().is_none()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_that_are_set_at_the_same_time_each_raise_the_epoch() {
    let store = super::store();
    let nodes = [store.clone(), store.beside()];
    store.user(1).await;
    at_once(20, |n| {
        let node = nodes[n % 2].clone();
        async move { insist(|| node.set_password(user_id(1), PasswordHash(format!("${n}")), KEEP, T0)).await.unwrap() }
    })
    .await;
    assert_eq!(store.account(user_id(1)).await.unwrap().unwrap().epoch, 20);
    let mut log = store.log().await;
    log.sort_by_key(|entry| if let Revoked::Epoch(_, epoch) = entry { *epoch } else { 0 });
    assert_eq!(log, (1..=20).map(|epoch| Revoked::Epoch(user_id(1), epoch)).collect::<Vec<_>>());
}
