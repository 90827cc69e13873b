use domain::Span;
use domain::revocation::Revoked;
use store::{Error, KeyState, Master, NewKey, Rekey, Rekeyed, Resealed};

use crate::support::{KEEP, T0, TestStore, at_once, insist, is_taken};

const CHECK: i64 = 7;

async fn store() -> TestStore {
    let store = super::store();
    assert_eq!(store.begin_master(CHECK, vec![9]).await.unwrap(), Master { check: CHECK, root: Some(vec![9]) });
    store
}

fn key(kid: &str) -> NewKey {
    NewKey {
        kid: kid.into(),
        algorithm: "EdDSA".into(),
        public_jwk: "{}".into(),
        sealed: vec![1, 2, 3],
        sealed_under: CHECK,
        created_at: T0,
    }
}

async fn states(store: &TestStore) -> Vec<(String, KeyState)> {
    store.keys().await.unwrap().into_iter().map(|key| (key.life.kid, key.life.state)).collect()
}

#[tokio::test]
async fn one_key_is_active_and_one_next_at_a_time() {
    let store = store().await;
    assert!(store.begin_key(key("a")).await.unwrap());
    assert!(!store.begin_key(key("b")).await.unwrap());
    assert!(store.add_key(key("b")).await.unwrap());
    assert!(!store.add_key(key("c")).await.unwrap());
    let later = T0 + Span::days(30);
    assert!(store.activate_key("b", T0, later).await.unwrap());
    assert_eq!(states(&store).await, [("a".into(), KeyState::Retired), ("b".into(), KeyState::Active)]);
    let keys = store.keys().await.unwrap();
    assert_eq!((keys[0].life.activated_at, keys[0].life.retired_at), (Some(T0), Some(later)));
    assert_eq!((keys[1].life.activated_at, keys[1].life.retired_at), (Some(later), None));
    assert!(is_taken(&store.add_key(key("a")).await, "kid"));
    assert!(!store.activate_key("a", T0, later).await.unwrap(), "a retired key never signs again");
    assert!(!store.activate_key("unknown", T0, later).await.unwrap());
    assert_eq!(states(&store).await[1].1, KeyState::Active);
}

#[tokio::test]
async fn a_key_made_too_lately_is_not_activated() {
    let store = store().await;
    store.begin_key(key("a")).await.unwrap();
    store.add_key(key("b")).await.unwrap();
    assert!(!store.activate_key("b", T0 - Span(1), T0).await.unwrap());
    assert_eq!(states(&store).await, [("a".into(), KeyState::Active), ("b".into(), KeyState::Next)]);
}

#[tokio::test]
async fn of_many_nodes_one_takes_each_step() {
    let store = store().await;
    let wins = |outcomes: Vec<bool>| outcomes.into_iter().filter(|won| *won).count();
    let begun = at_once(8, |n| {
        let store = (*store).clone();
        async move { insist(|| store.begin_key(key(&format!("a{n}")))).await }
    });
    assert_eq!(wins(begun.await), 1);
    let prepared = at_once(8, |n| {
        let store = (*store).clone();
        async move { insist(|| store.add_key(key(&format!("b{n}")))).await }
    });
    assert_eq!(wins(prepared.await), 1);
    let next = states(&store).await.into_iter().find(|(_, state)| *state == KeyState::Next).unwrap().0;
    let activated = at_once(8, |_| {
        let (store, next) = ((*store).clone(), next.clone());
        async move { insist(|| store.activate_key(&next, T0, T0)).await }
    });
    assert_eq!(wins(activated.await), 1);
    let active = states(&store).await.into_iter().filter(|(_, state)| *state == KeyState::Active);
    assert_eq!(active.collect::<Vec<_>>(), [(next, KeyState::Active)]);
}

#[tokio::test]
async fn a_dropped_key_loses_its_private_half() {
    let store = store().await;
    store.begin_key(key("a")).await.unwrap();
    store.add_key(key("b")).await.unwrap();
    store.activate_key("b", T0, T0).await.unwrap();
    assert!(!store.drop_key("b", KeyState::Active).await.unwrap(), "it signs");
    assert!(!store.drop_key("a", KeyState::Next).await.unwrap(), "it is retired");
    assert!(!store.drop_key("unknown", KeyState::Retired).await.unwrap());
    assert!(store.drop_key("a", KeyState::Retired).await.unwrap());
    let keys = store.keys().await.unwrap();
    assert_eq!((keys[0].life.state, keys[0].sealed.as_slice()), (KeyState::Gone, [].as_slice()));
    assert_eq!((keys[1].life.algorithm.as_str(), keys[1].public_jwk.as_deref()), ("EdDSA", Some("{}")));
    assert_eq!(keys[1].sealed, [1, 2, 3]);
}

