//! Somebody else's transaction, left open in another database of the same server.

use std::time::Instant;

use test_postgres::Cluster;

use crate::checker::{BOUND, check};
use crate::fleet::Nodes;
use crate::ledger::{Client, Heard, dashboard};

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
            assert_eq!(dashboard(there, &credential).unwrap().status, 200);
        }
        assert_eq!(client.log_out(here, index), Heard::Done);
        let began = Instant::now();
        for credential in client.logins[index].credentials() {
            while dashboard(there, &credential).unwrap().status == 200 {
                assert!(began.elapsed() < BOUND, "still accepted");
            }
        }
    }
    assert_eq!(client.log_in(here), Heard::Done);
    nodes.revoke_key();
    assert_eq!(check(&nodes.fleet, &mut [client]), [""; 0]);
    drop(held);
    nodes.stop();
}
