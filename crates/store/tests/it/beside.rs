//! While nodes are replaced one by one: what a node of the version before says is understood, or refused by the database.

use domain::{EndedWhy, Span};
use store::{Position, Revoked, Rotated};

use crate::support::{KEEP, T0, TIMEOUTS, TestStore, refresh, session_id, user_id};
use crate::upgrading::Earlier;

/// What the version of migration 10 writes. Frozen: it is as it was.
struct Version10(Earlier);

impl Version10 {
    /// When user 1 logs in as session `n`.
    fn login(&self, n: u8) -> String {
        let (id, user, cookie) = ((self.0.bytes)(&[n; 16]), (self.0.bytes)(&[1; 16]), (self.0.bytes)(&[n; 16]));
        let (at, idle, end) = (T0.0, T0.0 + 86_460_000, T0.0 + 1_209_600_000);
        let ip = (self.0.bytes)(&[192, 0, 2, 7]);
        format!(
            "insert into sessions (session_id, user_id, cookie_hash, created_at, seen_at, idle_expires_at, expires_at, amr,
                user_agent, ip, epoch_at_issue, max_access_minute, sweep_minute)
            select {id}, user_id, {cookie}, {at}, {at}, {idle}, {end}, 'pwd', 'curl', {ip}, epoch,
                (({at} + 600000 + 59999) / 60000), (({idle} + 59999) / 60000)
                from users where user_id = {user} and epoch = 0 and disabled_at is null;
            insert into grants (grant_id, session_id, client_id, scope, rotation, rotated_at)
            values ({id}, {id}, 'first-party', 'openid email', 0, {at});"
        )
    }

    fn refresh(&self, n: u8) -> String {
        let id = (self.0.bytes)(&[n; 16]);
        format!(
            "update grants set rotation = 1, rotated_at = {at} where grant_id = {id} and rotation = 0;
            update sessions set seen_at = {at}, idle_expires_at = {at} + 86460000,
            max_access_minute = (({at} + 600000 + 59999) / 60000) where session_id = {id};",
            at = T0.0 + 1000,
        )
    }

    fn logout(&self, n: u8) -> String {
        let id = (self.0.bytes)(&[n; 16]);
        format!(
            "update sessions set ended_at = {at}, ended_why = 'logout' where session_id = {id} and ended_at is null;
            insert into revocations (kind, key, value, keep_until) values ('session', {id}, 0, {});",
            KEEP.0,
            at = T0.0,
        )
    }
}

/// What it writes at a sweep.
const SWEEP: &str = "update sessions set ended_at = 1800090000000, ended_why = 'expired'
    where ended_at is null and idle_expires_at <= 1800090000000 and session_id in
    (select session_id from sessions where ended_at is null and sweep_minute <= 1800090000000 / 60000
    and idle_expires_at <= 1800090000000 order by sweep_minute limit 1000);";

#[tokio::test]
async fn an_earlier_version_goes_on_beside_this_one_while_nodes_are_replaced_one_by_one() {
    for is_on_server in [false, true] {
        let earlier = Earlier::on(is_on_server);
        let store = TestStore::after(is_on_server, &(earlier.made(9) + &earlier.user()));
        let earlier = Version10(earlier);
        store.execute(&earlier.login(1));
        let position = store.revocations_since(&Position::default()).await.unwrap().position;
        store.execute(&(earlier.login(3) + &earlier.login(4) + &earlier.refresh(3) + &earlier.logout(4)));
        assert_eq!(store.count_sessions(user_id(1), T0).await.unwrap(), 2);
        let news = store.revocations_since(&position).await.unwrap().revocations;
        assert_eq!(news.into_iter().map(|entry| entry.revoked).collect::<Vec<_>>(), [Revoked::Session(session_id(4))]);
        assert!(matches!(store.rotate(refresh(3, 1)).await.unwrap(), Rotated::Issued { repeated: false, .. }));
        // And the other way round: what this version has opened, that one refreshes, ends and sweeps.
        for session in [5, 6] {
            store.session_of(1, session).await;
        }
        store.execute(&(earlier.refresh(5) + &earlier.logout(6)));
        assert!(matches!(store.rotate(refresh(5, 1)).await.unwrap(), Rotated::Issued { repeated: false, .. }));
        assert_eq!(store.ended(6).await, Some(EndedWhy::Logout));
        store.execute(SWEEP);
        assert_eq!(store.ended(1).await, Some(EndedWhy::Expired));
        let swept = store.sweep(T0 + TIMEOUTS.idle + Span::hours(2), Span::days(30)).await.unwrap();
        assert!(swept.expired.revocations.is_empty(), "nothing was left to end");
        store.close().await;
    }
}

