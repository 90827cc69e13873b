use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::revocation::keep_until;
use domain::session::Standing;
use domain::{EndedWhy, Span, UnixMillis};
use store::{Error, NewGrant, NewSession, Receipt, Revoked, RotateRequest, Rotated, Store};

use crate::support::{KEEP, T0, at_once, insist, new_session, new_user, refresh, revoked, session_id, user_id};

/// A little ahead, as callers have it.
pub(crate) const MOMENT: UnixMillis = UnixMillis(T0.0 + 100);
pub(crate) const AFTER: UnixMillis = UnixMillis(T0.0 + 101);

pub(crate) fn at(now: UnixMillis, new: NewSession) -> NewSession {
    NewSession { now, ..new }
}

fn is_empty(receipt: &Receipt) -> bool {
    receipt.revocations.is_empty()
}

#[tokio::test]
async fn everything_that_stood_is_over_by_one_entry_whichever_way_it_is_read() {
    let store = super::store();
    for n in [1, 2] {
        store.user(n).await;
        store.session_of(n, n).await;
    }
    let ended = store.end_everybody(MOMENT, T0).await.unwrap();
    assert_eq!((ended.moment, ended.count), (MOMENT, 2));
    assert_eq!(store.log().await, [Revoked::Everybody(MOMENT)]);
    assert_eq!(store.entries().await, ended.receipt.revocations);
    assert_eq!(store.entries().await[0].keep_until, keep_until(MOMENT));
    assert_eq!(store.count("select count(*) from sessions where ended_at is not null"), 0, "no row was written");

    for node in [&*store, &store.beside()] {
        for n in [1, 2] {
            let live = node.session(session_id(n)).await.unwrap().unwrap();
            assert_eq!(live.session.ended, Some((MOMENT, EndedWhy::EndedByAdmin)));
            assert_eq!(live.session.standing(&live.account, T0), Standing::Ended);
            assert_eq!(node.count_sessions(user_id(n), T0).await.unwrap(), 0);
            assert!(node.sessions_of(user_id(n), T0).await.unwrap().is_empty());
            assert!(matches!(node.rotate(refresh(n, 0)).await.unwrap(), Rotated::Refused));
        }
    }
    assert_eq!(store.log().await.len(), 1);
}

#[tokio::test]
async fn what_ended_with_all_others_is_not_ended_again() {
    let store = super::store();
    store.user(1).await;
    store.session_of(1, 1).await;
    store.end_everybody(MOMENT, T0).await.unwrap();
    let late = T0 + Span::days(30);
    let why = EndedWhy::Logout;
    assert!(is_empty(&store.end_session(session_id(1), why, KEEP, T0).await.unwrap()));
    assert!(is_empty(&store.end_session_of(user_id(1), session_id(1), why, KEEP, T0).await.unwrap().unwrap()));
    assert!(is_empty(&store.end_all_sessions(user_id(1), why, KEEP, T0).await.unwrap()));
    assert!(is_empty(&store.end_other_sessions(user_id(1), session_id(2), why, KEEP, T0).await.unwrap()));
    assert!(store.expire_session(session_id(1), KEEP, T0).await.unwrap().is_some(), "it does not stand");
    assert_eq!(store.end_everybody(MOMENT, T0).await.unwrap().count, 0);
    store.sweep(late, Span::days(30)).await.unwrap();
    assert!(store.ended(1).await.is_some());
}

#[tokio::test]
async fn whoever_logs_in_after_the_moment_stays_and_nobody_logs_in_before_it_has_passed() {
    let store = super::store();
    store.user(1).await;
    store.end_everybody(MOMENT, T0).await.unwrap();
    for now in [T0, MOMENT] {
        assert!(matches!(store.open_session(at(now, new_session(1, 1))).await, Err(Error::Unavailable)));
    }
    assert!(store.open_session(at(AFTER, new_session(1, 1))).await.unwrap().is_some());
    assert_eq!(store.count_sessions(user_id(1), AFTER).await.unwrap(), 1);
    let rotated = store.rotate(RotateRequest { now: AFTER, ..refresh(1, 0) }).await.unwrap();
    assert!(matches!(rotated, Rotated::Issued { .. }));
    assert_eq!(store.ended(1).await, None);
}

