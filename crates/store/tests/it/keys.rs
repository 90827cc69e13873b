use store::{KeyState, StoredKey};

use crate::support::{T0, TestStore, is_taken};
use domain::Span;

fn key(kid: &str) -> StoredKey {
    StoredKey {
        kid: kid.into(),
        algorithm: "EdDSA".into(),
        state: KeyState::Next,
        public_jwk: Some("{}".into()),
        sealed: vec![1, 2, 3],
        created_at: T0,
        activated_at: None,
        retired_at: None,
    }
}

async fn states(store: &TestStore) -> Vec<(String, KeyState)> {
    store.keys().await.unwrap().into_iter().map(|key| (key.kid, key.state)).collect()
}

#[tokio::test]
async fn one_key_is_active_at_a_time() {
    let store = super::store();
    for kid in ["a", "b"] {
        store.add_key(key(kid)).await.unwrap();
    }
    assert!(is_taken(&store.add_key(key("a")).await, "kid"));
    assert!(store.activate_key("a", T0).await.unwrap());
    let later = T0 + Span::days(30);
    assert!(store.activate_key("b", later).await.unwrap());
    assert_eq!(states(&store).await, [("a".into(), KeyState::Retired), ("b".into(), KeyState::Active)]);
    let keys = store.keys().await.unwrap();
    assert_eq!((keys[0].activated_at, keys[0].retired_at), (Some(T0), Some(later)));
    assert_eq!((keys[1].activated_at, keys[1].retired_at), (Some(later), None));
    assert!(!store.activate_key("a", later).await.unwrap(), "a retired key never signs again");
    assert!(!store.activate_key("unknown", later).await.unwrap());
    assert_eq!(states(&store).await[1].1, KeyState::Active);
}

#[tokio::test]
async fn a_dropped_key_loses_its_private_half() {
    let store = super::store();
    for kid in ["a", "b"] {
        store.add_key(key(kid)).await.unwrap();
        store.activate_key(kid, T0).await.unwrap();
    }
    assert!(!store.drop_key("b").await.unwrap(), "it signs");
    assert!(store.drop_key("a").await.unwrap());
    assert!(!store.drop_key("unknown").await.unwrap());
    let keys = store.keys().await.unwrap();
    assert_eq!((keys[0].state, keys[0].sealed.as_slice()), (KeyState::Gone, [].as_slice()));
    assert_eq!((keys[1].algorithm.as_str(), keys[1].public_jwk.as_deref()), ("EdDSA", Some("{}")));
    assert_eq!(keys[1].sealed, [1, 2, 3]);
}