/// What the version of migration 9 says of sessions and finds no column for: logins, readings, refreshes and sweeps. It has committed
/// nothing then, because each is a transaction's first statement about sessions or undone with it. `ID` is session 1's.
const REFUSED: [&str; 7] = [
    "insert into sessions (session_id, user_id, cookie_hash, created_at, authenticated_at, seen_at, idle_expires_at, expires_at, amr,
        user_agent, ip, epoch_at_issue, max_access_exp, sweep_at)
    select ID, user_id, null, 1, 1, 1, 1, 1, 'pwd', 'curl', '192.0.2.7', epoch, 1, 60000 from users",
    "select s.session_id, s.user_id, s.cookie_hash, s.created_at, s.authenticated_at, s.seen_at, s.idle_expires_at, s.expires_at, s.amr,
        s.user_agent, s.ip, s.epoch_at_issue, s.max_access_exp, s.ended_at, s.ended_why from sessions s where s.session_id = ID",
    "select g.grant_id, s.max_access_exp from grants g join sessions s using (session_id) where g.session_id = ID",
    "update sessions set seen_at = 1, idle_expires_at = 1, max_access_exp = 1 where session_id = ID",
    "update sessions set sweep_at = (idle_expires_at + 59999) / 60000 * 60000 where ended_at is null and idle_expires_at > 1
        and session_id in (select session_id from sessions where ended_at is null and sweep_at <= 1 and idle_expires_at > 1
        order by sweep_at limit 1000)",
    "update sessions set ended_at = 1, ended_why = 'expired' where ended_at is null and idle_expires_at <= 1 and session_id in
        (select session_id from sessions where ended_at is null and sweep_at <= 1 and idle_expires_at <= 1 order by sweep_at limit 1000)
        returning session_id, max_access_exp",
    "update sessions set ended_at = 1, ended_why = 'ended_by_admin' where ended_at is null and seen_at > 1 and created_at <= 1
        returning session_id, max_access_exp",
];

/// What it says and is understood, because these columns have stayed as they were: that a session was seen, that it has gone on in
/// a higher epoch, and that it has ended. `ID` is session 1's, `USER` its user's, `OTHER` session 2's.
const UNDERSTOOD: [&str; 4] = [
    "update sessions set seen_at = SEEN, idle_expires_at = case when IDLE < expires_at then IDLE else expires_at end
        where session_id = ID and ended_at is null and seen_at < SEEN and idle_expires_at > SEEN",
    "update sessions set epoch_at_issue = 1 where user_id = USER and ended_at is null and epoch_at_issue = 1 - 1",
    "update sessions set ended_at = 7, ended_why = 'logout' where session_id = OTHER and ended_at is null
        and created_at > coalesce((select value from meta where name = 'everybody_ended_at'), -1)",
    "update sessions set ended_at = 7, ended_why = 'replaced' where ended_at is null and session_id in
        (select session_id from sessions where user_id = USER and session_id <> ID and ended_at is null
        order by idle_expires_at <= 7, seen_at desc, session_id limit 9 offset 0)",
];

#[tokio::test]
async fn what_the_version_before_the_lighter_rows_says_beside_this_one_is_refused_or_understood() {
    for is_on_server in [false, true] {
        let earlier = Earlier::on(is_on_server);
        let store = TestStore::after(is_on_server, &(earlier.made(9) + &earlier.user()));
        for session in 1..=3 {
            store.session_of(1, session).await;
        }
        let [id, other, user] = [[1; 16], [2; 16], [1; 16]].map(|id| (earlier.bytes)(&id));
        let (seen, idle) = (T0 + Span::hours(1), T0 + Span::hours(26));
        let filled = |text: &str| {
            let text = text.replace("OTHER", &other).replace("USER", &user);
            let text = text.replace("SEEN", &seen.0.to_string()).replace("IDLE", &idle.0.to_string());
            text.replace("ID", &id)
        };
        for text in REFUSED {
            assert!(finds_no_column(&store, &filled(text)), "{text}");
        }
        for text in UNDERSTOOD {
            store.execute(&filled(text));
        }
        let session = store.session(session_id(1)).await.unwrap().unwrap().session;
        assert_eq!((session.seen_at, session.idle_expires_at, session.epoch_at_issue), (seen, idle, 1));
        assert!(session.ended.is_none() && session.max_access_exp == T0 + Span::minutes(10));
        assert_eq!([store.ended(2).await, store.ended(3).await], [Some(EndedWhy::Logout), Some(EndedWhy::Replaced)]);
        store.close().await;
    }
}

/// Whether the database refuses a statement for a column that it does not have.
fn finds_no_column(store: &TestStore, text: &str) -> bool {
    if store.is_on_server() {
        // What goes through ends the program that asks.
        store.execute(&format!(
            "do $$ begin execute $text${text}$text$; raise exception 'went through'; exception when undefined_column then null; end $$"
        ));
        return true;
    }
    let refusal = store.outside().prepare(text).map(drop).unwrap_err().to_string();
    refusal.contains("no such column") || refusal.contains("has no column named")
}