#[tokio::test]
async fn the_end_of_everything_outlives_its_entry_and_every_restart_and_never_moves_back() {
    let store = super::store();
    store.user(1).await;
    store.session_of(1, 1).await;
    store.end_everybody(MOMENT, T0).await.unwrap();
    let swept = store.sweep(keep_until(MOMENT) + Span(1), Span::days(30)).await.unwrap();
    assert_eq!((swept.revocations, store.log().await.len()), (1, 0));
    let store = store.reopened().await;
    assert!(matches!(store.rotate(refresh(1, 0)).await.unwrap(), Rotated::Refused));
    let earlier = store.end_everybody(T0 - Span::hours(1), T0 - Span::hours(1)).await.unwrap();
    assert_eq!(earlier.moment, MOMENT);
    assert!(matches!(store.rotate(refresh(1, 0)).await.unwrap(), Rotated::Refused));
}

#[tokio::test]
async fn a_session_used_by_a_clock_that_is_ahead_ends_with_all_others_and_so_do_its_tokens() {
    let store = super::store();
    store.user(1).await;
    store.session_of(1, 1).await;
    let ahead = T0 + Span::seconds(40);
    let rotated = store.rotate(RotateRequest { now: ahead, ..refresh(1, 0) }).await.unwrap();
    assert!(matches!(rotated, Rotated::Issued { .. }));
    assert_eq!(store.end_everybody(MOMENT, T0).await.unwrap().moment, ahead);
}

#[tokio::test]
async fn a_session_that_is_over_takes_no_place_among_the_hundred() {
    let store = super::store();
    store.user(1).await;
    for n in 0..100 {
        store.session_of(1, n).await;
    }
    store.end_everybody(MOMENT, T0).await.unwrap();
    let opened = store.open_session(at(AFTER, new_session(1, 200))).await.unwrap().unwrap();
    assert!(opened.replaced.is_none());
}

pub(crate) fn held_by(client_id: &str, session: NewSession) -> NewSession {
    let grant_id = session.grant.unwrap().grant_id;
    NewSession { grant: Some(NewGrant { grant_id, client_id: client_id.into(), scope: String::new() }), ..session }
}

#[tokio::test]
async fn what_a_client_holds_is_over_and_what_others_hold_is_not() {
    let store = super::store();
    store.user(1).await;
    store.session_of(1, 1).await;
    store.open_session(held_by("orders", new_session(1, 2))).await.unwrap().unwrap();
    let of_orders = |n, rotation, now| RotateRequest { client_id: "orders", now, ..refresh(n, rotation) };

    let ended = store.end_client("orders", MOMENT, T0).await.unwrap();
    assert_eq!((ended.moment, ended.count), (MOMENT, 1));
    assert_eq!(revoked(&ended.receipt), [Revoked::Client("orders".into(), MOMENT)]);
    assert_eq!(store.log().await, revoked(&ended.receipt));
    for node in [&*store, &store.beside()] {
        assert!(matches!(node.rotate(of_orders(2, 0, T0)).await.unwrap(), Rotated::Refused));
        assert!(matches!(node.rotate(of_orders(2, 0, AFTER)).await.unwrap(), Rotated::Refused));
    }
    assert_eq!(store.ended(2).await, None, "its cookie goes on");
    assert_eq!(store.count_sessions(user_id(1), T0).await.unwrap(), 2);
    assert!(matches!(store.rotate(refresh(1, 0)).await.unwrap(), Rotated::Issued { .. }));

    let too_early = store.open_session(held_by("orders", at(MOMENT, new_session(1, 3)))).await;
    assert!(matches!(too_early, Err(Error::Unavailable)));
    store.open_session(held_by("orders", at(AFTER, new_session(1, 3)))).await.unwrap().unwrap();
    // By a clock that is behind the one of the login.
    assert!(matches!(store.rotate(of_orders(3, 0, T0)).await.unwrap(), Rotated::Issued { .. }));
    assert!(matches!(store.rotate(of_orders(3, 1, AFTER)).await.unwrap(), Rotated::Issued { .. }));
}

