//! A PostgreSQL that stands still: nobody waits long for it, and what is known from memory goes on until that is too old.

use std::time::{Duration, Instant};

use test_postgres::Cluster;

use crate::checker::check;
use crate::fleet::{Nodes, clients};
use crate::ledger::{Client, Heard, Login};
use crate::load::Load;

#[test]
fn while_postgresql_stands_still_nobody_waits_long_and_cached_checks_go_on_for_the_bound() {
    let cluster = Cluster::start(&["listen_addresses = ''"]);
    let nodes = Nodes::start(2, Some(&cluster.url("postgres")));
    let mut known = Client::new(6);
    nodes.fleet.all().into_iter().for_each(|http| assert_eq!(known.log_in(http), Heard::Done));
    let credentials: Vec<String> = known.logins.iter().flat_map(Login::credentials).collect();
    let all_get = |status: u16, within: Duration| {
        for (http, credential) in
            nodes.fleet.all().into_iter().flat_map(|http| credentials.iter().map(move |c| (http, c)))
        {
            let began = Instant::now();
            let answered = http.send("GET", "/dashboard", std::slice::from_ref(credential), "").unwrap();
            assert_eq!(answered.status, status);
            assert!(began.elapsed() < within, "{:?}", began.elapsed());
        }
    };
    all_get(200, BOUND);

    let load = Load::start(&nodes.fleet, clients());
    load.hears(Heard::Done, 40);
    cluster.signal("STOP");
    let began = Instant::now();
    while began.elapsed() < PAUSE {
        if began.elapsed() < KNOWN / 2 {
            all_get(200, QUICK);
        } else if began.elapsed() > KNOWN {
            all_get(503, QUICK);
        }
        let ready = nodes.servers[0].http().get("/health/ready", &[]);
        assert!(ready.status == 503 && ready.header("retry-after").is_some(), "{ready:?}");
        load.goes_on(Duration::from_millis(200));
    }
    cluster.signal("CONT");
    let healed = nodes.fleet.heals();
    load.hears(Heard::Done, 10);
    let mut clients = load.stop();
    assert_eq!(check(&nodes.fleet, &mut clients), [""; 0]);
    let away: usize = clients.iter().map(|client| client.tally.away).sum();
    let slowest = clients.iter().map(|client| client.tally.slowest).max().unwrap();
    println!("{away} without answer, the slowest after {slowest:?}; well again after {healed:?}");
    assert!(away >= 3 && slowest > QUICK && slowest < BOUND, "{away}, {slowest:?}");
    nodes.stop();
}

/// For how long what a node knows may be used: `session.bound`.
const KNOWN: Duration = Duration::from_secs(5);

/// How long PostgreSQL stands still.
const PAUSE: Duration = Duration::from_secs(10);

/// The longest that a request may take that needs a database which does not answer: two seconds for its turn and eight for
/// the call, and what a busy machine adds.
const BOUND: Duration = Duration::from_secs(15);

/// The longest that a check from memory may take on a busy machine.
const QUICK: Duration = Duration::from_secs(2);
