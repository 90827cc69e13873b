use domain::{Roles, SecretHash, Span, UnixMillis};
use store::NewUser;

use crate::support::{T0, at_once, insist, is_taken, new_user, user_id};

const SECRET: SecretHash = SecretHash([7; 32]);

fn admin(n: u8) -> NewUser {
    NewUser { roles: Roles::admin(), ..new_user(n) }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_who_hold_the_link_becomes_the_first_administrator() {
    let store = super::store();
    assert!(store.offer_setup(|_| SECRET, T0 + Span::hours(1), T0).await.unwrap().is_some());
    let created = at_once(20, |n| {
        let store = store.clone();
        async move { insist(|| store.create_first_admin(SECRET, admin(n as u8), T0)).await }
    })
    .await;
    assert_eq!(created.iter().filter(|created| **created).count(), 1);
    let accounts = store.accounts(None, 100).await.unwrap();
    assert_eq!(accounts.len(), 1);
    assert!(accounts[0].roles.contains(Roles::ADMIN));
    assert!(store.offer_setup(|_| SECRET, T0 + Span::hours(1), T0).await.unwrap().is_none());
    assert!(!store.setup_is_open(SECRET, T0).await.unwrap());
}

#[tokio::test]
async fn looking_at_the_link_does_not_use_it_up() {
    let store = super::store();
    store.offer_setup(|_| SECRET, T0 + Span::hours(1), T0).await.unwrap();
    for _ in 0..2 {
        assert!(store.setup_is_open(SECRET, T0).await.unwrap());
    }
    assert!(!store.setup_is_open(SecretHash([8; 32]), T0).await.unwrap());
    assert!(store.create_first_admin(SECRET, admin(1), T0).await.unwrap());
}

#[tokio::test]
async fn an_expired_or_replaced_link_creates_nobody() {
    let store = super::store();
    store.offer_setup(|_| SECRET, T0 + Span::hours(1), T0).await.unwrap();
    let late = T0 + Span::hours(1);
    assert!(!store.setup_is_open(SECRET, late).await.unwrap());
    assert!(!store.create_first_admin(SECRET, admin(1), late).await.unwrap());
    let newer = SecretHash([8; 32]);
    assert!(store.offer_setup(move |_| newer, T0 + Span::hours(1), T0).await.unwrap().is_some());
    assert!(!store.create_first_admin(SECRET, admin(1), T0).await.unwrap());
    assert!(store.create_first_admin(newer, admin(1), T0).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_offer_at_once_one_does_and_the_offer_stands_until_it_expires() {
    let store = super::store();
    let nodes = [store.clone(), store.beside()];
    // A secret for each expiry.
    let secret_of = |until: UnixMillis| SecretHash([(until.0 % 251) as u8; 32]);
    let until = at_once(20, |n| {
        let node = nodes[n % 2].clone();
        async move { insist(|| node.offer_setup(secret_of, T0 + Span::hours(1) + Span(n as i64), T0)).await.unwrap() }
    })
    .await;
    let stands = until[0];
    assert_eq!(until, [stands; 20]);
    let later = stands - Span(1);
    assert_eq!(store.offer_setup(secret_of, later + Span::hours(1), later).await.unwrap(), Some(stands));
    assert!(store.setup_is_open(secret_of(stands), later).await.unwrap());
    let next = stands + Span::hours(1);
    assert_eq!(store.offer_setup(secret_of, next, stands).await.unwrap(), Some(next));
    assert!(!store.setup_is_open(secret_of(stands), stands).await.unwrap());
    assert!(store.setup_is_open(secret_of(next), stands).await.unwrap());
}

#[tokio::test]
async fn an_administrator_who_was_added_otherwise_closes_the_setup() {
    let store = super::store();
    store.offer_setup(|_| SECRET, T0 + Span::hours(1), T0).await.unwrap();
    let mut near = new_user(2);
    near.roles = Roles::parse(["admin-of-nothing", "super-admin"]).unwrap();
    store.add_user(near).await.unwrap();
    assert!(store.setup_is_open(SECRET, T0).await.unwrap());
    let mut other = new_user(1);
    other.roles = Roles::parse(["aardvark", "admin", "zebra"]).unwrap();
    store.add_user(other).await.unwrap();
    assert!(!store.setup_is_open(SECRET, T0).await.unwrap());
    assert!(!store.create_first_admin(SECRET, admin(3), T0).await.unwrap());
}

#[tokio::test]
async fn a_name_that_is_taken_does_not_use_up_the_link() {
    let store = super::store();
    store.offer_setup(|_| SECRET, T0 + Span::hours(1), T0).await.unwrap();
    store.user(1).await;
    let same_name = NewUser { user_id: user_id(2), email: None, ..admin(1) };
    assert!(is_taken(&store.create_first_admin(SECRET, same_name, T0).await, "username"));
    assert!(store.create_first_admin(SECRET, admin(2), T0).await.unwrap());
}
