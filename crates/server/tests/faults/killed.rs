//! Kill -9 under load, of nodes and of their database: whatever was acknowledged still holds when they are back.

use std::thread;
use std::time::Instant;

use test_postgres::Cluster;

use crate::checker::{check, check_link};
use crate::fleet::{Nodes, clients};
use crate::ledger::{Client, Heard};
use crate::link;
use crate::load::Load;
use crate::support::Random;

#[test]
fn what_was_acknowledged_holds_after_kill_9_of_a_server_on_sqlite() {
    let mut nodes = Nodes::start(1, None);
    rounds(6, 9, &mut nodes, |nodes| nodes.kill(0));
}

#[test]
fn what_was_acknowledged_holds_after_kill_9_of_one_of_two_nodes() {
    let cluster = Cluster::start(&SETTINGS);
    let mut nodes = Nodes::start(2, Some(&cluster.url("postgres")));
    let mut which = 0;
    rounds(4, 10, &mut nodes, |nodes| {
        nodes.kill(which % 2);
        which += 1;
    });
}

#[test]
fn what_was_acknowledged_holds_after_kill_9_of_postgresql() {
    let cluster = Cluster::start(&SETTINGS);
    let mut nodes = Nodes::start(2, Some(&cluster.url("postgres")));
    rounds(4, 11, &mut nodes, |_| {
        cluster.kill();
        cluster.control(&["start"]);
    });
    nodes.stop();
}

#[test]
fn a_link_works_once_although_postgresql_is_killed_while_many_use_it() {
    let cluster = Cluster::start(&SETTINGS);
    let mut nodes = Nodes::start(2, Some(&cluster.url("postgres")));
    let path = link::path(&mut nodes.servers[1]);
    let users: Vec<_> = (0..8)
        .map(|user| {
            let (http, path) = (nodes.servers[user % 2].http(), path.clone());
            thread::spawn(move || link::spend(http, &path, &format!("admin-{user}")) == Some(true))
        })
        .collect();
    let load = Load::start(&nodes.fleet, clients());
    load.hears(Heard::Done, 3);
    cluster.kill();
    cluster.control(&["start"]);
    let acknowledged = users.into_iter().map(|user| usize::from(user.join().unwrap())).sum();
    load.stop();
    nodes.fleet.heals();
    let made = cluster.psql("postgres", "", "select count(*) from users where username like 'admin%'");
    let works_again = link::surely_spend(nodes.servers[0].http(), &path, "afterwards");
    assert_eq!(check_link(acknowledged, made.parse().unwrap(), works_again), [""; 0]);
    assert!(!link::surely_spend(nodes.servers[1].http(), &path, "once-more"));
    nodes.stop();
}

/// Lets all clients work, does something terrible in the middle of it, lets them go on, and checks; several times.
fn rounds(count: usize, seed: u64, nodes: &mut Nodes, mut fault: impl FnMut(&mut Nodes)) {
    let (mut random, mut known, began) = (Random::seeded(seed), clients(), Instant::now());
    let mut totals = [0; 3];
    for round in 0..count {
        let load = Load::start(&nodes.fleet, known);
        load.hears(Heard::Done, 20 + random.below(60));
        if round == 1 {
            nodes.revoke_key();
        }
        fault(nodes);
        let healed = nodes.fleet.heals();
        load.hears(Heard::Done, 10);
        known = load.stop();
        let broken = check(&nodes.fleet, &mut known);
        assert!(broken.is_empty(), "round {round}: {broken:#?}");
        let [logins, refreshes, logouts, away] = sums(&known);
        println!(
            "round {round}: held {logins} logins, {refreshes} refreshes, {logouts} logouts; {away} without answer; well \
             again after {healed:?}"
        );
        totals = [totals[0] + logins, totals[1] + refreshes, totals[2] + logouts];
        known.iter_mut().for_each(next_round);
    }
    println!("in total {totals:?} in {:?}", began.elapsed());
    assert!(totals.iter().all(|total| *total > count), "too little happened: {totals:?}");
}

/// Some logins live on into the next round.
fn next_round(client: &mut Client) {
    client.logins.retain(|login| !login.is_over);
    client.logins.truncate(3);
    client.tally = crate::ledger::Tally::default();
}

fn sums(clients: &[Client]) -> [usize; 4] {
    clients.iter().fold([0; 4], |sums, client| {
        let tally = client.tally;
        [sums[0] + tally.logins, sums[1] + tally.refreshes, sums[2] + tally.logouts, sums[3] + tally.away]
    })
}

/// A page that is half written when its process is killed can only be mended with these.
const SETTINGS: [&str; 2] = ["listen_addresses = ''", "full_page_writes = on"];
