//! Moving a running installation from SQLite to PostgreSQL: nobody is logged out, and nothing acknowledged is lost.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Barrier};
use std::time::Instant;

use store::{Database, Options, Store};
use test_postgres::{Cluster, Schema};

use crate::ledger::{CLIENTS, Login, accepts, bearer, check, log_in, name, place, post, start};
use crate::support::{Http, Place, Random, Reply, SOON, Server, soon};

/// One client: refreshes, logs out and logs in until it is answered that nothing can be changed, or by nobody: then the server has
/// ended before the client came to ask it again, which it does only when nothing could be changed any more.
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
            let Ok(reply) = http.send("POST", "/logout", &[bearer(&login.access)], "") else { return ledger };
            login.is_over = reply.status == 200;
            reply
        } else {
            let shown = bearer(login.chain.last().unwrap());
            let Ok(reply) = http.send("POST", "/refresh", &[shown], "") else { return ledger };
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

/// The server on another database, with the key file that the installation has had from the beginning.
fn on(place: &Place, url: &str) -> Server {
    place.write("watchword.toml", format!("database = '{url}'\nmaster_key_file = 'watchword.key'\n"));
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
    let published = || http.get("/.well-known/jwks.json", &[]).json();
    soon(|| published()["keys"][0]["kid"] != kid);
    let keys = published();

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

    let mut there = on(&place, &schema.url());
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

    let moved = place.run(&["migrate", "--to", "sqlite:back.db"]);
    assert_eq!(moved.code, Some(0), "{moved:?}");
    assert!(there.ends_with_code_1_saying("was moved to sqlite:"), "{}", there.logged());
    let back = on(&place, "sqlite:back.db");
    for ledger in &mut ledgers {
        assert_eq!(check(back.http(), ledger), Vec::<String>::new());
    }
    assert!(!accepts(back.http(), &bearer(&of_a_revoked_key.access)));
    assert_eq!(back.stop(), Some(0));
}

#[test]
fn killed_ten_times_at_any_row_it_ends_in_one_whole_installation() {
    let (place, target) = (place(), Target::start());
    let mut server = start(&place);
    let http = server.http();
    let mut ledger: Vec<Login> = (0..CLIENTS).map(|client| log_in(http, &name(client)).unwrap()).collect();
    fill(&place);
    let mut random = Random::seeded(10);
    for round in 0..10 {
        let stalled = target.stall_at(&place, &mut random);
        let last = target.migrate_and_kill(&place);
        println!("round {round}: killed at {stalled}; had told: {last}");

        assert!(accepts(http, &ledger[0].cookie) && accepts(http, &bearer(&ledger[0].access)));
        refused(&post(http, "/refresh", ledger[0].chain.last().unwrap()));
        assert_eq!(http.get("/health/ready", &[]).status, 200);
        assert!(complaint(&place, "sqlite:watchword.db").contains("is being moved to"));
        let refusal = complaint(&place, &target.url);
        assert!(refusal.contains("migration in progress"), "{refusal}");
        assert_eq!(
            target.psql("select (select count(*) from users) + (select count(*) from signing_keys)"),
            "0",
            "half of it"
        );
    }
    target.go_on();
    soon(|| server.logged().contains("checks go on, changes are answered with 503"));
    let configured = [("WATCHWORD_DATABASE", target.url.as_str())];
    let moved = place.run_with_env(&["migrate", "--from", "sqlite:watchword.db"], &configured);
    assert_eq!(moved.code, Some(0), "{moved:?}");
    assert!(server.ends_with_code_1_saying("was moved to"), "{}", server.logged());
    let there = on(&place, &target.url);
    assert_eq!(check(there.http(), &mut ledger), Vec::<String>::new());
    assert_eq!(target.psql("select count(*) from sessions where user_agent = 'filling'"), "3000");
    assert_eq!(there.stop(), Some(0));
}

/// Sessions that fill more than one page.
fn fill(place: &Place) {
    let file = rusqlite::Connection::open(place.path("watchword.db")).unwrap();
    let sessions = "with recursive n (n) as (select 1 union all select n + 1 from n where n < 3000)
        insert into sessions select 1, 1, 1, 1, 0, null, (select max(created_at) from sessions), 1, 0, randomblob(16),
        (select min(user_id) from users), randomblob(16), x'c0000201', 'pwd', 'filling', 'logout' from n";
    file.busy_timeout(SOON).unwrap();
    file.execute_batch(sessions).unwrap();
}

/// A PostgreSQL in which copying can be held up at one row.
struct Target {
    cluster: Cluster,
    url: String,
}

impl Target {
    fn start() -> Self {
        // Otherwise a statement that sleeps does not notice that its client was killed.
        let cluster = Cluster::start(&["listen_addresses = ''", "client_connection_check_interval = '50ms'"]);
        let url = cluster.url("postgres");
        // Makes the tables.
        Store::open(&Options::new(Database::Server(Box::new(url.parse().unwrap())))).unwrap();
        let target = Self { cluster, url };
        target.psql(
            "create function stall() returns trigger language plpgsql as
            $$ begin perform pg_sleep(3600); return new; end $$",
        );
        target
    }

    fn psql(&self, sql: &str) -> String {
        self.cluster.psql("postgres", "", sql)
    }

    /// Lets no copy get beyond this row, which is any of any table.
    fn stall_at(&self, place: &Place, random: &mut Random) -> String {
        self.go_on();
        let (table, key) = [("users", "user_id"), ("sessions", "session_id"), ("grants", "grant_id"), ("meta", "name")]
            [random.below(4)];
        let file = rusqlite::Connection::open(place.path("watchword.db")).unwrap();
        let count: u32 = file.query_row(&format!("select count(*) from {table}"), [], |row| row.get(0)).unwrap();
        let offset = random.below(count as usize);
        let row = format!("select hex({key}) from {table} order by {key} limit 1 offset {offset}");
        let row: String = file.query_row(&row, [], |row| row.get(0)).unwrap();
        let value = if table == "meta" { format!("convert_from('\\x{row}', 'UTF8')") } else { format!("'\\x{row}'") };
        self.psql(&format!(
            "create trigger stall before insert on {table} for each row when (new.{key} = {value}) execute function stall()"
        ));
        format!("row {offset} of {count} in {table}")
    }

    fn go_on(&self) {
        self.psql(
            "drop trigger if exists stall on users; drop trigger if exists stall on sessions;
            drop trigger if exists stall on grants; drop trigger if exists stall on meta",
        );
    }

    /// Kills it once it has got to that row; the last thing that it had told.
    fn migrate_and_kill(&self, place: &Place) -> String {
        let mut command = place.command(&["migrate", "--to", &self.url]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let began = Instant::now();
        while self.psql("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") == "0" {
            assert!(began.elapsed() < SOON && child.try_wait().unwrap().is_none(), "it did not get to that row");
        }
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        let told = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok).last();
        told.unwrap_or_default()
    }
}

#[test]
fn a_move_given_up_goes_on_where_it_was() {
    let (place, target) = (place(), Target::start());
    let server = start(&place);
    let login = log_in(server.http(), &name(0)).unwrap();
    target.stall_at(&place, &mut Random::seeded(1));
    assert!(target.migrate_and_kill(&place).contains("copying"));
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

#[test]
fn to_a_clock_far_behind_nothing_is_moved_and_the_source_stays_open() {
    let (place, schema) = (place(), Schema::new());
    assert_eq!(start(&place).stop(), Some(0));
    let file = rusqlite::Connection::open(place.path("watchword.db")).unwrap();
    file.execute_batch("update meta set value = 9000000000000 where name = 'clock_floor'").unwrap();
    for (to, whose) in [(schema.url(), "the target's clock"), ("sqlite:new.db".to_owned(), "this machine's clock")] {
        let ran = place.run(&["migrate", "--to", &to]);
        assert!(ran.complaint().contains(whose) && ran.err.contains("danger-reset-clock"), "{ran:?}");
    }
    assert!(!place.files().contains(&"new.db".to_owned()));
    assert_eq!(schema.tables(), "");
    assert_eq!(place.run(&["danger-reset-clock"]).code, Some(0));
    place.add_user("still-open");
    let moved = place.run(&["migrate", "--to", &schema.url()]);
    assert_eq!(moved.code, Some(0), "{moved:?}");
}
