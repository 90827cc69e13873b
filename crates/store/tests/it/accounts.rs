use domain::session::Standing;
use domain::{EndedWhy, PasswordHash, Roles};
use store::{Revoked, Rotated};

use crate::support::{KEEP, T0, is_taken, new_session, new_user, refresh, revoked, session_id, user_id};

#[tokio::test]
async fn an_account_is_found_by_id_username_and_address() {
    let store = super::store();
    let added = store.user(1).await;
    for name in ["User-001", "user-001@EXAMPLE.org"] {
        let name = name.parse().unwrap();
        let login = store.account_for_login(&name).await.unwrap().unwrap();
        assert_eq!(login.account.user_id, added.user_id);
        assert_eq!(login.password.unwrap().0, "$argon2id$of-1");
        assert_eq!(store.account_by_name(&name).await.unwrap().unwrap().user_id, added.user_id);
    }
    let found = store.account(user_id(1)).await.unwrap().unwrap();
    assert_eq!((found.username, found.email), (added.username, added.email));
    assert_eq!((found.roles, found.epoch, found.created_at, found.disabled_at), (added.roles, 0, T0, None));
    assert!(store.account(user_id(2)).await.unwrap().is_none());
    assert!(store.account_for_login(&"nobody".parse().unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_username_and_an_address_belong_to_one_account() {
    let store = super::store();
    store.user(1).await;
    let mut same_name = new_user(2);
    same_name.username = "user-001".parse().unwrap();
    assert!(is_taken(&store.add_user(same_name).await, "username"));
    let mut same_email = new_user(2);
    same_email.email = Some("user-001@example.org".parse().unwrap());
    assert!(is_taken(&store.add_user(same_email).await, "email"));
    for n in [2, 3] {
        let mut without_email = new_user(n);
        without_email.email = None;
        store.add_user(without_email).await.unwrap();
    }
}

#[tokio::test]
async fn accounts_are_listed_by_username_page_by_page() {
    let store = super::store();
    for n in [3, 1, 2] {
        store.user(n).await;
    }
    let first = store.accounts(None, 2).await.unwrap();
    assert_eq!(first.iter().map(|account| account.user_id).collect::<Vec<_>>(), [user_id(1), user_id(2)]);
    let second = store.accounts(Some(first[1].username.clone()), 2).await.unwrap();
    assert_eq!(second.iter().map(|account| account.user_id).collect::<Vec<_>>(), [user_id(3)]);
}

#[tokio::test]
async fn a_new_password_ends_every_session_of_its_user_and_no_other() {
    let store = super::store();
    store.user(1).await;
    store.user(2).await;
    for session in 1..=3 {
        store.session_of(1, session).await;
    }
    store.session_of(2, 4).await;

    let hash = PasswordHash("$argon2id$new".into());
    let receipt = store.set_password(user_id(1), hash, KEEP, T0).await.unwrap().unwrap();

    assert_eq!(revoked(&receipt), [Revoked::Epoch(user_id(1), 1)]);
    assert_eq!((receipt.revoked_at, receipt.revocations[0].keep_until), (T0, KEEP));
    assert_eq!(store.log().await, revoked(&receipt));
    for session in 1..=3 {
        assert_eq!(store.ended(session).await, Some(EndedWhy::AccountChanged));
    }
    assert_eq!(store.ended(4).await, None);
    let login = store.account_for_login(&"user-001".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((login.account.epoch, login.password.unwrap().0.as_str()), (1, "$argon2id$new"));
}

#[tokio::test]
async fn a_login_judged_before_the_change_opens_no_session_after_it() {
    let store = super::store();
    store.user(1).await;
    store.set_password(user_id(1), PasswordHash("$new".into()), KEEP, T0).await.unwrap();
    let mut late = new_session(1, 1);
    late.rehash = Some(PasswordHash("$the-old-one-again".into()));
    assert!(store.open_session(late).await.unwrap().is_none());
    assert!(store.session(session_id(1)).await.unwrap().is_none());
    let login = store.account_for_login(&"user-001".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(login.password.unwrap().0, "$new");
}

#[tokio::test]
async fn new_roles_void_what_was_issued_with_the_old_ones_and_sessions_go_on() {
    let store = super::store();
    store.user(1).await;
    store.session_of(1, 1).await;
    store.session_of(1, 2).await;
    store.end_session(session_id(2), EndedWhy::Logout, KEEP, T0).await.unwrap();
    let receipt = store.set_roles(user_id(1), &Roles::admin(), KEEP, T0).await.unwrap().unwrap();
    assert_eq!(revoked(&receipt), [Revoked::Epoch(user_id(1), 1)]);
    let live = store.session(session_id(1)).await.unwrap().unwrap();
    assert_eq!(live.session.standing(&live.account, T0), Standing::Live);
    assert_eq!((live.account.epoch, live.account.roles), (1, Roles::admin()));
    assert_eq!(store.count_sessions(user_id(1), T0).await.unwrap(), 1);
    let Rotated::Issued { live, .. } = store.rotate(refresh(1, 0)).await.unwrap() else { panic!("refused") };
    assert_eq!((live.account.epoch, live.account.roles), (1, Roles::admin()));
    assert!(matches!(store.rotate(refresh(2, 0)).await.unwrap(), Rotated::Refused));
}

#[tokio::test]
async fn new_roles_revive_no_session_that_another_change_has_ended() {
    let store = super::store();
    store.user(1).await;
    store.session_of(1, 1).await;
    store.set_password(user_id(1), PasswordHash("$x".into()), KEEP, T0).await.unwrap().unwrap();
    // As if it had been missed there.
    store.execute("update sessions set ended_at = null, ended_why = null");
    store.set_roles(user_id(1), &Roles::admin(), KEEP, T0).await.unwrap().unwrap();
    let live = store.session(session_id(1)).await.unwrap().unwrap();
    assert_eq!(live.session.standing(&live.account, T0), Standing::Ended);
    assert!(matches!(store.rotate(refresh(1, 0)).await.unwrap(), Rotated::Refused));
}

#[tokio::test]
async fn disabling_ends_every_session_once_and_enabling_ends_none() {
    let store = super::store();
    store.user(1).await;
    store.session_of(1, 1).await;
    let disable = || store.set_disabled(user_id(1), true, KEEP, T0);
    assert_eq!(revoked(&disable().await.unwrap().unwrap()), [Revoked::Epoch(user_id(1), 1)]);
    assert_eq!(store.ended(1).await, Some(EndedWhy::AccountChanged));
    assert_eq!(revoked(&disable().await.unwrap().unwrap()), []);
    let account = store.account(user_id(1)).await.unwrap().unwrap();
    assert_eq!((account.disabled_at, account.epoch), (Some(T0), 1));
    assert!(store.open_session(new_session(1, 2)).await.unwrap().is_none());

    for _ in 0..2 {
        let receipt = store.set_disabled(user_id(1), false, KEEP, T0).await.unwrap().unwrap();
        assert_eq!(revoked(&receipt), []);
    }
    let account = store.account(user_id(1)).await.unwrap().unwrap();
    assert_eq!((account.disabled_at, account.epoch), (None, 1));
}

#[tokio::test]
async fn nobody_has_nothing_to_change() {
    let store = super::store();
    let nobody = user_id(9);
    assert!(store.set_password(nobody, PasswordHash("$x".into()), KEEP, T0).await.unwrap().is_none());
    assert!(store.set_roles(nobody, &Roles::admin(), KEEP, T0).await.unwrap().is_none());
    assert!(store.set_disabled(nobody, true, KEEP, T0).await.unwrap().is_none());
    assert!(store.set_disabled(nobody, false, KEEP, T0).await.unwrap().is_none());
    assert_eq!(store.log().await, []);
}
