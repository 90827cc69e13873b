//! The store, as the server calls it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::{Roles, SessionId, UserId};
use store::{NewUser, Rotated, Store};

use crate::What;
use crate::place::Place;
use crate::rows::{T0, USERS, id, new_session, refresh};

pub struct Ours {
    store: Store,
    next: Arc<AtomicU64>,
    /// The rotation of each caller's session.
    rotations: Vec<u32>,
}

/// Most callers at once.
pub const CALLERS: u64 = 24;

/// Sessions that every way may read, and callers of the store may refresh. The bare engine has the ones behind.
pub const READABLE: u64 = 1000;

impl Ours {
    /// Makes the accounts and sessions that everybody measures with.
    pub async fn on(place: &Place) -> Self {
        let store = place.open();
        add_users(&store).await;
        for n in 0..READABLE {
            store.open_session(new_session(n)).await.unwrap().unwrap();
        }
        // Its logins have numbers of their own.
        Self { store, next: Arc::new(AtomicU64::new(1_000_000_000)), rotations: vec![0; CALLERS as usize] }
    }

    pub async fn rate(&mut self, what: What, callers: usize, span: Duration) -> f64 {
        let began = Instant::now();
        let calling: Vec<_> = (0..callers)
            .map(|caller| {
                let (store, next) = (self.store.clone(), Arc::clone(&self.next));
                tokio::spawn(call(store, what, caller as u64, self.rotations[caller], next, began, span))
            })
            .collect();
        let mut count = 0;
        for (caller, calls) in calling.into_iter().enumerate() {
            let calls = calls.await.unwrap();
            count += calls;
            if what == What::Refresh {
                self.rotations[caller] += calls;
            }
        }
        f64::from(count) / began.elapsed().as_secs_f64()
    }

    pub async fn close(self) {
        self.store.close().await;
    }
}

async fn call(
    store: Store,
    what: What,
    caller: u64,
    rotation: u32,
    next: Arc<AtomicU64>,
    began: Instant,
    span: Duration,
) -> u32 {
    let mut count = 0;
    while began.elapsed() < span {
        match what {
            What::Login => {
                let n = next.fetch_add(1, Ordering::Relaxed);
                store.open_session(new_session(n)).await.unwrap().unwrap();
            }
            What::Refresh => {
                let rotated = store.rotate(refresh(caller, rotation + count)).await.unwrap();
                assert!(matches!(rotated, Rotated::Issued { repeated: false, .. }));
            }
            What::Read => {
                let n = (caller * 7919 + u64::from(count) * 31) % READABLE;
                store.session(SessionId(id('s', n))).await.unwrap().unwrap();
            }
        }
        count += 1;
    }
    count
}

pub async fn add_users(store: &Store) {
    for n in 0..USERS {
        let user = NewUser {
            user_id: UserId(id('u', n)),
            username: format!("user-{n}").parse().unwrap(),
            email: None,
            password: None,
            roles: Roles::parse(["user"]).unwrap(),
            created_at: T0,
        };
        store.add_user(user).await.unwrap();
    }
}
