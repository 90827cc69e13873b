//! How long it takes to move many sessions.

use std::time::Instant;

use store::{Options, Store, Transfer};

use crate::support::{TestStore, session_id};

/// A hundred thousand sessions of as many users, with a grant each; every tenth has ended.
const MANY: &str = "pragma foreign_keys = off;
    with recursive n (n) as (select 1 union all select n + 1 from n where n < 100000)
    insert into users select printf('%016d', n), 'user-' || n, null, '$argon2id$', 'user', 0, 1, null from n;
    insert into sessions select 1, 1, 1, 1, 0, null, case when rowid_of.n % 10 = 0 then 1 end, 1, 0, cast(user_id as blob), user_id,
        randomblob(16), x'c0000201', 'pwd', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
        case when rowid_of.n % 10 = 0 then 'logged_out' end
        from users join (select cast(substr(username, 6) as integer) as n, user_id as id from users) as rowid_of on id = user_id;
    insert into grants select user_id, user_id, 'first-party', 'openid', 3, 1 from users;
    insert into revocations (kind, key, value, keep_until) select 'session', session_id, 0, 1 from sessions
        where ended_at is not null;";

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_sessions_move_within_minutes() {
    let (source, target) = (TestStore::on_sqlite(), TestStore::on_postgres());
    target.close().await;
    source.execute(&MANY.replace("printf('%016d', n)", "cast(printf('%016d', n) as blob)"));
    let (began, mut told) = (Instant::now(), 0);
    let transfer = Transfer { from: source.database(), to: target.database() };
    let moved = tokio::task::block_in_place(|| transfer.run([1; 16], &mut |_| told += 1)).unwrap();
    let rows: u64 = moved.tables.iter().map(|table| table.rows).sum();
    let seconds = began.elapsed().as_secs_f64();
    println!("{rows} rows in {seconds:.1} s: {:.0} rows/s, copied and compared", rows as f64 / seconds);
    assert_eq!(rows, 310_000);
    assert!(told > 200, "{told}");
    let there = Store::open(&Options::new(target.database())).unwrap();
    assert!(there.session(session_id(0)).await.unwrap().is_none());
    assert_eq!(target.count("select count(*) from sessions where ended_at is null"), 90_000);
    assert_eq!(target.count("select max(length(user_agent)) from sessions"), 70);
}
