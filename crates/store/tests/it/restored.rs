use domain::{KeyState, Span, UnixMillis};
use store::{NewKey, Position, Revoked, Rotated};

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
    store.execute("insert into listeners values ('orders', 'a', null, 0, 0, 5000)");

    let voided = store.void_everything(KEEP, T0).await.unwrap();

    assert_eq!((voided.sessions, voided.accounts, voided.keys), (2, 2, 2));
    for n in [1, 2] {
        assert!(store.ended(n).await.is_some());
        assert!(store.session(session_id(n)).await.unwrap().unwrap().account.epoch >= T0.0 as u64);
        assert!(matches!(store.rotate(refresh(n, 0)).await.unwrap(), Rotated::Refused));
    }
    let log = store.log().await;
    for entry in [Revoked::Key("signs".into()), Revoked::Key("follows".into()), Revoked::Everybody(T0)] {
        assert!(log.contains(&entry), "{log:?}");
    }
    assert!(store.keys().await.unwrap().iter().all(|key| key.life.state == KeyState::Gone && key.sealed.is_empty()));
    assert_ne!(store.keys_version().await.unwrap(), version);
    assert_eq!(store.count("select count(*) from setup_offers"), 0);
    assert_eq!(store.count("select count(*) from listeners"), 0);
    assert!(store.begin_key(key("new")).await.unwrap(), "another key may sign at once");
}

/// Between the two, sessions were opened and tokens signed under the first restore's epochs.
#[tokio::test]
async fn of_what_was_issued_between_two_restores_of_one_backup_nothing_stands() {
    let backup = [store(), store()];
    let mut reached = Vec::new();
    for (store, now) in backup.iter().zip([T0, T0 + Span::minutes(1)]) {
        store.execute("update meta set value = 7 where name = 'revocations_source'");
        store.user(1).await;
        store.session_of(1, 1).await;
        let source = store.revocations_since(&Position::default()).await.unwrap().source;
        store.void_everything(KEEP, now).await.unwrap();
        assert_ne!(store.revocations_since(&Position::default()).await.unwrap().source, source);
        let account = || async { store.session(session_id(1)).await.unwrap().unwrap().account };
        let first = account().await.epoch;
        store.set_roles(user_id(1), &domain::Roles::admin(), KEEP, now).await.unwrap();
        reached.push((
            first,
            account().await.epoch,
            store.revocations_since(&Position::default()).await.unwrap().source,
        ));
    }
    assert!(reached[0].1 > reached[0].0 && reached[1].0 > reached[0].1, "{reached:?}");
    assert_ne!(reached[0].2, reached[1].2);
    // A backup that was made after a restore has high epochs itself.
    backup[1].void_everything(KEEP, T0 + Span::minutes(2)).await.unwrap();
    let later = backup[1].session(session_id(1)).await.unwrap().unwrap().account.epoch;
    assert!(later > reached[1].1 && later < reached[1].1 + 100_000, "{later} {reached:?}");
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
