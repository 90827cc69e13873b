//! Moving a running installation from SQLite to PostgreSQL: nobody is logged out, and nothing acknowledged is lost.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Barrier};

use test_postgres::Schema;

use crate::kill::{CLIENTS, Login, accepts, bearer, check, log_in, name, place, post, start};
use crate::support::{Http, Place, Random, Reply, Server, soon};

/// One client: refreshes, logs out and logs in until it is answered that nothing can be changed.
fn work(http: Http, name: &str, mut random: Random, begun: &Barrier) -> Vec<Login> {
    let mut ledger: Vec<Login> = (0..3).map(|_| log_in(http, name).unwrap()).collect();
    let mut deeds = 0;
    loop {
        if deeds == 10 {
            begun.wait();
        }
        deeds += 1;
        let live: Vec<usize> = (0..ledger.len()).filter(|index| !ledger[*index].is_over).collect();
        let login = &mut ledger[live[random.below(live.len())]];
        let closed = if live.len() > 2 && random.below(4) == 0 {
            let reply = post(http, "/logout", &login.access);
            login.is_over = reply.status == 200;
            reply
        } else {
            let reply = post(http, "/refresh", login.chain.last().unwrap());
            if reply.status == 200 {
                login.access = reply.text("access_token");
                login.chain.push(reply.text("refresh_token"));
            }
            reply
        };
        if closed.status != 200 {
            refused(&closed);
            return ledger;
        }
    }
}

fn refused(reply: &Reply) {
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("10")), "{reply:?}");
}

fn on_target(place: &Place, schema: &Schema) -> Server {
    place.write("watchword.toml", format!("database = '{}'\n", schema.url()));
    start(place)
}

/// How the program refuses to begin.
fn complaint(place: &Place, database: &str) -> String {
    let ran = place.run(&["serve", "--listen", "127.0.0.1:0", "--database", database]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
    // Before it may stand warnings about the database.
    ran.err.lines().last().unwrap().to_owned()
}

#[test]
fn an_installation_in_use_moves_and_whatever_was_acknowledged_holds_there() {
    let (place, schema) = (place(), Schema::new());
    let server = start(&place);
    let http = server.http();
    place.add_user("throttled");
    while http.post_json("/login", &serde_json::json!({"username": "throttled", "password": "wrong"})).status == 401 {}
    let of_a_revoked_key = log_in(http, &name(0)).unwrap();
    let kid = place.json(&["keys", "list", "--json"])[0]["kid"].as_str().unwrap().to_owned();
    assert_eq!(place.run(&["keys", "revoke", &kid]).code, Some(0));
    http.refused_soon(&[bearer(&of_a_revoked_key.access)]);
    let keys = http.get("/.well-known/jwks.json", &[]).json();

    let begun = Arc::new(Barrier::new(CLIENTS + 1));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let begun = Arc::clone(&begun);
            std::thread::spawn(move || work(http, &name(client), Random::seeded(client as u64), &begun))
        })
        .collect();
    begun.wait();
    let moved = place.run(&["migrate", "--to", &schema.url()]);
    assert_eq!(moved.code, Some(0), "{moved:?}");
    assert!(moved.out.contains("watchword.key") && moved.out.contains("sessions"), "{moved:?}");
    assert!(moved.err.contains("copying") && moved.err.contains("comparing"), "{moved:?}");
    let mut ledgers: Vec<Vec<Login>> = clients.into_iter().map(|client| client.join().unwrap()).collect();

    let mut server = server;
    let why = "was moved to postgres://";
    assert!(server.ends_with_code_1_saying(why), "{}", server.logged());
    let refusal = complaint(&place, "sqlite:watchword.db");
    assert!(refusal.contains(why), "{refusal}");

    let there = on_target(&place, &schema);
    let deeds: usize = ledgers.iter().flatten().map(|login| login.chain.len() + usize::from(login.is_over)).sum();
    println!("{deeds} acknowledged deeds");
    assert!(deeds > 10 * CLIENTS);
    for ledger in &mut ledgers {
        assert_eq!(check(there.http(), ledger), Vec::<String>::new());
    }
    assert!(!accepts(there.http(), &bearer(&of_a_revoked_key.access)));
    assert!(accepts(there.http(), &of_a_revoked_key.cookie));
    assert_eq!(there.http().get("/.well-known/jwks.json", &[]).json(), keys);
    assert_eq!(there.http().login("throttled").status, 429);
    assert_eq!(there.stop(), Some(0));
}

