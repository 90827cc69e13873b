//! Moving an installation between the engines: whole, once, and safely broken off at any step.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use domain::throttle::Limit;
use domain::{EndedWhy, Roles, SecretHash, Span};
use store::{
    Database, Error, Listener, Move, Moved, NewKey, NewSession, OpenError, Options, Position, Progress, Rotated, Store,
    Task, ThrottleKey, Transfer, TransferError,
};
use tokio::task::JoinSet;

use crate::support::{KEEP, T0, TestStore, new_session, new_user, refresh, session_id};

const TABLES: [&str; 11] = [
    "users",
    "setup_offers",
    "sessions",
    "grants",
    "revocations",
    "throttles",
    "signing_keys",
    "meta",
    "sealed_secrets",
    "verifiers",
    "client_endings",
];

/// Something in every table: live and ended sessions, chains in the middle, a revoked key, a throttle, a raised epoch.
pub(crate) async fn furnish(store: &Store) {
    store.begin_master(7, vec![9; 60]).await.unwrap();
    let key = |kid: &str| NewKey {
        kid: kid.into(),
        algorithm: "EdDSA".into(),
        public_jwk: "{\"kty\":\"OKP\"}".into(),
        sealed: vec![0, 255, 10],
        sealed_under: 7,
        created_at: T0,
    };
    // In the order of the bytes, capitals come first; in that of most languages they do not.
    store.begin_key(key("b")).await.unwrap();
    store.add_key(key("C")).await.unwrap();
    store.revoke_key("b", key("a"), KEEP, T0).await.unwrap().unwrap();
    store.offer_setup(|_| SecretHash([3; 32]), T0 + Span::hours(1), T0).await.unwrap();
    store.add_user(new_user(10)).await.unwrap();
    let mut before = new_session(10, 10);
    before.grant.as_mut().unwrap().client_id = "orders".into();
    store.open_session(NewSession { now: T0 - Span(1), ..before }).await.unwrap().unwrap();
    store.end_everybody(T0 - Span(1), T0 - Span(1)).await.unwrap();
    for n in 1..=9 {
        store.add_user(new_user(n)).await.unwrap();
        let mut session = new_session(n, n);
        session.user_agent = "日本; 'x' \\ \n ✓".into();
        store.open_session(session).await.unwrap().unwrap();
        for rotation in 0..u32::from(n % 4) {
            store.rotate(refresh(n, rotation)).await.unwrap();
        }
    }
    store.end_session(session_id(2), EndedWhy::Logout, KEEP, T0).await.unwrap();
    store.set_roles(new_user(3).user_id, &Roles::admin(), KEEP, T0).await.unwrap();
    let limit = Limit { burst: 3, every: Span::minutes(1) };
    store.charge(vec![(ThrottleKey([1; 16]), limit)], T0).await.unwrap();
    store.add_verifier("orders".to_owned(), SecretHash([4; 32]), T0).await.unwrap();
    let listener = Listener {
        verifier: "orders".to_owned(),
        instance: "orders-1".to_owned(),
        position: Some("1.6.1:0".to_owned()),
        acknowledged_at: T0,
        asked_at: T0,
        bound: Span::seconds(5),
    };
    store.note_listeners(vec![listener]).await.unwrap();
    store.raise_clock_floor(T0).await.unwrap();
    store.end_client("orders", T0, T0).await.unwrap();
}

/// Both directions: from a furnished store to an empty place.
pub(crate) async fn directions() -> [(TestStore, TestStore); 2] {
    let pairs =
        [(TestStore::on_sqlite(), TestStore::on_postgres()), (TestStore::on_postgres(), TestStore::on_sqlite())];
    for (source, target) in &pairs {
        furnish(source).await;
        // It was opened only to have its tables.
        target.close().await;
        for (store, number) in [(source, 6), (target, 5)] {
            store.execute(&format!(
                "insert into meta (name, value) values ('revocations_source', {number})
                on conflict (name) do update set value = excluded.value"
            ));
        }
    }
    pairs
}

pub(crate) fn transfer(source: &TestStore, target: &TestStore) -> Transfer {
    Transfer { from: source.database(), to: target.database() }
}

pub(crate) fn quiet(transfer: &Transfer) -> Result<Moved, TransferError> {
    transfer.run([1; 16], &mut |_| {})
}