#[tokio::test]
async fn a_client_that_was_never_given_anything_leaves_no_entry_and_one_whose_grants_are_over_does() {
    let store = super::store();
    store.user(1).await;
    store.open_session(held_by("orders", new_session(1, 1))).await.unwrap().unwrap();
    for client_id in ["", "nobody", &"x".repeat(70_000)] {
        let ended = store.end_client(client_id, MOMENT, T0).await.unwrap();
        assert_eq!((ended.count, is_empty(&ended.receipt), ended.receipt.place), (0, true, None));
    }
    assert_eq!(store.log().await, []);
    assert_eq!(store.count("select count(*) from client_endings"), 0);
    assert!(!is_empty(&store.end_session(session_id(1), EndedWhy::Logout, KEEP, T0).await.unwrap()));
    let ended = store.end_client("orders", MOMENT, T0).await.unwrap();
    assert_eq!((ended.count, revoked(&ended.receipt)), (0, vec![Revoked::Client("orders".into(), MOMENT)]));
}

/// The clock of all nodes. It shows another time whenever it is looked at, so that every order of events has its own.
#[derive(Clone)]
struct Ticking(Arc<AtomicI64>);

impl Ticking {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// What was handed out: for which session, and when it says that this was read.
type Handed = (u8, UnixMillis);

/// Logs in and refreshes until it is refused, and says what was handed out.
async fn log_in_and_refresh(node: Store, user: u8, session: u8, clock: Ticking) -> Vec<Handed> {
    let mut handed = Vec::new();
    let now = clock.now();
    match node.open_session(at(now, new_session(user, session))).await {
        Ok(Some(_)) => handed.push((session, now)),
        Err(Error::Unavailable) => return handed,
        other => panic!("{:?}", other.map(|opened| opened.is_some())),
    }
    for rotation in 0..20 {
        let now = clock.now();
        let request = RotateRequest { now, ..refresh(session, rotation) };
        match insist(|| node.rotate(request)).await {
            Rotated::Issued { .. } => handed.push((session, now)),
            _ => break,
        }
    }
    handed
}

/// The moment is asked for as early as it can be: whatever is under way has a later time. So nothing but waiting for it can make
/// the moment the later one.
#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_handed_out_at_the_same_time_nothing_that_is_over_says_a_later_moment() {
    for round in 0..6 {
        let store = super::store();
        let nodes = [store.clone(), store.beside()];
        let clock = Ticking(Arc::new(AtomicI64::new(T0.0)));
        let others = clock.clone();
        for user in 0..8 {
            store.add_user(new_user(user)).await.unwrap();
        }
        let busy = at_once(16, |n| {
            let (node, clock) = (nodes[n % 2].clone(), others.clone());
            async move { log_in_and_refresh(node, (n % 8) as u8, n as u8, clock).await }
        });
        let ending = async {
            while clock.0.load(Ordering::SeqCst) < T0.0 + 40 + 20 * round {
                tokio::task::yield_now().await;
            }
            let now = clock.now();
            if round % 2 == 0 {
                insist(|| store.end_everybody(now, now)).await.moment
            } else {
                insist(|| store.end_client("first-party", now, now)).await.moment
            }
        };
        let (handed, moment) = tokio::join!(busy, ending);
        let (mut over, mut stands) = (0, 0);
        for (session, read_at) in handed.into_iter().flatten() {
            let now = clock.now();
            let last = format!("select rotation from grants where grant_id = {}", literal(&store, session));
            let rotation = u32::try_from(store.count(&last)).unwrap();
            let rotated = store.rotate(RotateRequest { now, ..refresh(session, rotation) }).await.unwrap();
            if matches!(rotated, Rotated::Issued { .. }) {
                assert!(read_at > moment, "round {round}: {session} goes on, but its token is refused");
                stands += 1;
            } else {
                assert!(read_at <= moment, "round {round}: {session} is over, but its token of {read_at:?} is not");
                over += 1;
            }
        }
        assert!(over > 0, "round {round}: {over} {stands}");
    }
}

fn literal(store: &super::TestStore, n: u8) -> String {
    let hex = format!("{n:02x}").repeat(16);
    if store.is_on_server() { format!("decode('{hex}', 'hex')") } else { format!("x'{hex}'") }
}
