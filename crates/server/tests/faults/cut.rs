//! Connections cut between a commit and its answer: nobody can say whether it happened, and asking again is always right.

use std::time::Instant;

use test_postgres::Cluster;

use crate::checker::{answered, check, check_link};
use crate::fleet::{Nodes, clients};
use crate::ledger::{Client, Heard, bearer};
use crate::link;
use crate::load::Load;
use crate::proxy::{Cut, Proxy};
use crate::support::{Http, Reply, SOON, own_socket};

/// A server, a proxy in front of it, and two nodes that know only the proxy.
fn behind_a_proxy() -> (Cluster, Proxy, Nodes) {
    let address = own_socket();
    let listen = format!("listen_addresses = '{}'", address.ip());
    let cluster = Cluster::start(&[listen.as_str(), &format!("port = {}", address.port())]);
    let proxy = Proxy::start(address);
    let url = format!("postgres://watchword@{}/postgres?sslmode=disable", proxy.address);
    let nodes = Nodes::start(2, Some(&url));
    (cluster, proxy, nodes)
}

/// Asks while the very next commit is cut off. Jobs commit, too, so that one of theirs may be hit, and a machine that stands still
/// may keep the answer away by itself: then it is asked anew, about something else.
fn cut_off(proxy: &Proxy, cut: Cut, mut ask: impl FnMut() -> Reply) -> Reply {
    for _ in 0..20 {
        proxy.cut_next(cut);
        let reply = ask();
        if reply.status == 503 && proxy.has_cut() {
            assert!(reply.header("retry-after").is_some(), "{reply:?}");
            return reply;
        }
    }
    panic!("no request was cut off");
}

/// After a cut the node may have no connection for a moment.
fn log_in(client: &mut Client, http: Http) {
    let began = Instant::now();
    while client.log_in(http) != Heard::Done {
        assert!(began.elapsed() < SOON, "no login");
    }
}

fn refresh(http: Http, token: &str) -> Reply {
    http.post("/refresh", &[bearer(token)])
}

#[test]
fn a_refresh_whose_answer_was_cut_off_gives_the_same_successor_when_it_is_asked_for_again() {
    let (cluster, proxy, nodes) = behind_a_proxy();
    let [here, there] = [0, 1].map(|node| nodes.servers[node].http());
    let mut client = Client::new(0);
    for cut in [Cut::After, Cut::Before] {
        let mut token = String::new();
        cut_off(&proxy, cut, || {
            proxy.cut_none();
            log_in(&mut client, here);
            token.clone_from(&client.logins.last().unwrap().chain[0]);
            proxy.cut_next(cut);
            refresh(here, &token)
        });
        let session = client.logins.last().unwrap().session_id.replace('-', "");
        let rotation = format!("select rotation from grants where session_id = '\\x{session}'");
        let expected = if cut == Cut::After { "1" } else { "0" };
        assert_eq!(cluster.psql("postgres", "", &rotation), expected);
        let [one, two] = [there, here].map(|http| answered(|| Some(refresh(http, &token))));
        assert_eq!((one.status, two.status), (200, 200));
        assert_eq!(one.text("refresh_token"), two.text("refresh_token"), "there is one successor");
        assert_eq!(answered(|| Some(refresh(there, &one.text("refresh_token")))).status, 200);
    }
    nodes.stop();
}

#[test]
fn a_logout_whose_answer_was_cut_off_can_be_asked_for_again() {
    let (_cluster, proxy, nodes) = behind_a_proxy();
    let [here, there] = [0, 1].map(|node| nodes.servers[node].http());
    for cut in [Cut::After, Cut::Before] {
        let mut client = Client::new(0);
        let mut token = [String::new()];
        cut_off(&proxy, cut, || {
            proxy.cut_none();
            // What became of the one before is not known, unless it is asked for again.
            client.logins.clear();
            log_in(&mut client, here);
            token = [bearer(&client.logins[0].chain[0])];
            proxy.cut_next(cut);
            here.post("/logout", &token)
        });
        assert_eq!(answered(|| Some(there.post("/logout", &token))).status, 200);
        client.logins[0].is_over = true;
        assert_eq!(check(&nodes.fleet, &mut [client]), [""; 0]);
    }
    nodes.stop();
}

#[test]
fn a_link_whose_answer_was_cut_off_is_used_or_not_but_never_twice() {
    for cut in [Cut::After, Cut::Before] {
        let (cluster, proxy, mut nodes) = behind_a_proxy();
        let path = link::path(&mut nodes.servers[1]);
        let http = nodes.servers[0].http();
        let mut acknowledged = 0;
        for try_number in 0..20 {
            proxy.cut_next(cut);
            let used = link::spend(http, &path, &format!("admin-{try_number}"));
            acknowledged += usize::from(used == Some(true));
            if used.is_none() || used == Some(true) {
                break;
            }
        }
        proxy.cut_none();
        let made = cluster.psql("postgres", "", "select count(*) from users where username like 'admin%'");
        let again = link::surely_spend(nodes.servers[1].http(), &path, "afterwards");
        assert_eq!(check_link(acknowledged, made.parse().unwrap(), again), [""; 0]);
        assert!(!link::surely_spend(http, &path, "once-more"));
        nodes.stop();
    }
}

#[test]
fn whatever_is_cut_off_under_load_nothing_acknowledged_is_lost() {
    let (_cluster, proxy, nodes) = behind_a_proxy();
    let mut known = clients();
    for round in 0..3 {
        proxy.cut_often(5);
        let load = Load::start(&nodes.fleet, known);
        load.hears(Heard::Done, 60);
        // It is left to chance which are cut.
        while proxy.cuts() <= 2 * (round + 1) {
            load.hears(Heard::Done, 20);
        }
        proxy.cut_often(0);
        nodes.fleet.heals();
        known = load.stop();
        let broken = check(&nodes.fleet, &mut known);
        assert!(broken.is_empty(), "round {round}: {broken:#?}");
    }
    println!("{} connections cut", proxy.cuts());
    nodes.stop();
}
