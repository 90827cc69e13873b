//! A primary that dies and a standby that takes over: what was acknowledged is there, or it is said that it is not.

use std::net::SocketAddr;

use test_postgres::Cluster;

use crate::checker::{answered, check};
use crate::fleet::{Nodes, clients};
use crate::ledger::{Client, Heard, bearer, dashboard};
use crate::load::Load;
use crate::support::{Http, own_socket, soon};

/// A primary and its standby, at ports of loopback.
struct Pair {
    primary: Cluster,
    standby: Cluster,
    url: String,
}

impl Pair {
    /// With these settings of the primary.
    fn start(replication: &str) -> Self {
        // At addresses of their own, where nobody takes the port while they are started again.
        let [one, two] = [own_socket(), own_socket()];
        let settings = |at: SocketAddr, replication: &str| {
            let (listen, port) = (format!("listen_addresses = '{}'", at.ip()), format!("port = {}", at.port()));
            ["full_page_writes = on", replication, &listen, &port].map(str::to_owned)
        };
        let primary = Cluster::start(&settings(one, replication).each_ref().map(String::as_str));
        let alone = settings(two, "synchronous_standby_names = ''");
        let standby = primary.standby(&alone.each_ref().map(String::as_str));
        let url = format!("postgres://watchword@{one},{two}/postgres?target_session_attrs=read-write");
        Self { primary, standby, url }
    }
}

#[test]
fn with_a_synchronous_standby_a_failover_loses_nothing_that_was_acknowledged() {
    let pair = Pair::start("synchronous_standby_names = 'standby'");
    let nodes = Nodes::start(2, Some(&pair.url));
    let load = Load::start(&nodes.fleet, clients());
    load.hears(Heard::Done, 60);
    nodes.revoke_key();
    load.hears(Heard::Done, 20);
    pair.primary.kill();
    pair.standby.control(&["promote"]);
    let healed = nodes.fleet.heals();
    load.hears(Heard::Done, 20);
    let mut known = load.stop();
    let broken = check(&nodes.fleet, &mut known);
    assert!(broken.is_empty(), "{broken:#?}");
    println!("well again after {healed:?}");
    nodes.stop();
}

#[test]
fn while_the_synchronous_standby_is_away_nothing_is_acknowledged_and_checks_go_on() {
    let pair = Pair::start("synchronous_standby_names = 'standby'");
    let nodes = Nodes::start(1, Some(&pair.url));
    let http = nodes.servers[0].http();
    let mut client = Client::new(0);
    assert_eq!(client.log_in(http), Heard::Done);
    let credentials = client.logins[0].credentials();
    assert!(credentials.iter().all(|credential| answered(|| dashboard(http, credential)).status == 200));
    pair.standby.signal("STOP");
    let token = client.logins[0].chain[0].clone();
    let refused = http.post("/refresh", &[bearer(&token)]);
    assert!(refused.status == 503 && refused.header("retry-after").is_some(), "{refused:?}");
    assert!(credentials.iter().all(|credential| answered(|| dashboard(http, credential)).status == 200));
    pair.standby.signal("CONT");
    nodes.fleet.heals();
    assert_eq!(check(&nodes.fleet, &mut [client]), [""; 0]);
    nodes.stop();
}

#[test]
fn what_an_asynchronous_failover_loses_is_noticed_and_the_nodes_refuse_until_somebody_accepts_it() {
    let pair = Pair::start("synchronous_standby_names = ''");
    let mut nodes = Nodes::start(2, Some(&pair.url));
    let [here, there] = [0, 1].map(|node| nodes.servers[node].http());
    let mut client = Client::new(0);
    (0..3).for_each(|_| assert_eq!(client.log_in(here), Heard::Done));
    // From here on the standby misses everything.
    let position = pair.primary.psql("postgres", "", "select pg_current_wal_lsn()");
    let reached = format!("select pg_last_wal_replay_lsn() >= '{position}'");
    soon(|| pair.standby.psql("postgres", "", &reached) == "t");
    pair.standby.control(&["stop"]);
    assert_eq!(client.refresh(here, 0), Heard::Done);
    assert_eq!(client.log_out(here, 1), Heard::Done);
    for credential in client.logins[1].credentials() {
        soon(|| dashboard(there, &credential).is_some_and(|reply| reply.status == 401));
    }
    let known = client.logins.clone();
    let fail_over = |first: bool| {
        pair.primary.kill();
        pair.standby.control(&["start"]);
        if first {
            pair.standby.control(&["promote"]);
        }
    };

    fail_over(true);
    for http in [here, there] {
        refuses(http, &client);
    }
    // A command has it from the nodes, which may have refused so far because there was no server to ask.
    soon(|| nodes.servers.iter().all(|server| server.logged().contains("has lost writes that were acknowledged")));
    let command = nodes.places[0].run(&["user", "list"]);
    assert!(command.code == Some(1) && command.err.contains("danger-accept-lost-writes"), "{command:?}");

    // The server that has everything comes back: so does service, by itself.
    pair.standby.control(&["stop"]);
    pair.primary.control(&["start"]);
    nodes.fleet.heals();
    let mut clients = [client];
    assert_eq!(check(&nodes.fleet, &mut clients), [""; 0]);

    fail_over(false);
    for http in [here, there] {
        refuses(http, &clients[0]);
    }
    for server in nodes.servers.drain(..) {
        // It cannot write down what is left to write.
        assert_eq!(server.stop(), Some(1));
    }
    let accepted = nodes.places[0].run(&["danger-accept-lost-writes"]);
    assert_eq!(accepted.code, Some(0), "{accepted:?}");
    (0..2).for_each(|node| nodes.start_again(node));
    nodes.fleet.heals();
    // It was no false alarm.
    clients[0].logins = known;
    let broken = check(&nodes.fleet, &mut clients);
    assert!(broken.iter().any(|line| line.contains("refresh is lost")), "{broken:#?}");
    assert!(broken.iter().any(|line| line.contains("logged out, but")), "{broken:#?}");
    nodes.stop();
}

/// The node says that it is not ready, acknowledges nothing, and does not accept what it knows to be revoked.
fn refuses(http: Http, client: &Client) {
    soon(|| http.get("/health/ready", &[]).status == 503);
    for login in &client.logins {
        let refreshed = http.post("/refresh", &[bearer(login.chain.last().unwrap())]);
        assert!(refreshed.status == 503 && refreshed.header("retry-after").is_some(), "{refreshed:?}");
        let accepted = |credential: &String| dashboard(http, credential).is_some_and(|reply| reply.status == 200);
        assert!(!login.is_over || !login.credentials().iter().any(accepted));
    }
}