#[tokio::test]
async fn every_change_of_keys_changes_their_version() {
    let store = store().await;
    let mut seen = vec![store.keys_version().await.unwrap()];
    store.begin_key(key("a")).await.unwrap();
    seen.push(store.keys_version().await.unwrap());
    store.add_key(key("b")).await.unwrap();
    seen.push(store.keys_version().await.unwrap());
    store.activate_key("b", T0, T0).await.unwrap();
    seen.push(store.keys_version().await.unwrap());
    store.drop_key("a", KeyState::Retired).await.unwrap();
    seen.push(store.keys_version().await.unwrap());
    store.revoke_key("b", key("c"), KEEP, T0).await.unwrap().unwrap();
    seen.push(store.keys_version().await.unwrap());
    assert!(seen.windows(2).all(|two| two[0] < two[1]), "{seen:?}");
    assert_eq!(store.keys_version().await.unwrap(), *seen.last().unwrap());
}

#[tokio::test]
async fn a_revoked_key_is_forgotten_and_logged_and_another_signs_in_the_same_moment() {
    let store = store().await;
    store.begin_key(key("a")).await.unwrap();
    let revoked = store.revoke_key("a", key("b"), KEEP, T0).await.unwrap().unwrap();
    assert_eq!(revoked.successor.as_deref(), Some("b"));
    assert_eq!(revoked.receipt.revocations[0].revoked, Revoked::Key("a".into()));
    assert_eq!(store.log().await, [Revoked::Key("a".into())]);
    assert_eq!(states(&store).await, [("a".into(), KeyState::Gone), ("b".into(), KeyState::Active)]);
    assert!(store.keys().await.unwrap()[0].sealed.is_empty());

    store.add_key(key("c")).await.unwrap();
    let revoked = store.revoke_key("b", key("d"), KEEP, T0).await.unwrap().unwrap();
    assert_eq!(revoked.successor.as_deref(), Some("c"), "the one that is published already");
    store.add_key(key("e")).await.unwrap();
    assert_eq!(store.revoke_key("e", key("f"), KEEP, T0).await.unwrap().unwrap().successor, None);
    assert_eq!(store.revoke_key("e", key("f"), KEEP, T0).await.unwrap(), None, "it is gone");
    assert_eq!(store.revoke_key("unknown", key("f"), KEEP, T0).await.unwrap(), None);
    assert_eq!(store.log().await.len(), 3);
}

#[tokio::test]
async fn the_root_belongs_to_the_master_key_that_began() {
    let store = store().await;
    let stands = Master { check: CHECK, root: Some(vec![9]) };
    assert_eq!(store.begin_master(CHECK, vec![8]).await.unwrap(), stands);
    assert_eq!(store.begin_master(8, vec![8]).await.unwrap(), stands);
    assert_eq!(store.master().await.unwrap(), Some(stands));

    let older = super::store();
    assert_eq!(older.master().await.unwrap(), None);
    older.execute("insert into meta values ('master_key_check', 3)");
    assert_eq!(older.begin_master(8, vec![8]).await.unwrap(), Master { check: 3, root: None });
    assert_eq!(older.begin_master(3, vec![8]).await.unwrap(), Master { check: 3, root: Some(vec![8]) });
}

#[tokio::test]
async fn a_master_key_is_exchanged_for_everything_at_once_or_for_nothing() {
    let store = store().await;
    store.begin_key(key("a")).await.unwrap();
    let resealed = |kid: &str, was: &[u8]| Resealed { kid: kid.into(), was: was.into(), sealed: vec![4] };
    let rekey = |old, keys| Rekey { old, new: 8, root: vec![5], keys };
    for (rekey, outcome) in [
        (rekey(CHECK, vec![]), Rekeyed::OtherKeys),
        (rekey(CHECK, vec![resealed("a", &[1])]), Rekeyed::OtherKeys),
        (rekey(6, vec![resealed("a", &[1, 2, 3])]), Rekeyed::OtherMaster),
    ] {
        assert_eq!(store.rekey(rekey).await.unwrap(), outcome);
        assert_eq!(store.master().await.unwrap().unwrap().check, CHECK);
        assert_eq!(store.keys().await.unwrap()[0].sealed, [1, 2, 3]);
    }
    let both = at_once(2, |_| {
        let store = (*store).clone();
        async move {
            store
                .rekey(Rekey { old: CHECK, new: 8, root: vec![5], keys: vec![resealed("a", &[1, 2, 3])] })
                .await
                .unwrap()
        }
    });
    let mut both = both.await;
    both.sort_by_key(|outcome| *outcome != Rekeyed::Done);
    assert_eq!((both[0], both[1] != Rekeyed::Done), (Rekeyed::Done, true), "the other one loses");
    assert_eq!(store.master().await.unwrap(), Some(Master { check: 8, root: Some(vec![5]) }));
    assert_eq!(store.keys().await.unwrap()[0].sealed, [4]);
    let stale = store.add_key(key("b")).await;
    assert!(matches!(stale, Err(Error::Broken(_))), "a key under the old master key could never be opened again");
}