pub(crate) fn open(database: Database) -> Result<Store, OpenError> {
    crate::support::open(&Options::new(database))
}

pub(crate) fn refusal(store: &TestStore) -> String {
    open(store.database()).map(drop).unwrap_err().to_string()
}

fn rows(store: &TestStore) -> Vec<i64> {
    let of_the_database = |table: &str| if table == "meta" { "where name <> 'revocations_source'" } else { "" };
    TABLES.map(|table| store.count(&format!("select count(*) from {table} {}", of_the_database(table)))).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_whole_in_either_direction_and_goes_on_there() {
    for (source, target) in directions().await {
        let before =
            (source.accounts(None, 100).await.unwrap().len(), source.entries().await, source.master().await.unwrap());
        let moved = quiet(&transfer(&source, &target)).unwrap();
        assert_eq!(moved.tables.len(), TABLES.len());
        assert!(moved.tables.iter().all(|table| table.rows > 0 && table.sha256.len() == 64), "{moved:?}");
        assert_eq!(rows(&source), rows(&target));
        let listeners = [&source, &target].map(|store| store.count("select count(*) from listeners"));
        assert_eq!(listeners, [1, 0], "who listened here asks there by itself");

        if target.is_on_server() {
            let unseen =
                "select count(*) from pg_class where relname in ('users', 'sessions', 'grants') and reltuples < 1
                and relnamespace = current_schema()::regnamespace";
            assert_eq!(target.count(unseen), 0, "the planner knows what has arrived");
        }

        let there = open(target.database()).unwrap();
        let entries = there.revocations_since(&Position::default()).await.unwrap().revocations;
        assert_eq!((there.accounts(None, 100).await.unwrap().len(), entries, there.master().await.unwrap()), before);
        assert_eq!(there.clock_floor().await.unwrap(), Some(T0));
        let number = target.count("select value from meta where name = 'revocations_source'");
        assert_eq!(number, 5, "each database has a log of its own");
        assert_eq!(there.current_move().await.unwrap(), None);
        assert!(
            matches!(there.rotate(refresh(7, 3)).await.unwrap(), Rotated::Issued { grant, .. } if grant.rotation == 4)
        );
        assert!(matches!(there.rotate(refresh(2, 2)).await.unwrap(), Rotated::Refused));
        assert!(matches!(there.rotate(refresh(10, 0)).await.unwrap(), Rotated::Refused), "it ended with all others");
        // The log is numbered on from where it was.
        there.end_session(session_id(5), EndedWhy::Logout, KEEP, T0).await.unwrap();
        assert_eq!(there.revocations_since(&Position::default()).await.unwrap().revocations.len(), before.1.len() + 1);
        there.check().await.unwrap();

        assert!(matches!(source.current_move().await, Ok(Some(Move::Left(_)))));
        let refusal = refusal(&source);
        assert!(refusal.contains("was moved to") && refusal.contains(&moved.to), "{refusal}");
        let again = quiet(&transfer(&source, &target)).unwrap_err();
        assert!(matches!(again, TransferError::Moved { .. }), "{again}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_moves_everything_can_be_read_nothing_changed_and_no_server_started() {
    for (source, target) in directions().await {
        let (running, looked) = (source.beside(), AtomicUsize::new(0));
        let look = async || {
            assert!(matches!(running.session(session_id(1)).await, Ok(Some(_))));
            running.check().await.unwrap();
            for refused in [
                running.rotate(refresh(1, 1)).await.map(drop),
                running.add_user(new_user(200)).await.map(drop),
                running.end_session(session_id(1), EndedWhy::Logout, KEEP, T0).await.map(drop),
                running.raise_clock_floor(T0 + Span(1)).await,
                running.charge(vec![(ThrottleKey([9; 16]), Limit { burst: 1, every: Span(9) })], T0).await.map(drop),
                running.sweep(T0 + Span::days(90), Span::ZERO).await.map(drop),
            ] {
                assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
            }
            assert!(refusal(&source).contains("is being moved to"));
            let why = refusal(&target);
            // A file is locked as well while it is filled, and only that can be said of it then.
            assert!(why.contains("migration in progress") || why.contains("keeps it locked"), "{why}");
        };
        let mut watch = |progress: Progress| {
            if looked.fetch_add(1, Ordering::Relaxed) == 0 {
                assert_eq!(progress.task, Task::Copy);
                let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                std::thread::scope(|scope| scope.spawn(|| runtime().block_on(look())).join().unwrap());
            }
        };
        transfer(&source, &target).run([1; 16], &mut watch).unwrap();
        assert!(looked.load(Ordering::Relaxed) > 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_off_at_any_step_it_can_be_done_anew_and_never_leaves_two_halves() {
    for (source, target) in directions().await {
        let (whole, mut steps) = (rows(&source), 0);
        loop {
            let mut left = steps;
            let outcome = transfer(&source, &target).run([steps as u8; 16], &mut |_| {
                assert!(left > 0, "broken off here");
                left -= 1;
            });
            if outcome.is_ok() {
                break;
            }
            assert!(refusal(&source).contains("being moved to"));
            assert!(refusal(&target).contains("migration in progress"));
            assert!(rows(&target).iter().all(|rows| *rows == 0), "half an installation");
            steps += 1;
        }
        assert!(steps > 30, "{steps}");
        assert_eq!(rows(&target), whole);
        open(target.database()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_changed_in_the_target_is_found_whichever_table_it_is_in() {
    let (source, target) = (TestStore::on_sqlite(), TestStore::on_postgres());
    furnish(&source).await;
    target.close().await;
    for (table, change) in TABLES.into_iter().zip([
        "new.epoch := new.epoch + 1",
        "new.expires_at := new.expires_at - 1",
        "new.user_agent := new.user_agent || ' '",
        "new.rotation := new.rotation # 1",
        "new.keep_until := new.keep_until - 1",
        "new.free_at := new.free_at + 1",
        "new.sealed := case when length(new.sealed) > 0 then set_bit(new.sealed, 0, 1 - get_bit(new.sealed, 0)) end",
        "return null",
        "new.sealed := set_bit(new.sealed, 7, 1 - get_bit(new.sealed, 7))",
        "new.created_at := new.created_at + 1",
        "new.ended_at := new.ended_at + 1",
    ]) {
        target.execute(&format!(
            "create or replace function spoil() returns trigger language plpgsql as $$ begin {change}; return new; end $$;
            create trigger spoil before insert on {table} for each row when (pg_trigger_depth() = 0) execute function spoil()"
        ));
        let error = quiet(&transfer(&source, &target)).unwrap_err();
        let differs = matches!(&error, TransferError::Differs { table: found, .. } if *found == table);
        // An erased key has no private half to spoil; then the column itself objects.
        assert!(differs || table == "signing_keys", "{table}: {error}");
        assert!(rows(&target).iter().all(|rows| *rows == 0), "{table}");
        source.check().await.unwrap();
        source.raise_clock_floor(T0).await.unwrap();
        target.execute(&format!("drop trigger spoil on {table}"));
    }
    quiet(&transfer(&source, &target)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_while_it_is_closed_arrives() {
    for (source, target) in directions().await {
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let mut clients = JoinSet::new();
        for n in [4, 6, 7, 8] {
            let (store, acknowledged) = (source.beside(), Arc::clone(&acknowledged));
            clients.spawn(async move {
                let mut rotation = u32::from(n % 4);
                loop {
                    match store.rotate(refresh(n, rotation)).await {
                        Ok(Rotated::Issued { grant, .. }) => {
                            rotation = grant.rotation;
                            acknowledged.lock().unwrap().push((n, rotation));
                        }
                        // The others were always quicker to write: it is asked again.
                        Err(Error::Unavailable) => {}
                        _ => break,
                    }
                }
            });
        }
        let is_busy = || {
            let acknowledged = acknowledged.lock().unwrap();
            [4, 6, 7, 8].iter().all(|n| acknowledged.iter().filter(|(of, _)| of == n).count() >= 10)
        };
        while !is_busy() {
            tokio::task::yield_now().await;
        }
        let (moving, databases) = (transfer(&source, &target), (source.database(), target.database()));
        tokio::task::spawn_blocking(move || quiet(&moving)).await.unwrap().unwrap();
        clients.join_all().await;
        let there = open(databases.1).unwrap();
        for n in [4, 6, 7, 8] {
            let told = acknowledged.lock().unwrap().iter().filter(|(of, _)| *of == n).map(|(_, r)| *r).max().unwrap();
            let next = there.rotate(refresh(n, told)).await.unwrap();
            assert!(matches!(next, Rotated::Issued { grant, .. } if grant.rotation == told + 1), "{n}");
        }
    }
}
