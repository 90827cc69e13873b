//! The same check with a disk that forgets: without this, nobody would know that it can fail.

use crate::checker::{check, check_link};
use crate::fleet::Nodes;
use crate::ledger::{Client, Heard};

#[test]
fn the_check_notices_what_a_forgetful_disk_loses() {
    let mut nodes = Nodes::start(1, None);
    let mut client = Client::new(0);
    (0..3).for_each(|_| assert_eq!(client.log_in(nodes.servers[0].http()), Heard::Done));
    let early = nodes.exchange(None);

    let http = nodes.servers[0].http();
    for _ in 0..2 {
        assert_eq!(client.refresh(http, 0), Heard::Done);
    }
    assert_eq!(client.log_out(http, 1), Heard::Done);
    assert_eq!(client.log_in(http), Heard::Done);
    let known = client.logins.clone();
    let whole = nodes.exchange(Some(early));

    let mut clients = [client];
    let broken = check(&nodes.fleet, &mut clients);
    for (index, kind) in [(0, "refresh"), (1, "logged out"), (3, "login")] {
        let id = &known[index].session_id;
        let told = broken.iter().any(|line| line.starts_with(id.as_str()) && line.contains(kind));
        assert!(told, "the lost {kind} is not among {broken:#?}");
    }
    assert!(!broken.iter().any(|line| line.starts_with(&known[2].session_id)), "{broken:#?}");

    nodes.exchange(Some(whole));
    clients[0].logins = known;
    assert_eq!(check(&nodes.fleet, &mut clients), [""; 0]);
    nodes.stop();
}

#[test]
fn the_check_notices_a_link_that_was_used_twice_lost_or_stuck() {
    for (acknowledged, accounts, works_again) in [(0, 0, true), (0, 1, false), (1, 1, false)] {
        assert_eq!(check_link(acknowledged, accounts, works_again), [""; 0]);
    }
    for (acknowledged, accounts, works_again) in
        [(2, 2, false), (2, 1, false), (1, 0, true), (0, 0, false), (1, 1, true)]
    {
        assert!(!check_link(acknowledged, accounts, works_again).is_empty());
    }
}

impl Nodes {
    /// Stops the only node, exchanges its database file, and starts it again; what was in the file.
    fn exchange(&mut self, content: Option<Vec<u8>>) -> Vec<u8> {
        assert_eq!(self.servers.remove(0).stop(), Some(0));
        let was = std::fs::read(self.places[0].path("watchword.db")).unwrap();
        if let Some(content) = content {
            self.places[0].write("watchword.db", content);
        }
        self.start_again(0);
        was
    }
}
