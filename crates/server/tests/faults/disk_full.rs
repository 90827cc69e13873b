//! No room on the disk: what cannot be kept is not acknowledged, checks go on, and so does everything once there is room.
//!
//! The room is taken away with a limit on the size of files, which needs no privileges and hits SQLite in the same place.

use std::process::Command;

use crate::checker::{answered, check};
use crate::fleet::{Nodes, clients};
use crate::ledger::{Client, Heard, Login, dashboard};
use crate::load::Load;
use crate::support::soon;

#[test]
fn without_room_nothing_is_acknowledged_checks_go_on_and_with_room_all_is_well() {
    let nodes = Nodes::start(1, None);
    let http = nodes.servers[0].http();
    let mut known = Client::new(6);
    assert_eq!(known.log_in(http), Heard::Done);
    let credentials: Vec<String> = known.logins.iter().flat_map(Login::credentials).collect();
    let mut working = clients();
    for round in 0..3 {
        let load = Load::start(&nodes.fleet, working);
        load.hears(Heard::Done, 30);
        limit(&nodes, "0");
        load.hears(Heard::Away, 20);
        for credential in &credentials {
            assert_eq!(answered(|| dashboard(http, credential)).status, 200);
        }
        let ready = http.get("/health/ready", &[]);
        assert!(ready.status == 503 && ready.header("retry-after").is_some(), "{ready:?}");
        assert_eq!(http.get("/health/live", &[]).status, 200);
        limit(&nodes, "unlimited");
        nodes.fleet.heals();
        load.hears(Heard::Done, 10);
        working = load.stop();
        let broken = check(&nodes.fleet, &mut working);
        assert!(broken.is_empty(), "round {round}: {broken:#?}");
        let said = |text: &str| nodes.servers[0].logged().matches(text).count();
        for text in ["is the disk full?", "can be written again"] {
            // It may still be on its way through the pipe.
            soon(|| said(text) > round);
            assert_eq!(said(text), round + 1, "{text}");
        }
    }
    nodes.stop();
}

/// How large the files may be that the node writes, in bytes.
fn limit(nodes: &Nodes, size: &str) {
    let pid = nodes.servers[0].id().to_string();
    let ended = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={size}:")]).status().unwrap();
    assert!(ended.success());
}
