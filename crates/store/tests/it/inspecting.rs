use domain::{EndedWhy, UnixMillis};
use store::{Facts, Inspection, Move, OpenError, Options, Schema, Store, inspect};

use super::store;
use crate::support::{KEEP, T0, TestStore, session_id};

const AFTER: UnixMillis = UnixMillis(KEEP.0 + 600_000);

fn look(store: &TestStore) -> Inspection {
    inspect(&store.database(), AFTER).unwrap()
}

fn open_as_it_is(store: &TestStore) -> Result<Store, OpenError> {
    Store::open(&Options { makes: false, ..Options::new(store.database()) })
}

#[tokio::test]
async fn looking_tells_what_is_there_while_the_store_is_open_and_after() {
    let store = store();
    store.user(1).await;
    store.session_of(1, 1).await;
    store.raise_clock_floor(T0).await.unwrap();
    store.begin_master(7, b"root".to_vec()).await.unwrap();
    store.end_session(session_id(1), EndedWhy::Logout, UnixMillis(1), T0).await.unwrap();
    for is_open in [true, false] {
        let found = look(&store);
        assert!(matches!(found.schema, Schema::Current(_)), "{found:?}");
        let kept = found.kept.unwrap();
        assert_eq!((kept.clock_floor, kept.master), (Some(T0), Some(7)));
        assert_eq!((kept.revocations, kept.overdue, kept.keys.len()), (1, 1, 0));
        match found.engine {
            Facts::Sqlite(facts) => {
                assert!(facts.journal_mode == "wal" && facts.is_synchronous && facts.damage.is_none(), "{facts:?}");
            }
            Facts::Postgres(facts) => {
                assert_eq!((facts.encoding.as_str(), facts.is_standby, facts.is_read_only), ("UTF8", false, false));
                assert_eq!((facts.synchronous_commit.as_str(), facts.isolation.as_str()), ("on", "read committed"));
                assert!(facts.connections_left > 10, "{facts:?}");
            }
        }
        if is_open {
            store.close().await;
        }
    }
}

#[tokio::test]
async fn an_older_schema_is_told_and_neither_looking_nor_opening_as_it_is_changes_it() {
    let store = store();
    store.close().await;
    assert!(open_as_it_is(&store).is_ok());
    store.execute("delete from migrations where number > 1");
    assert!(matches!(look(&store).schema, Schema::Behind { found: 1, .. }));
    assert!(matches!(open_as_it_is(&store).map(drop), Err(OpenError::Behind { found: 1, .. })));
    assert_eq!(store.count("select count(*) from migrations"), 1);
    store.execute("update migrations set number = 9999");
    assert!(matches!(inspect(&store.database(), AFTER), Err(OpenError::Newer { found: 9999, .. })));
}

#[tokio::test]
async fn an_entry_of_the_log_is_overdue_only_once_it_ought_to_have_been_swept() {
    let store = store();
    store.user(1).await;
    store.void_everything(KEEP, T0).await.unwrap();
    // A server goes by its own clock, which goes on meanwhile.
    let now = async || store.time().await.unwrap().unwrap_or(T0).0;
    loop {
        let began = now().await;
        let overdue = [290, 301].map(|seconds| {
            store.execute(&format!("update revocations set keep_until = {}", began - seconds * 1000));
            inspect(&store.database(), T0).unwrap().kept.unwrap().overdue
        });
        if now().await < began + 9_000 {
            assert_eq!(overdue, [0, 1]);
            break;
        }
    }
}

#[tokio::test]
async fn what_keeps_a_server_from_starting_is_told() {
    let store = store();
    let kept = || look(&store).kept.unwrap();
    assert_eq!((kept().moving, kept().history_lost), (None, false));
    store.execute("insert into meta (name, value) values ('history_lost', 1)");
    let id = if store.time().await.unwrap().is_some() { "decode(repeat('00', 16), 'hex')" } else { "zeroblob(16)" };
    store.execute(&format!(
        "insert into transfers (\"only\", transfer_id, state, place) values (1, {id}, 'left', 'elsewhere')"
    ));
    assert_eq!((kept().moving, kept().history_lost), (Some(Move::Left("elsewhere".into())), true));
}
