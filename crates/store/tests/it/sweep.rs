use domain::session::SEEN_INTERVAL;
use domain::throttle::Limit;
use domain::{EndedWhy, SecretHash, Span};
use store::{NewSession, Revoked, ThrottleKey};

use crate::support::{KEEP, T0, TIMEOUTS, new_session, revoked, session_id};

#[tokio::test]
async fn what_timed_out_ends_and_what_matters_to_nobody_goes() {
    let store = super::store();
    store.user(1).await;
    for session in 1..=3 {
        store.session_of(1, session).await;
    }
    store.end_session(session_id(1), EndedWhy::Logout, KEEP, T0).await.unwrap();
    store.touch(vec![(session_id(3), T0 + Span::hours(12))], TIMEOUTS.idle).await.unwrap();
    let limit = Limit { burst: 3, every: Span::minutes(1) };
    store.charge(vec![(ThrottleKey([1; 16]), limit)], T0).await.unwrap();
    store.offer_setup(|_| SecretHash([1; 32]), T0 + Span::hours(1), T0).await.unwrap();

    let early = store.sweep(T0, Span::days(30)).await.unwrap();
    assert_eq!(revoked(&early.expired), []);
    assert_eq!((early.sessions, early.revocations, early.throttles, early.offers), (0, 0, 0, 0));

    let now = T0 + TIMEOUTS.idle + SEEN_INTERVAL;
    let swept = store.sweep(now, Span::hours(24)).await.unwrap();
    assert_eq!(revoked(&swept.expired), [Revoked::Session(session_id(2))]);
    assert_eq!((swept.sessions, swept.revocations, swept.throttles, swept.offers), (1, 1, 1, 1));
    assert!(!swept.is_full());
    assert!(store.session(session_id(1)).await.unwrap().is_none());
    assert_eq!(store.count("select count(*) from grants"), 2);
    assert_eq!(store.ended(2).await, Some(EndedWhy::Expired));
    assert_eq!(store.ended(3).await, None);
    assert_eq!(store.log().await, [Revoked::Session(session_id(2))]);
}

#[tokio::test]
async fn a_session_that_is_used_is_looked_at_once_in_each_idle_time_and_ends_when_it_is_not() {
    let store = super::store();
    store.user(1).await;
    store.session_of(1, 1).await;
    let mut seen = T0;
    for _ in 0..3 {
        let due = seen + TIMEOUTS.idle + SEEN_INTERVAL;
        seen = due - Span::hours(2);
        store.touch(vec![(session_id(1), seen)], TIMEOUTS.idle).await.unwrap();
        for (now, standing) in [(due - Span(1), 0), (due, 1), (due, 0)] {
            let swept = store.sweep(now, Span::days(30)).await.unwrap();
            assert_eq!((swept.standing, revoked(&swept.expired)), (standing, vec![]));
        }
    }
    let swept = store.sweep(seen + TIMEOUTS.idle + SEEN_INTERVAL, Span::days(30)).await.unwrap();
    assert_eq!((swept.standing, revoked(&swept.expired)), (0, vec![Revoked::Session(session_id(1))]));
}

#[tokio::test]
async fn a_session_that_timed_out_within_a_minute_is_swept_when_that_is_over() {
    let store = super::store();
    store.user(1).await;
    for (session, late) in [(1, Span(1)), (2, Span(59_999)), (3, Span::minutes(1))] {
        store.open_session(NewSession { now: T0 + late, ..new_session(1, session) }).await.unwrap().unwrap();
    }
    let due = T0 + TIMEOUTS.idle + SEEN_INTERVAL;
    for (now, expected) in [(due + Span(59_999), vec![]), (due + Span::minutes(1), vec![1, 2, 3])] {
        let swept = store.sweep(now, Span::days(30)).await.unwrap();
        let mut ended = revoked(&swept.expired);
        ended.sort_by_key(|entry| format!("{entry:?}"));
        assert_eq!(ended, expected.into_iter().map(|n| Revoked::Session(session_id(n))).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_session_of_a_version_that_does_not_know_when_to_sweep_it_is_swept_like_any_other() {
    let store = super::store();
    store.user(1).await;
    store.session_of(1, 1).await;
    store.execute("update sessions set sweep_minute = 0");
    assert_eq!(store.sweep(T0, Span::days(30)).await.unwrap().standing, 1);
    assert_eq!(store.sweep(T0, Span::days(30)).await.unwrap().standing, 0);
    store.execute("update sessions set sweep_minute = 0");
    let swept = store.sweep(T0 + TIMEOUTS.idle + SEEN_INTERVAL, Span::days(30)).await.unwrap();
    assert_eq!(revoked(&swept.expired), [Revoked::Session(session_id(1))]);
}

#[tokio::test]
async fn the_end_of_a_session_is_kept_until_the_youngest_possible_access_token_has_expired() {
    let store = super::store();
    store.user(1).await;
    let now = T0 + TIMEOUTS.idle + SEEN_INTERVAL;
    for (session, max_access_exp, last_exp) in [(1, T0, now), (2, now + Span::minutes(9), now + Span::minutes(9))] {
        store.open_session(NewSession { max_access_exp, ..new_session(1, session) }).await.unwrap().unwrap();
        let swept = store.sweep(now, Span::days(30)).await.unwrap();
        assert_eq!(revoked(&swept.expired), [Revoked::Session(session_id(session))]);
        assert_eq!(swept.expired.revocations[0].keep_until, last_exp + Span::minutes(17));
    }
}

#[tokio::test]
async fn the_clock_floor_never_goes_back() {
    let store = super::store();
    assert_eq!(store.clock_floor().await.unwrap(), None);
    for (now, floor) in [(T0, T0), (T0 - Span(1), T0), (T0 + Span(1), T0 + Span(1))] {
        store.raise_clock_floor(now).await.unwrap();
        assert_eq!(store.clock_floor().await.unwrap(), Some(floor));
    }
    store.check().await.unwrap();
}

#[tokio::test]
async fn the_clock_floor_can_be_forgotten_by_name_only() {
    let store = super::store();
    store.raise_clock_floor(T0 + Span::days(365)).await.unwrap();
    store.danger_reset_clock_floor(T0).await.unwrap();
    assert_eq!(store.clock_floor().await.unwrap(), Some(T0));
}
