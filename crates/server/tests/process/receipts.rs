//! `--wait`: a command that ended something says since when each verifier refuses it, and which is late.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;
use tokio::runtime::Runtime;
use verifier::Verifier;

use crate::support::{Http, Place, Reply, SOON, soon};

/// Long enough that no stall of this machine makes a verifier late that runs.
const BOUND: Duration = Duration::from_secs(10);

async fn code(verifier: &Verifier, login: &Reply) -> &'static str {
    verifier.verify(&login.text("access_token")).await.map_or_else(|rejection| rejection.code(), |_| "accepted")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_waits_until_every_verifier_refuses_and_names_those_that_are_late() {
    let place = Place::new();
    place.add_user("kavya");
    let added = place.json(&["verifier", "add", "orders", "--json"]);
    let credential = added["credential"].as_str().unwrap();
    let server = place.serve();
    let url = format!("http://{}", server.http().address);
    let connect = |name| {
        let connect = Verifier::from_issuer(&url).follow(credential).named(name);
        connect.bound(BOUND).retry_for(SOON).into_future()
    };
    // With it, everything of the second one stops at once.
    let apart = Runtime::new().unwrap();
    let (one, two) = (connect("orders-1").await.unwrap(), apart.spawn(connect("orders-2")).await.unwrap().unwrap());

    let login = server.http().login("kavya");
    assert_eq!((code(&one, &login).await, code(&two, &login).await), ("accepted", "accepted"));
    // A command waits a moment for nodes to write down who has just begun to follow, and a disk may take longer.
    soon(|| {
        let database = Connection::open(place.path("watchword.db")).unwrap();
        let count = database.query_row("select count(*) from listeners", [], |row| row.get::<_, u32>(0));
        count.is_ok_and(|count| count == 2)
    });
    let ran = place.run(&["session", "end", &login.text("session_id"), "--wait"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!((code(&one, &login).await, code(&two, &login).await), ("revoked", "revoked"), "{ran:?}");
    println!("{}", ran.out);
    for instance in ["orders-1", "orders-2"] {
        let row = ran.out.lines().find(|line| line.contains(instance)).unwrap();
        assert!(row.starts_with("orders ") && row.contains(" +") && row.ends_with(" ms"), "{row}");
    }
    assert!(ran.out.ends_with("Every connected verifier refuses it.\n"), "{}", ran.out);

    let login = server.http().login("kavya");
    assert_eq!(code(&one, &login).await, "accepted");
    apart.shutdown_background();
    let ran = place.run(&["session", "end", "--user", "kavya", "--wait", "--json"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&told["ended"], &told["late"]), (&1.into(), &1.into()), "{told}");
    let acknowledged = |at: usize, instance: &str| {
        assert_eq!(
            (&told["verifiers"][at]["name"], &told["verifiers"][at]["instance"]),
            (&"orders".into(), &instance.into())
        );
        told["verifiers"][at]["acknowledged_at"].as_i64()
    };
    let revoked_at = told["revoked_at"].as_i64().unwrap();
    let effective_by = told["effective_by"].as_i64().unwrap();
    let bound = BOUND.as_millis() as i64;
    assert!((bound..3 * bound).contains(&(effective_by - revoked_at)), "the commit and the bound: {told}");
    assert!((revoked_at..effective_by).contains(&acknowledged(0, "orders-1").unwrap()), "{told}");
    assert_eq!(acknowledged(1, "orders-2"), None);
    assert_eq!(code(&one, &login).await, "revoked");

    let ran = place.run(&["user", "set-roles", "kavya", "clerk", "--wait"]);
    assert!(ran.out.contains("orders-1") && ran.out.contains("kavya has the roles: clerk"), "{ran:?}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn without_verifiers_nobody_has_to_be_waited_for() {
    let place = Place::new();
    place.add_user("kavya");
    let server = place.serve();
    server.http().login("kavya");
    let ran = place.run(&["session", "end", "--user", "kavya", "--wait"]);
    assert!(ran.code == Some(0) && ran.out.contains("No verifier is connected"), "{ran:?}");
    let ran = place.run(&["session", "end", "--user", "kavya", "--wait", "--json"]);
    assert!(ran.code == Some(1) && ran.out.contains("\"position\":null"), "{ran:?}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn whoever_is_late_when_a_key_is_revoked_believes_it_for_a_quarter_of_an_hour() {
    let place = Place::new();
    place.add_user("kavya");
    place.json(&["verifier", "add", "orders", "--json"]);
    let server = place.serve();
    let kid = server.http().login("kavya").kid();
    assert_eq!(server.stop(), Some(0));
    let database = Connection::open(place.path("watchword.db")).unwrap();
    // It counts as connected, however slow this machine is, and knows nothing yet.
    let slow = "insert into listeners values ('orders', 'slow', null, 0, (unixepoch() + 60) * 1000, 5000)";
    database.execute(slow, []).unwrap();
    let after = |minutes: &str| -> String {
        let moment = "select strftime('%Y-%m-%d %H:%M:%S UTC', 'now', $1)";
        database.query_row(moment, [minutes], |row| row.get(0)).unwrap()
    };
    let earliest = after("+15 minutes");
    let ran = place.run(&["keys", "revoke", &kid, "--wait"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let (_, told) = ran.out.split_once("1 of 1 are late. Whatever became of them, they refuse it from ").unwrap();
    let from = told.strip_suffix(" on.\n").unwrap();
    let latest = after("+16 minutes");
    assert!((&*earliest..=&*latest).contains(&from), "{from} is not between {earliest} and {latest}");
}

#[test]
fn what_has_ended_is_said_to_have_ended_although_the_database_does_not_tell_who_listens() {
    let place = Place::new();
    place.add_user("kavya");
    let server = place.serve();
    let logins = [(); 3].map(|()| server.http().login("kavya").text("session_id"));
    assert_eq!(server.stop(), Some(0));
    Connection::open(place.path("watchword.db")).unwrap().execute("drop table listeners", []).unwrap();
    let ran = place.run(&["session", "end", &logins[0]]);
    assert!(ran.code == Some(0) && ran.out.starts_with("Ended."), "{ran:?}");
    let waited = place.run(&["session", "end", &logins[1], "--wait"]);
    assert!(waited.code == Some(3) && waited.out.starts_with("Ended."), "{waited:?}");
    assert!(waited.out.contains("does not tell which verifiers are connected"), "{waited:?}");
    let all = place.run(&["session", "end", "--everybody", "--yes", "--wait"]);
    assert!(all.code == Some(3) && all.out.starts_with("Ended 1 session."), "{all:?}");
}

#[test]
fn metrics_are_served_where_the_configuration_says_and_nowhere_else() {
    let place = Place::new();
    let mut server = place.serve_with(&[], &[("WATCHWORD_METRICS_LISTEN", "127.0.0.1:0")]);
    let line = server.line("Metrics");
    let address = line.trim_start_matches("Metrics").trim().strip_prefix("http://").unwrap();
    let metrics = Http { address: address.strip_suffix("/metrics").unwrap().parse().unwrap() };
    let reply = metrics.get("/metrics", &[]);
    assert!(reply.status == 200 && reply.body.contains("watchword_verifiers 0\n"), "{reply:?}");
    assert_eq!((metrics.get("/login", &[]).status, server.http().get("/metrics", &[]).status), (404, 404));
    assert_eq!(server.stop(), Some(0));
}
