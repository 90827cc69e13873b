//! A PostgreSQL that stands still: nobody waits long for it, and what is known from memory goes on until that is too old.

use std::time::{Duration, Instant};

use test_postgres::Cluster;

use crate::checker::{answered, check};
use crate::fleet::{Nodes, clients};
use crate::ledger::{Client, Heard, Login, dashboard};
use crate::load::Load;
use crate::support::SOON;

#[test]
fn while_postgresql_stands_still_nobody_waits_long_and_cached_checks_go_on_for_the_bound() {
    let cluster = Cluster::start(&["listen_addresses = ''"]);
    let nodes = Nodes::start(2, Some(&cluster.url("postgres")));
    let mut known = Client::new(6);
    nodes.fleet.all().into_iter().for_each(|http| assert_eq!(known.log_in(http), Heard::Done));
    let credentials: Vec<String> = known.logins.iter().flat_map(Login::credentials).collect();
    for http in nodes.fleet.all() {
        for credential in &credentials {
            assert_eq!(answered(|| dashboard(http, credential)).status, 200);
        }
    }

    let load = Load::start(&nodes.fleet, clients());
    load.hears(Heard::Done, 40);
    cluster.signal("STOP");
    let began = Instant::now();
    let (mut accepted, mut refused, mut away) = (Vec::new(), Vec::new(), 0);
    while began.elapsed() < PAUSE {
        for http in nodes.fleet.all() {
            for credential in &credentials {
                let asked = began.elapsed();
                let status = http.send("GET", "/dashboard", std::slice::from_ref(credential), "").unwrap().status;
                let took = began.elapsed().saturating_sub(asked);
                // A node had looked at the database a moment before it stood still; after a stall of the whole machine, less lately.
                assert!(
                    status == 503 || status == 200 && asked <= KNOWN + CLOCK_TICK,
                    "{status} to what was asked after {asked:?}"
                );
                if status == 200 { accepted.push(took) } else { refused.push(took) }
            }
        }
        let ready = nodes.servers[0].http().get("/health/ready", &[]);
        assert!(ready.status == 503 && ready.header("retry-after").is_some(), "{ready:?}");
        away += load.goes_on(Duration::from_millis(200));
    }
    // Before it goes on: nobody was kept waiting for that.
    while away < 3 {
        assert!(began.elapsed() < SOON, "they are kept waiting");
        away += load.goes_on(Duration::from_millis(200));
    }
    cluster.signal("CONT");
    let healed = nodes.fleet.heals();
    load.hears(Heard::Done, 10);
    let mut clients = load.stop();
    assert_eq!(check(&nodes.fleet, &mut clients), [""; 0]);
    let away: usize = clients.iter().map(|client| client.tally.away).sum();
    let slowest = clients.iter().map(|client| client.tally.slowest).max().unwrap();
    println!("{away} without answer, the slowest after {slowest:?}; well again after {healed:?}");
    assert!(slowest > QUICK, "{slowest:?}");
    for mut took in [accepted, refused] {
        took.sort();
        // A stall hits some of them; waiting for the database would hit all.
        assert!(took.len() >= credentials.len() && took[took.len() / 4] < QUICK, "{took:?}");
    }
    nodes.stop();
}

/// For how long what a node knows may be used: `session.bound`.
const KNOWN: Duration = Duration::from_secs(5);

/// Nodes reckon in whole milliseconds.
const CLOCK_TICK: Duration = Duration::from_millis(2);

/// How long PostgreSQL stands still: longer than a request waits that needs it, two seconds for its turn and eight for the call.
const PAUSE: Duration = Duration::from_secs(11);

/// The longest that a check from memory takes.
const QUICK: Duration = Duration::from_secs(2);
