//! What is not moved, and moves that were broken off or given up.

use domain::Span;
use store::{Database, OpenError, Store, Transfer, TransferError, reopen};

use crate::support::{Place, T0, TestStore, refresh};
use crate::transfer::{directions, furnish, open, quiet, refusal, transfer};
use crate::upgrading::Earlier;

#[tokio::test(flavor = "multi_thread")]
async fn a_target_with_data_is_refused_and_both_stay_as_they_were() {
    for (source, target) in directions().await {
        target.execute("insert into meta (name, value) values ('clock_floor', 1)");
        let error = quiet(&transfer(&source, &target)).unwrap_err();
        assert!(matches!(&error, TransferError::NotEmpty { table: "meta", rows: 1, .. }), "{error}");
        assert!(error.to_string().contains("cannot be mixed") && !error.to_string().contains("password"), "{error}");
        assert_eq!(target.count("select count(*) from meta where name = 'clock_floor'"), 1);
        source.raise_clock_floor(T0 + Span(1)).await.unwrap();
        open(source.database()).unwrap();
        open(target.database()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_can_be_given_up_and_after_it_was_done_only_by_saying_so() {
    for (source, target) in directions().await {
        let broken_off = transfer(&source, &target).run([1; 16], &mut |_| panic!("broken off"));
        assert!(broken_off.is_err());
        let elsewhere = TestStore::on_sqlite();
        let error = quiet(&transfer(&source, &elsewhere)).unwrap_err();
        assert!(matches!(error, TransferError::Elsewhere { .. }), "{error}");
        let error = reopen(&target.database(), true).unwrap_err();
        assert!(matches!(error, TransferError::Unfinished { .. }), "{error}");

        reopen(&source.database(), false).unwrap();
        assert_eq!(source.count("select count(*) from setup_offers"), 1);
        source.rotate(refresh(7, 3)).await.unwrap();
        assert!(matches!(reopen(&source.database(), false), Err(TransferError::NotClosed(_))));

        quiet(&transfer(&source, &target)).unwrap();
        assert!(matches!(reopen(&source.database(), false), Err(TransferError::Moved { .. })));
        reopen(&source.database(), true).unwrap();
        assert_eq!(source.count("select count(*) from setup_offers"), 0, "it may have been used elsewhere");
        source.raise_clock_floor(T0 + Span(1)).await.unwrap();
        open(source.database()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_opened_again_meanwhile_stays_in_use_and_the_copy_is_not() {
    let (source, target) = (TestStore::on_sqlite(), TestStore::on_postgres());
    furnish(&source).await;
    target.close().await;
    let mut reopened = false;
    let outcome = transfer(&source, &target).run([1; 16], &mut |_| {
        if !std::mem::replace(&mut reopened, true) {
            reopen(&source.database(), false).unwrap();
        }
    });
    assert!(matches!(outcome, Err(TransferError::Reopened { .. })), "{outcome:?}");
    source.raise_clock_floor(T0 + Span(1)).await.unwrap();
    assert!(refusal(&target).contains("migration in progress"));
    quiet(&transfer(&source, &target)).unwrap();
    assert_eq!(open(target.database()).unwrap().clock_floor().await.unwrap(), Some(T0 + Span(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_or_moved_by_mistake() {
    let (source, target) = (TestStore::on_sqlite(), TestStore::on_postgres());
    let missing = Database::File(source.path().with_file_name("missing.db"));
    let error = Transfer { from: missing.clone(), to: target.database() }.run([1; 16], &mut |_| {}).unwrap_err();
    assert!(matches!(error, TransferError::NoSource(_)), "{error}");
    assert!(matches!(reopen(&missing, false), Err(TransferError::NoSource(_))));
    assert!(!source.path().with_file_name("missing.db").exists());
    assert!(matches!(quiet(&transfer(&source, &source)), Err(TransferError::Same(_))));
    let nowhere = Database::Server(Box::new("postgres://u:hunter2@127.0.0.1:1/d".parse().unwrap()));
    let error = Transfer { from: source.database(), to: nowhere }.run([1; 16], &mut |_| {}).unwrap_err();
    assert!(matches!(error, TransferError::Open(OpenError::Unreachable { .. })), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    source.raise_clock_floor(T0).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_off_before_the_last_step_only_that_is_done() {
    for (source, target) in directions().await {
        quiet(&transfer(&source, &target)).unwrap();
        target.execute("update transfers set state = 'arrived'");
        assert!(refusal(&target).contains("migration in progress"));
        let moved = quiet(&transfer(&source, &target)).unwrap();
        assert!(moved.tables.is_empty(), "{moved:?}");
        open(target.database()).unwrap();
        let error = quiet(&transfer(&source, &target)).unwrap_err();
        assert!(matches!(error, TransferError::Moved { .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_goes_on_under_another_name_of_the_same_databases() {
    for (source, target) in directions().await {
        assert!(transfer(&source, &target).run([1; 16], &mut |_| panic!("broken off")).is_err());
        for store in [&source, &target] {
            store.execute("update transfers set place = 'another name of it'");
        }
        quiet(&transfer(&source, &target)).unwrap();
        open(target.database()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn installations_in_two_schemas_of_one_database_are_moved_at_the_same_time() {
    let pairs = [(); 2].map(|()| (TestStore::on_sqlite(), TestStore::on_postgres()));
    for (source, target) in &pairs {
        furnish(source).await;
        target.close().await;
    }
    let [one, other] = pairs.each_ref().map(|(source, target)| transfer(source, target));
    let mut beside = None;
    let moved = one.run([1; 16], &mut |_| {
        beside.get_or_insert_with(|| other.run([2; 16], &mut |_| {}));
    });
    moved.unwrap();
    beside.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_itself_on_the_way_is_neither_source_nor_target_of_another_move() {
    for (source, target) in directions().await {
        let other = TestStore::on_sqlite();
        furnish(&other).await;
        assert!(transfer(&source, &target).run([1; 16], &mut |_| panic!("broken off")).is_err());
        let into_the_target = quiet(&transfer(&other, &target)).unwrap_err();
        assert!(matches!(into_the_target, TransferError::Unfinished { .. }), "{into_the_target}");
        let out_of_the_target = quiet(&transfer(&target, &TestStore::on_sqlite())).unwrap_err();
        assert!(matches!(out_of_the_target, TransferError::Unfinished { .. }), "{out_of_the_target}");
        let into_the_source = quiet(&transfer(&other, &source)).unwrap_err();
        assert!(matches!(into_the_source, TransferError::Leaving { .. }), "{into_the_source}");
        other.raise_clock_floor(T0 + Span(1)).await.unwrap();
        quiet(&transfer(&source, &target)).unwrap();
    }
}

/// How the version of migration 9 closed a table, and the same on PostgreSQL.
const CLOSED: [&str; 2] = [
    "create trigger if not exists closed_TABLE_update before update on TABLE begin
    select raise(abort, 'closed: this Watchword installation is being moved'); end;",
    "create or replace function refuse_while_moving() returns trigger language plpgsql as $refuse$ begin
        raise exception 'closed: this Watchword installation is being moved' using errcode = 'WW001';
    end $refuse$;
    create or replace trigger closed before insert or update or delete or truncate on TABLE for each statement
    execute function refuse_while_moving();",
];

#[tokio::test]
async fn a_database_that_an_earlier_version_has_closed_stays_closed_when_this_one_has_opened_it() {
    for (is_on_server, state) in [(false, "leaving"), (false, "left"), (true, "leaving"), (true, "left")] {
        let earlier = Earlier::on(is_on_server);
        let mut sql = earlier.made(9) + &earlier.user() + &earlier.login(1);
        for table in ["users", "sessions", "grants"] {
            sql += &CLOSED[usize::from(is_on_server)].replace("TABLE", table);
        }
        let id = (earlier.bytes)(&[1; 16]);
        let place =
            Place::with(is_on_server, &format!("{sql} insert into transfers values (1, {id}, '{state}', 'there')"));
        let changes =
            ["update users set epoch = 1", "update sessions set seen_at = 1", "update grants set rotation = 1"];
        assert!(changes.iter().all(|change| place.is_closed_to(change)));
        let refusal = Store::open(&place.options()).map(drop).unwrap_err();
        assert!(matches!(refusal, OpenError::Leaving { .. } | OpenError::Left { .. }), "{refusal}");
        assert_eq!(place.count("select max(number) from migrations where number < 11"), 10);
        for change in changes {
            assert!(place.is_closed_to(change), "{state}: {change}");
        }
        reopen(&place.options().database, true).unwrap();
        assert!(changes.iter().all(|change| !place.is_closed_to(change)), "{state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_an_earlier_version_is_left_to_its_servers() {
    let nowhere = || Database::Server(Box::new("postgres://u:hunter2@127.0.0.1:1/d".parse().unwrap()));
    for is_on_server in [false, true] {
        let earlier = Earlier::on(is_on_server);
        let source = Place::with(is_on_server, &(earlier.made(9) + &earlier.user()));
        let target = TestStore::on_sqlite();
        for to in [nowhere(), target.database()] {
            let error = Transfer { from: source.options().database, to }.run([1; 16], &mut |_| {}).unwrap_err();
            assert!(matches!(error, TransferError::Open(OpenError::Behind { found: 9, .. })), "{error}");
            let error = reopen(&source.options().database, true).unwrap_err();
            assert!(matches!(error, TransferError::Open(OpenError::Behind { found: 9, .. })), "{error}");
            assert_eq!(source.count("select max(number) from migrations"), 9);
        }
        Store::open(&source.options()).unwrap().close().await;
        Transfer { from: source.options().database, to: target.database() }.run([1; 16], &mut |_| {}).unwrap();
    }
}
