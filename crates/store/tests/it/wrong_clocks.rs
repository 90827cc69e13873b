use domain::revocation::keep_until;
use domain::{EndedWhy, Span};
use store::{Revoked, RotateRequest, Rotated};

use super::floors::{AFTER, MOMENT, at, held_by};
use crate::support::{T0, new_session, refresh, revoked, session_id};

#[tokio::test]
async fn a_session_that_a_wrong_clock_has_dated_far_ahead_ends_too_and_keeps_nobody_out() {
    let store = super::store();
    store.user(1).await;
    let far_ahead = T0 + Span::hours(20);
    for (n, now) in [(1, T0), (2, far_ahead), (3, T0)] {
        store.open_session(at(now, new_session(1, n))).await.unwrap().unwrap();
    }
    store.rotate(RotateRequest { now: far_ahead, ..refresh(3, 0) }).await.unwrap();
    store.open_session(held_by("orders", new_session(1, 9))).await.unwrap().unwrap();
    let others = store.end_client("orders", MOMENT, T0).await.unwrap();
    assert_eq!(revoked(&others.receipt), [Revoked::Client("orders".into(), MOMENT)]);
    let ended = store.end_everybody(MOMENT, T0).await.unwrap();
    assert_eq!((ended.moment, ended.count), (MOMENT, 4));
    let mut log = revoked(&ended.receipt);
    log.sort_by_key(|entry| format!("{entry:?}"));
    let strays = [2, 3].map(|n| Revoked::Session(session_id(n)));
    assert_eq!(log, [&[Revoked::Everybody(MOMENT)], &strays[..]].concat());
    for n in 1..=3 {
        assert_eq!(store.ended(n).await, Some(EndedWhy::EndedByAdmin));
        assert!(matches!(store.rotate(refresh(n, 0)).await.unwrap(), Rotated::Refused));
    }
    assert!(store.open_session(at(AFTER, new_session(1, 4))).await.unwrap().is_some());
}

#[tokio::test]
async fn what_was_ended_by_a_wrong_clock_keeps_nobody_out_once_that_is_accepted_and_stays_ended() {
    let store = super::store();
    let years_ahead = T0 + Span::days(1000);
    store.user(1).await;
    store.raise_clock_floor(years_ahead).await.unwrap();
    for n in [1, 2] {
        store.open_session(at(years_ahead, new_session(1, n))).await.unwrap().unwrap();
    }
    store.end_client("first-party", years_ahead, years_ahead).await.unwrap();
    store.open_session(at(years_ahead + Span(1), new_session(1, 3))).await.unwrap().unwrap();
    store.end_everybody(years_ahead, years_ahead).await.unwrap();
    store.danger_reset_clock_floor(T0).await.unwrap();
    let later = "select count(*) from revocations where kind in ('everybody', 'client') and value > ";
    assert_eq!(store.count(&format!("{later}{}", T0.0)), 0);
    for n in 1..=3 {
        assert!(store.ended(n).await.is_some());
        for now in [AFTER, years_ahead + Span::days(1)] {
            assert!(matches!(store.rotate(RotateRequest { now, ..refresh(n, 0) }).await.unwrap(), Rotated::Refused));
        }
    }
    assert!(store.open_session(at(AFTER, new_session(1, 4))).await.unwrap().is_some());
    assert!(matches!(
        store.rotate(RotateRequest { now: AFTER, ..refresh(4, 0) }).await.unwrap(),
        Rotated::Issued { .. }
    ));
}

#[tokio::test]
async fn tokens_that_were_ended_by_a_wrong_clock_stay_so_once_that_is_taken_back() {
    let store = super::store();
    store.user(1).await;
    let ahead = T0 + Span::hours(20);
    for (n, now) in [(1, T0), (2, ahead), (3, T0)] {
        store.open_session(at(now, new_session(1, n))).await.unwrap().unwrap();
    }
    store.open_session(held_by("orders", at(ahead, new_session(1, 4)))).await.unwrap().unwrap();
    let access_exp = ahead + Span::minutes(10);
    let rotated = store.rotate(RotateRequest { now: ahead, access_exp, ..refresh(3, 0) }).await.unwrap();
    assert!(matches!(rotated, Rotated::Issued { .. }));
    let log = async || {
        let mut log = store.log().await;
        log.sort_by_key(|entry| format!("{entry:?}"));
        log
    };
    store.end_client("orders", ahead, ahead).await.unwrap();
    store.danger_reset_clock_floor(T0).await.unwrap();
    assert_eq!(log().await, [Revoked::Client("orders".into(), T0), Revoked::Session(session_id(4))]);
    assert_eq!((store.ended(3).await, store.ended(4).await), (None, Some(EndedWhy::EndedByAdmin)));

    store.end_everybody(ahead, ahead).await.unwrap();
    store.danger_reset_clock_floor(T0).await.unwrap();
    let over = [2, 3, 4].map(|n| Revoked::Session(session_id(n)));
    let floors = [Revoked::Client("orders".into(), T0), Revoked::Everybody(T0)];
    assert_eq!(log().await, [&floors[..], &over[..]].concat());
    let kept = store.entries().await.into_iter().find(|entry| entry.revoked == over[1]).unwrap();
    assert_eq!(kept.keep_until, keep_until(access_exp));
}
