//! Somebody else's transaction, left open in another database of the same server.

use test_postgres::Cluster;

use crate::checker::{BOUND, answered, check};
use crate::fleet::Nodes;
use crate::ledger::{Client, Heard, dashboard};
use crate::support::Calm;

#[test]
fn a_transaction_left_open_in_another_database_keeps_no_revocation_from_another_node() {
    let cluster = Cluster::start(&["listen_addresses = ''"]);
    cluster.psql("postgres", "", "create database other");
    let nodes = Nodes::start(2, Some(&cluster.url("postgres")));
    let [here, there] = [0, 1].map(|node| nodes.servers[node].http());
    let mut client = Client::new(0);
    let held = cluster.hold("other");
    for index in 0..5 {
        assert_eq!(client.log_in(here), Heard::Done);
        // The other node knows the session, so that only the log can tell it of the end.
        for credential in client.logins[index].credentials() {
            assert_eq!(answered(|| dashboard(there, &credential)).status, 200);
        }
        assert_eq!(client.log_out(here, index), Heard::Done);
        let mut bound = Calm::new(BOUND);
        for credential in client.logins[index].credentials() {
            while dashboard(there, &credential).is_none_or(|reply| reply.status != 401) {
                assert!(bound.lasts(), "still accepted");
            }
        }
    }
    assert_eq!(client.log_in(here), Heard::Done);
    nodes.revoke_key();
    assert_eq!(check(&nodes.fleet, &mut [client]), [""; 0]);
    drop(held);
    nodes.stop();
}
