//! The demo: what it prints works when it is pasted, and nothing stays.

use std::process::Command;

use serde_json::Value;

use crate::support::{Place, Ran, Server};

#[test]
fn what_the_demo_prints_works_when_pasted_into_a_shell() {
    let place = Place::new();
    // Its name needs quotes in a shell.
    let temporary = place.path("temporary files");
    std::fs::create_dir(&temporary).unwrap();
    let left = || std::fs::read_dir(&temporary).unwrap().count();
    let mut command = place.command(&["demo", "--listen", "127.0.0.1:0"]);
    command.env("TMPDIR", &temporary);
    let mut server = Server::start(command);
    server.line("Ctrl-C");
    let printed = server.printed().to_owned();
    assert_eq!(left(), 1, "its own folder");

    let (_, script) = printed.split_once("From a terminal:").unwrap();
    let script = script.split_once("Ctrl-C").unwrap().0;
    let mut bash = Command::new("bash");
    // Each curl's answer on a line of its own.
    bash.args(["-c", &format!("curl() {{ command curl -sS \"$@\"; echo; }}\n{script}")]);
    let said = Ran::of(bash, "");
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    let answers: Vec<Value> = said
        .out
        .lines()
        .filter(|line| line.starts_with("{\""))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let [login, dashboard, refresh, logout] = answers.as_slice() else { panic!("{answers:?}") };
    assert!(login["access_token"].is_string());
    assert!(said.out.contains("valid, by our key"), "{said:?}");
    assert_eq!(dashboard["message"], "Welcome kavya");
    assert_eq!(refresh["session_id"], login["session_id"]);
    assert_ne!(refresh["refresh_token"], login["refresh_token"]);
    assert_eq!(logout["ended"], true);
    let old = format!("Authorization: Bearer {}", login["access_token"].as_str().unwrap());
    assert_eq!(server.http().get("/dashboard", &[old]).status, 401);

    for name in ["kavya", "arjun"] {
        let line = printed.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        let password = line.split_whitespace().last().unwrap();
        let body = serde_json::json!({"username": name, "password": password});
        assert_eq!(server.http().post_json("/login", &body).status, 200, "{line}");
    }
    assert_eq!(server.stop(), Some(0));
    assert_eq!(left(), 0);
}

#[test]
fn the_demo_for_programs_prints_one_line_of_json() {
    let place = Place::new();
    let server = Server::start(place.command(&["demo", "--json", "--listen", "127.0.0.1:0"]));
    let printed: Value = serde_json::from_str(server.printed().trim_end()).unwrap();
    assert_eq!(printed["url"], format!("http://{}", server.address));
    for account in printed["accounts"].as_array().unwrap() {
        let body = serde_json::json!({"username": account["username"], "password": account["password"]});
        let login = server.http().post_json("/login", &body);
        let session = server.http().get("/api/v1/session", &login.bearer("access_token")).json();
        assert_eq!(session["user"]["roles"], account["roles"]);
    }
    server.signal("INT");
    assert_eq!(server.wait(), Some(0));
    assert!(place.files().is_empty(), "{:?}", place.files());
}

#[test]
fn the_demo_touches_no_database_of_others() {
    let place = Place::new();
    let said = place.run(&["demo", "--database", "sqlite:mine.db"]);
    assert!(said.complaint().contains("--database"), "{said:?}");
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let said = place.run(&["demo", "--listen", &other.local_addr().unwrap().to_string()]);
    assert!(said.complaint().contains("in use"), "{said:?}");
    assert!(place.files().is_empty(), "{:?}", place.files());
}