#[test]
fn killed_ten_times_at_any_row_it_ends_in_one_whole_installation() {
    let (place, schema) = (place(), Schema::new());
    let mut server = start(&place);
    let http = server.http();
    let mut ledger: Vec<Login> = (0..CLIENTS).map(|client| log_in(http, &name(client)).unwrap()).collect();
    fill(&place);
    let mut random = Random::seeded(10);
    for round in 0..10 {
        let mut command = place.command(&["migrate", "--to", &schema.url()]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let last = lines.take(1 + random.below(16)).last().unwrap().unwrap();
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        println!("round {round}: killed at: {last}");

        assert!(accepts(http, &ledger[0].cookie) && accepts(http, &bearer(&ledger[0].access)));
        refused(&post(http, "/refresh", ledger[0].chain.last().unwrap()));
        assert_eq!(http.get("/health/ready", &[]).status, 200);
        assert!(complaint(&place, "sqlite:watchword.db").contains("is being moved to"));
        let refusal = complaint(&place, &schema.url());
        assert!(refusal.contains("migration in progress"), "{refusal}");
        let found = schema.psql("select (select count(*) from users) + (select count(*) from meta)");
        assert_eq!(found, "0", "half an installation");
    }
    soon(|| server.logged().contains("checks go on, changes are answered with 503"));
    let moved = place.run(&["migrate", "--to", &schema.url()]);
    assert_eq!(moved.code, Some(0), "{moved:?}");
    assert!(server.ends_with_code_1_saying("was moved to"), "{}", server.logged());
    let there = on_target(&place, &schema);
    assert_eq!(check(there.http(), &mut ledger), Vec::<String>::new());
    assert_eq!(schema.psql("select count(*) from sessions where user_agent = 'filling'"), "8000");
    assert_eq!(there.stop(), Some(0));
}

/// Sessions that make copying take a while.
fn fill(place: &Place) {
    let file = rusqlite::Connection::open(place.path("watchword.db")).unwrap();
    let sessions = "with recursive n (n) as (select 1 union all select n + 1 from n where n < 8000)
        insert into sessions select randomblob(16), (select min(user_id) from users), randomblob(32), 1, 1, 1, 1, 1, 'pwd',
        'filling', '192.0.2.1', 0, 1, (select max(created_at) from sessions), 'logout' from n";
    file.busy_timeout(crate::support::SOON).unwrap();
    file.execute_batch(sessions).unwrap();
}

#[test]
fn a_move_given_up_goes_on_where_it_was() {
    let (place, schema) = (place(), Schema::new());
    let server = start(&place);
    let login = log_in(server.http(), &name(0)).unwrap();
    let mut child = place
        .command(&["migrate", "--to", &schema.url()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(first.contains("copying"), "{first}");
    refused(&post(server.http(), "/refresh", login.chain.last().unwrap()));
    let reopened = place.run(&["reopen"]);
    assert_eq!(reopened.code, Some(0), "{reopened:?}");
    assert_eq!(post(server.http(), "/refresh", login.chain.last().unwrap()).status, 200);
    assert!(place.run(&["reopen"]).complaint().contains("is not closed"));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_cannot_be_moved_is_refused_with_advice_and_without_the_password() {
    let (place, schema) = (place(), Schema::new());
    for (args, advice) in [
        (&["migrate"][..], "--from"),
        (&["migrate", "--to", "sqlite:watchword.db"], "already: name another"),
        (&["migrate", "--from", "sqlite:missing.db", "--to", "sqlite:new.db"], "there is no database at"),
        (&["migrate", "--to", "mysql://u:hunter2@h/d"], "postgres://user:password@"),
        (&["migrate", "--to", "postgres://u:hunter2@127.0.0.1:1/d"], "Start PostgreSQL"),
        (&["reopen"], "is not closed"),
    ] {
        let ran = place.run(args);
        assert!(ran.complaint().contains(advice) && !ran.err.contains("hunter2"), "{ran:?}");
    }
    assert!(!place.files().iter().any(|name| name == "missing.db"));
    let other = Place::new();
    other.write("watchword.toml", format!("database = '{}'\n", schema.url()));
    other.add_user("somebody");
    let ran = place.run(&["migrate", "--to", &schema.url()]);
    assert!(ran.complaint().contains("cannot be mixed"), "{ran:?}");
    assert_eq!(other.json(&["user", "list", "--json"]).as_array().unwrap().len(), 1);
    place.add_user("still-open");
}
