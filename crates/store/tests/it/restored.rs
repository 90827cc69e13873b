use domain::{KeyState, UnixMillis};
use store::{NewKey, Revoked, Rotated};

use super::store;
use crate::support::{KEEP, T0, refresh, session_id, user_id};

#[tokio::test]
async fn of_what_was_issued_before_a_restore_nothing_stands_and_every_node_is_told() {
    let store = store();
    for n in [1, 2] {
        store.user(n).await;
        store.session_of(n, n).await;
    }
    store.begin_master(7, b"root".to_vec()).await.unwrap();
    assert!(store.begin_key(key("signs")).await.unwrap());
    assert!(store.add_key(key("follows")).await.unwrap());
    let version = store.keys_version().await.unwrap();
    assert!(store.offer_setup(|_| domain::SecretHash([9; 32]), UnixMillis(i64::MAX), T0).await.is_ok());

    let voided = store.void_everything(KEEP, T0).await.unwrap();

    assert_eq!((voided.sessions, voided.accounts, voided.keys), (2, 2, 2));
    for n in [1, 2] {
        assert!(store.ended(n).await.is_some());
        assert!(store.session(session_id(n)).await.unwrap().unwrap().account.epoch >= 1_000_000);
        assert!(matches!(store.rotate(refresh(n, 0)).await.unwrap(), Rotated::Refused));
    }
    let log = store.log().await;
    for entry in [Revoked::Key("signs".into()), Revoked::Key("follows".into()), Revoked::Epoch(user_id(1), 1_000_000)] {
        assert!(log.contains(&entry), "{log:?}");
    }
    assert!(store.keys().await.unwrap().iter().all(|key| key.life.state == KeyState::Gone && key.sealed.is_empty()));
    assert_ne!(store.keys_version().await.unwrap(), version);
    assert_eq!(store.count("select count(*) from setup_offers"), 0);
    assert!(store.begin_key(key("new")).await.unwrap(), "another key may sign at once");
}

fn key(kid: &str) -> NewKey {
    NewKey {
        kid: kid.into(),
        algorithm: "EdDSA".into(),
        public_jwk: "{}".into(),
        sealed: b"sealed".to_vec(),
        sealed_under: 7,
        created_at: T0,
    }
}
