use domain::session::{SEEN_INTERVAL, Timeouts};
use domain::throttle::Limit;
use domain::{EndedWhy, PasswordHash, Roles, Span, UserId};
use store::{NewSession, NewUser, Revoked, ThrottleKey};

use crate::support::{KEEP, T0, TIMEOUTS, new_session, new_user, revoked, session_id, user_id};

#[tokio::test]
async fn a_session_reads_back_as_it_was_opened() {
    let store = super::store();
    store.user(1).await;
    let mut new = new_session(1, 1);
    new.user_agent = "é".repeat(200);
    new.ip = "2001:db8::7".parse().unwrap();
    let opened = store.open_session(new).await.unwrap().unwrap();
    let read = store.session(session_id(1)).await.unwrap().unwrap();
    for live in [&opened.live, &read] {
        let session = &live.session;
        assert_eq!(
            (session.session_id, session.user_id, live.account.user_id),
            (session_id(1), user_id(1), user_id(1))
        );
        assert_eq!(session.cookie_hash.unwrap().0, [1; 16]);
        assert_eq!((session.created_at, session.authenticated_at, session.seen_at), (T0, T0, T0));
        assert_eq!(session.idle_expires_at, T0 + TIMEOUTS.idle + SEEN_INTERVAL);
        assert_eq!(session.expires_at, T0 + TIMEOUTS.absolute);
        assert_eq!(session.amr, ["pwd", "otp"]);
        assert_eq!(session.user_agent, "é".repeat(128));
        assert_eq!(session.ip.to_string(), "2001:db8::7");
        assert_eq!((session.epoch_at_issue, session.max_access_exp), (0, T0 + Span::minutes(10)));
        assert!(session.ended.is_none());
    }
    assert!(opened.replaced.is_none());
    assert!(store.session(session_id(2)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_login_replaces_rehashes_and_refunds_together() {
    let store = super::store();
    store.user(1).await;
    store.session_of(1, 1).await;
    let limit = Limit { burst: 1, every: Span::minutes(1) };
    let tries = vec![(ThrottleKey([5; 16]), limit)];
    assert_eq!(store.charge(tries.clone(), T0).await.unwrap(), None);

    let mut new = new_session(1, 2);
    new.replaces = Some(session_id(1));
    new.rehash = Some(PasswordHash("$stronger".into()));
    new.refund = tries.clone();
    let opened = store.open_session(new).await.unwrap().unwrap();

    assert_eq!(revoked(&opened.replaced.unwrap()), [Revoked::Session(session_id(1))]);
    assert_eq!(store.ended(1).await, Some(EndedWhy::Replaced));
    let login = store.account_for_login(&"user-001".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((login.password.unwrap().0.as_str(), login.account.epoch), ("$stronger", 0));
    assert_eq!(store.charge(tries, T0).await.unwrap(), None, "the try was given back");

    let mut new = new_session(1, 3);
    new.replaces = Some(session_id(1));
    assert!(store.open_session(new).await.unwrap().unwrap().replaced.is_none(), "it was over already");
}

#[tokio::test]
async fn a_users_sessions_are_counted_and_listed_while_they_admit() {
    let store = super::store();
    store.user(1).await;
    store.user(2).await;
    for session in 1..=4 {
        store.session_of(1, session).await;
    }
    store.session_of(2, 5).await;
    store.end_session(session_id(2), EndedWhy::Logout, KEEP, T0).await.unwrap();
    let (soon, later) = (T0 + Span::hours(1), T0 + Span::hours(2));
    store.touch(vec![(session_id(3), soon), (session_id(1), later)], TIMEOUTS.idle).await.unwrap();

    let listed = async |now| -> Vec<_> {
        let listed = store.sessions_of(user_id(1), now).await.unwrap();
        assert_eq!(store.count_sessions(user_id(1), now).await.unwrap(), listed.len() as u64);
        listed.iter().map(|session| session.session_id).collect()
    };
    assert_eq!(listed(T0).await, [session_id(1), session_id(3), session_id(4)]);
    let idle = T0 + TIMEOUTS.idle + SEEN_INTERVAL;
    assert_eq!(listed(idle).await, [session_id(1), session_id(3)]);
    assert_eq!(listed(T0 + TIMEOUTS.absolute).await, []);
    assert_eq!(store.count_sessions(user_id(2), T0).await.unwrap(), 1);
    assert_eq!(store.count_sessions(user_id(9), T0).await.unwrap(), 0, "nobody");
}

#[tokio::test]
async fn users_whose_ids_end_alike_keep_their_sessions_apart() {
    let store = super::store();
    let alike = [1, 2].map(|n| UserId([[n; 12].as_slice(), &[9; 4]].concat().try_into().unwrap()));
    for (n, user_id) in (1..).zip(alike) {
        store.add_user(NewUser { user_id, ..new_user(n) }).await.unwrap();
        for session in [10 * n, 10 * n + 1] {
            store.open_session(NewSession { user_id, ..new_session(n, session) }).await.unwrap().unwrap();
        }
    }
    let [one, other] = alike;
    let listed = async || {
        let mut found = [Vec::new(), Vec::new()];
        for (found, user_id) in found.iter_mut().zip(alike) {
            found.extend(store.sessions_of(user_id, T0).await.unwrap().iter().map(|session| session.session_id.0[0]));
            assert_eq!(store.count_sessions(user_id, T0).await.unwrap(), found.len() as u64);
        }
        found
    };
    assert_eq!(listed().await, [[10, 11], [20, 21]]);
    store.end_other_sessions(one, session_id(10), EndedWhy::EndedByUser, KEEP, T0).await.unwrap();
    store.set_roles(one, &Roles::admin(), KEEP, T0).await.unwrap();
    assert_eq!(listed().await, [vec![10], vec![20, 21]]);
    assert_eq!(store.session(session_id(20)).await.unwrap().unwrap().session.epoch_at_issue, 0);
    store.end_all_sessions(other, EndedWhy::EndedByUser, KEEP, T0).await.unwrap();
    assert_eq!(listed().await, [vec![10], vec![]]);
}

#[tokio::test]
async fn a_touch_moves_forward_never_past_the_absolute_deadline_and_revives_nothing() {
    let store = super::store();
    store.user(1).await;
    let expires_at = store.session_of(1, 1).await.session.expires_at;
    let touched = async |at| {
        store.touch(vec![(session_id(1), at)], TIMEOUTS.idle).await.unwrap();
        let session = store.session(session_id(1)).await.unwrap().unwrap().session;
        (session.seen_at, session.idle_expires_at)
    };
    let later = T0 + Span::hours(20);
    let moved = (later, TIMEOUTS.idle_deadline(later, expires_at));
    assert_eq!(touched(later).await, moved);
    assert_eq!(touched(T0).await, moved, "an older sight changes nothing");
    assert_eq!(touched(moved.1).await, moved, "past the deadline it is too late");

    store.touch(vec![(session_id(1), moved.1 - Span(1))], Span::days(30)).await.unwrap();
    assert_eq!(store.session(session_id(1)).await.unwrap().unwrap().session.idle_expires_at, expires_at);
    store.end_session(session_id(1), EndedWhy::Logout, KEEP, T0).await.unwrap();
    assert_eq!(touched(expires_at - Span(1)).await, (moved.1 - Span(1), expires_at), "it is over");
}

#[tokio::test]
async fn ending_a_session_leaves_one_entry_in_the_log() {
    let store = super::store();
    store.user(1).await;
    store.session_of(1, 1).await;
    let receipt = store.end_session(session_id(1), EndedWhy::Logout, KEEP, T0).await.unwrap();
    assert_eq!(revoked(&receipt), [Revoked::Session(session_id(1))]);
    assert_eq!(store.entries().await, receipt.revocations);
    assert_eq!(store.ended(1).await, Some(EndedWhy::Logout));
    for again in [1, 9] {
        let receipt = store.end_session(session_id(again), EndedWhy::EndedByUser, KEEP, T0).await.unwrap();
        assert_eq!(revoked(&receipt), []);
    }
    assert_eq!(store.ended(1).await, Some(EndedWhy::Logout), "the first reason stays");
}

#[tokio::test]
async fn a_session_expires_only_once_a_stored_deadline_has_passed() {
    let store = super::store();
    store.user(1).await;
    let first = store.session_of(1, 1).await.session;
    store.session_of(1, 2).await;
    let expire = async |session, now| {
        let receipt = store.expire_session(session_id(session), KEEP, now).await.unwrap();
        receipt.map(|receipt| revoked(&receipt))
    };
    assert_eq!(expire(1, first.idle_expires_at - Span(1)).await, None);
    store.touch(vec![(session_id(1), T0 + Span::hours(1))], TIMEOUTS.idle).await.unwrap();
    assert_eq!(expire(1, first.idle_expires_at).await, None, "it was used since it was read");
    assert_eq!((store.ended(1).await, store.log().await), (None, vec![]));

    assert_eq!(expire(2, first.idle_expires_at).await, Some(vec![Revoked::Session(session_id(2))]));
    assert_eq!(store.ended(2).await, Some(EndedWhy::Expired));
    assert_eq!(expire(1, first.expires_at).await, Some(vec![Revoked::Session(session_id(1))]));
    for over in [1, 2, 9] {
        assert_eq!(expire(over, T0).await, Some(vec![]), "{over}");
    }
    assert_eq!(store.log().await, [Revoked::Session(session_id(2)), Revoked::Session(session_id(1))]);
}

#[tokio::test]
async fn nobody_ends_a_session_of_somebody_else() {
    let store = super::store();
    store.user(1).await;
    store.user(2).await;
    store.session_of(1, 1).await;
    let end = |user, session| store.end_session_of(user_id(user), session_id(session), EndedWhy::EndedByUser, KEEP, T0);
    assert!(end(2, 1).await.unwrap().is_none());
    assert!(end(1, 9).await.unwrap().is_none());
    assert_eq!(store.ended(1).await, None);
    assert_eq!(revoked(&end(1, 1).await.unwrap().unwrap()), [Revoked::Session(session_id(1))]);
    assert_eq!(revoked(&end(1, 1).await.unwrap().unwrap()), []);
}

#[tokio::test]
async fn all_other_devices_are_logged_out_and_this_one_stays() {
    let store = super::store();
    store.user(1).await;
    store.user(2).await;
    for session in 1..=3 {
        store.session_of(1, session).await;
    }
    store.session_of(2, 4).await;
    let receipt = store.end_other_sessions(user_id(1), session_id(2), EndedWhy::EndedByUser, KEEP, T0).await.unwrap();
    let mut ended = revoked(&receipt);
    ended.sort_by_key(|entry| format!("{entry:?}"));
    assert_eq!(ended, [Revoked::Session(session_id(1)), Revoked::Session(session_id(3))]);
    assert_eq!([store.ended(2).await, store.ended(4).await], [None, None]);
}

#[tokio::test]
async fn an_account_has_at_most_100_sessions_and_the_least_recently_seen_give_way() {
    let store = super::store();
    store.user(1).await;
    store.user(2).await;
    store.session_of(2, 200).await;
    for session in 0..100 {
        store.session_of(1, session).await;
    }
    let seen = (0..100).filter(|n| ![7, 8].contains(n)).map(|n| (session_id(n), T0 + Span(1))).collect();
    store.touch(seen, TIMEOUTS.idle).await.unwrap();

    let replacing = NewSession { replaces: Some(session_id(50)), ..new_session(1, 100) };
    let opened = store.open_session(replacing).await.unwrap().unwrap();
    assert_eq!(revoked(&opened.replaced.unwrap()), [Revoked::Session(session_id(50))], "that made room enough");

    // Two too many, as if the limit had been higher before.
    store.execute("update sessions set ended_at = null, ended_why = null");
    let opened = store.open_session(new_session(1, 101)).await.unwrap().unwrap();
    let receipt = opened.replaced.unwrap();
    let mut ended = revoked(&receipt);
    ended.sort_by_key(|entry| format!("{entry:?}"));
    // 7, 8 and 100 were seen at the same time; among them the greater ids give way.
    assert_eq!(ended, [Revoked::Session(session_id(8)), Revoked::Session(session_id(100))]);
    assert!(receipt.revocations.iter().all(|entry| entry.keep_until == KEEP));
    assert_eq!(store.ended(8).await, Some(EndedWhy::Replaced));
    assert_eq!([store.ended(7).await, store.ended(101).await, store.ended(200).await], [None; 3]);
    assert_eq!(store.sessions_of(user_id(1), T0).await.unwrap().len(), 100);
}

#[tokio::test]
async fn a_session_past_a_deadline_gives_way_before_one_that_still_stands() {
    let store = super::store();
    store.user(1).await;
    let short = Timeouts { absolute: Span::minutes(1), ..TIMEOUTS };
    let brief = NewSession { timeouts: short, now: T0 + Span(1), ..new_session(1, 0) };
    store.open_session(brief).await.unwrap().unwrap();
    for session in 1..100 {
        store.session_of(1, session).await;
    }
    let later = NewSession { now: T0 + Span::minutes(2), ..new_session(1, 100) };
    let opened = store.open_session(later).await.unwrap().unwrap();
    assert_eq!(revoked(&opened.replaced.unwrap()), [Revoked::Session(session_id(0))]);
}

#[tokio::test]
async fn all_devices_are_logged_out_at_once() {
    let store = super::store();
    store.user(1).await;
    store.user(2).await;
    for session in 0..100 {
        store.session_of(1, session).await;
    }
    store.session_of(2, 200).await;
    let all = store.end_all_sessions(user_id(1), EndedWhy::EndedByAdmin, KEEP, T0).await.unwrap();
    assert_eq!(store.entries().await, all.revocations);
    assert_eq!(all.revocations.len(), 100);
    assert_eq!([store.ended(50).await, store.ended(200).await], [Some(EndedWhy::EndedByAdmin), None]);
    assert!(store.sessions_of(user_id(1), T0).await.unwrap().is_empty());
    let none = store.end_all_sessions(user_id(1), EndedWhy::EndedByAdmin, KEEP, T0).await.unwrap();
    assert_eq!(revoked(&none), []);
}
