use domain::throttle::Limit;
use domain::{Span, UnixMillis};
use store::ThrottleKey;

use crate::support::{T0, at_once, insist};

const LIMIT: Limit = Limit { burst: 3, every: Span::minutes(1) };
const KEY: ThrottleKey = ThrottleKey([1; 16]);
const OTHER: ThrottleKey = ThrottleKey([2; 16]);

#[tokio::test]
async fn a_refused_charge_records_nothing() {
    let store = super::store();
    let tight = Limit { burst: 1, every: Span::hours(1) };
    assert_eq!(store.charge(vec![(OTHER, tight)], T0).await.unwrap(), None);
    for _ in 0..10 {
        let wait = store.charge(vec![(KEY, LIMIT), (OTHER, tight)], T0).await.unwrap();
        assert_eq!(wait, Some(Span::hours(1)));
    }
    for _ in 0..3 {
        assert_eq!(store.charge(vec![(KEY, LIMIT)], T0).await.unwrap(), None);
    }
    let both = store.charge(vec![(OTHER, tight), (KEY, LIMIT)], T0).await.unwrap();
    assert_eq!(both, Some(Span::hours(1)), "the longest wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_made_at_the_same_time_never_exceed_the_burst() {
    let store = super::store();
    let charge = |now: UnixMillis| {
        let store = store.clone();
        async move { insist(|| store.charge(vec![(KEY, LIMIT)], now)).await }
    };
    let allowed = |waits: Vec<Option<Span>>| waits.iter().filter(|wait| wait.is_none()).count();
    assert_eq!(allowed(at_once(50, |_| charge(T0)).await), 3);
    assert_eq!(allowed(at_once(50, |_| charge(T0 + Span::minutes(2))).await), 2);
}

#[tokio::test]
async fn a_key_that_is_named_twice_is_charged_twice() {
    let store = super::store();
    assert_eq!(store.charge(vec![(KEY, LIMIT), (KEY, LIMIT)], T0).await.unwrap(), None);
    assert_eq!(store.charge(vec![(KEY, LIMIT), (KEY, LIMIT)], T0).await.unwrap(), Some(Span::minutes(1)));
    assert_eq!(store.charge(vec![(KEY, LIMIT)], T0).await.unwrap(), None);
}

#[tokio::test]
async fn a_try_that_is_given_back_can_be_made_again_and_no_more_than_that() {
    let store = super::store();
    for now in [T0, T0 + Span::hours(1)] {
        store.charge(vec![(KEY, LIMIT); 3], now).await.unwrap();
        store.refund(vec![(KEY, LIMIT), (OTHER, LIMIT)], now).await.unwrap();
        assert_eq!(store.charge(vec![(KEY, LIMIT)], now).await.unwrap(), None);
        assert_eq!(store.charge(vec![(KEY, LIMIT)], now).await.unwrap(), Some(Span::minutes(1)));
    }
    let free = T0 + Span::hours(2);
    store.refund(vec![(KEY, LIMIT); 9], free).await.unwrap();
    assert_eq!(store.charge(vec![(OTHER, LIMIT), (KEY, LIMIT)], free).await.unwrap(), None);
    store.charge(vec![(KEY, LIMIT); 2], free).await.unwrap();
    assert_eq!(store.charge(vec![(KEY, LIMIT)], free).await.unwrap(), Some(Span::minutes(1)), "no credit is saved up");
}
