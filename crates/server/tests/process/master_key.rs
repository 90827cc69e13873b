//! The master key exchanged under the real program; and that no memory of it is written to a disk.

use crate::support::{Place, soon};

#[test]
fn nobody_notices_that_the_master_key_was_exchanged() {
    let place = Place::new();
    place.add_user("kavya");
    place.write("watchword.toml", PUBLIC_URL);
    let server = place.serve();
    let http = server.http();
    let login = http.login("kavya");
    let old = std::fs::read_to_string(place.path("watchword.key")).unwrap();
    let said = place.run(&["keys", "rekey"]);
    assert!(said.code == Some(0) && said.out.contains("watchword.key") && said.out.contains("Nobody"), "{said:?}");
    let new = std::fs::read_to_string(place.path("watchword.key")).unwrap();
    assert_ne!(new, old);
    assert!(!said.out.contains(&new) && !said.out.contains(&old));
    assert!(!place.files().iter().any(|name| name.contains(".new")), "{:?}", place.files());

    // A key that was made after the exchange can only be opened with the new master key.
    assert_eq!(place.run(&["keys", "rotate", "--danger-now"]).code, Some(0));
    let listed = place.json(&["keys", "list", "--json"]);
    let successor = listed.as_array().unwrap().iter().find(|key| key["state"] == "active").unwrap()["kid"].clone();
    soon(|| http.login("kavya").kid() == successor.as_str().unwrap());
    assert_eq!(server.stop(), Some(0));
    let server = place.serve();
    let http = server.http();
    for credential in [login.bearer("access_token"), [login.cookie()]] {
        assert_eq!(http.get("/dashboard", &credential).status, 200);
    }
    assert_eq!(http.post("/refresh", &login.bearer("refresh_token")).status, 200);
    assert_eq!(server.stop(), Some(0));

    place.write("watchword.key", &old);
    let said = place.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.complaint().contains("another master key"), "{said:?}");
    assert!(!said.err.contains(&old) && !said.err.contains(&new));
}

#[test]
fn a_master_key_from_the_environment_is_exchanged_for_another_from_there() {
    let place = Place::new();
    let (old, new) = ("A".repeat(42) + "E", "B".repeat(42) + "E");
    let (old, new) = (("WATCHWORD_MASTER_KEY", old.as_str()), ("WATCHWORD_NEW_MASTER_KEY", new.as_str()));
    place.add_user("kavya");
    place.write("watchword.toml", PUBLIC_URL);
    let server = place.serve_with(&[], &[old]);
    let login = server.http().login("kavya");
    assert_eq!(server.stop(), Some(0));
    let said = place.run_with_env(&["keys", "rekey"], &[old]);
    assert!(said.complaint().contains("set WATCHWORD_NEW_MASTER_KEY"), "{said:?}");
    let said = place.run_with_env(&["keys", "rekey"], &[old, new]);
    assert!(said.code == Some(0) && said.out.contains("remove WATCHWORD_NEW_MASTER_KEY"), "{said:?}");
    assert!(!said.out.contains(new.1) && !said.out.contains(old.1));
    let said = place.run_with_env(&["serve", "--listen", "127.0.0.1:0"], &[old]);
    assert!(said.complaint().contains("another master key"), "{said:?}");
    let only_new = ("WATCHWORD_MASTER_KEY", new.1);
    for env in [&[old, new][..], &[only_new]] {
        let server = place.serve_with(&[], env);
        assert_eq!(server.http().get("/dashboard", &[login.cookie()]).status, 200);
        assert_eq!(server.http().get("/dashboard", &login.bearer("access_token")).status, 200);
        assert_eq!(server.stop(), Some(0));
    }
    assert!(!place.files().contains(&"watchword.key".to_owned()), "{:?}", place.files());
}

#[test]
fn a_running_server_leaves_no_core_dump() {
    let place = Place::new();
    let server = place.serve();
    let limit = server.limit("Max core file size");
    let values: Vec<_> = limit.split_whitespace().skip(4).take(2).collect();
    assert_eq!(values, ["0", "0"], "{limit}");
    assert!(!server.abort());
    assert!(!place.files().iter().any(|name| name.starts_with("core")), "{:?}", place.files());
}

/// Tokens name their issuer, which is to be the same on another port.
const PUBLIC_URL: &str = "public_url = 'http://127.0.0.1:8080'";
