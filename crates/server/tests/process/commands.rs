//! The commands, also while a server runs on the same database.

use serde_json::Value;

use crate::support::{PASSWORD, Place, Ran, Server};

#[test]
fn an_account_is_made_listed_and_logs_in() {
    let place = Place::new();
    let made = place.json(&["user", "add", "kavya", "--email", "kavya@example.org", "--roles", "admin,user", "--json"]);
    assert_eq!(made["username"], "kavya");
    assert_eq!(made["roles"], serde_json::json!(["admin", "user"]));
    let generated = made["password"].as_str().unwrap();
    assert!(generated.len() >= 24, "{generated}");
    place.add_user("arjun");

    let listed = place.json(&["user", "list", "--json"]);
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["username"].as_str().unwrap()).collect();
    assert_eq!(names, ["arjun", "kavya"]);
    assert_eq!(listed[1]["email"], "kavya@example.org");
    assert!(listed.as_array().unwrap().iter().all(|row| row["password"].is_null()), "no password is shown again");
    let table = place.run(&["user", "list"]);
    assert_eq!(table.out.lines().count(), 3, "{table:?}");

    let server = place.serve();
    let login = |name: &str, password: &str| {
        server.http().post_json("/login", &serde_json::json!({"username": name, "password": password})).status
    };
    assert_eq!(login("kavya", generated), 200);
    assert_eq!(login("kavya@example.org", generated), 200);
    assert_eq!(login("arjun", PASSWORD), 200, "the line's end is not part of the password");
}

#[test]
fn an_account_that_cannot_be_made_says_why() {
    let place = Place::new();
    place.add_user("kavya");
    let with = |args: &[&str], password: &str| place.run_with_input(&[&["user", "add"], args].concat(), password);
    for (said, part) in [
        (with(&["kavya"], ""), "already"),
        (with(&["KAVYA"], ""), "already"),
        (with(&["not a name"], ""), "name"),
        (with(&["mina", "--email", "nowhere"], ""), "e-mail"),
        (with(&["mina", "--roles", "näin"], ""), "role"),
        (with(&["mina", "--password-stdin"], ""), "15"),
        (with(&["mina", "--password-stdin"], "short\n"), "15"),
    ] {
        assert!(said.complaint().contains(part), "`{part}` is missing: {said:?}");
    }
    for args in [vec!["disable", "nobody"], vec!["enable", "nobody"], vec!["set-roles", "nobody", "x"]] {
        let said = place.run(&[&["user"], &args[..]].concat());
        assert!(said.complaint().contains("there is no account `nobody`"), "{said:?}");
    }
    assert_eq!(place.json(&["user", "list", "--json"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_running_server_obeys_user_commands_within_a_second() {
    let place = Place::new();
    let server = running(&place);
    let http = server.http();

    let login = http.login("kavya");
    assert_eq!(place.run(&["user", "disable", "kavya"]).code, Some(0));
    http.refused_soon(&login.bearer("access_token"));
    http.refused_soon(&[login.cookie()]);
    assert_eq!(http.post("/refresh", &login.bearer("refresh_token")).status, 401);
    assert_eq!(http.login("kavya").status, 401);
    assert_eq!(place.json(&["user", "list", "--json"])[0]["disabled"], true);
    assert_eq!(place.run(&["user", "enable", "kavya"]).code, Some(0));

    let login = http.login("kavya");
    assert_eq!(login.status, 200);
    assert_eq!(http.get("/dashboard", &login.bearer("access_token")).status, 200);
    assert_eq!(place.run(&["user", "set-roles", "kavya", "editor,auditor"]).code, Some(0));
    http.refused_soon(&login.bearer("access_token"));
    let session = http.get("/api/v1/session", &[login.cookie()]).json();
    assert_eq!(session["user"]["roles"], serde_json::json!(["auditor", "editor"]));
    assert_eq!(http.post("/refresh", &login.bearer("refresh_token")).status, 200);

    let said = place.run_with_input(&["user", "set-password", "kavya", "--password-stdin"], "nine loud herons wade\n");
    assert_eq!(said.code, Some(0), "{said:?}");
    http.refused_soon(&login.bearer("access_token"));
    assert_eq!(http.login("kavya").status, 401);
    let said = place.run(&["user", "set-password", "kavya"]);
    let generated = said.out.lines().find_map(|line| line.strip_prefix("Password: ")).unwrap();
    let body = serde_json::json!({"username": "kavya", "password": generated});
    assert_eq!(http.post_json("/login", &body).status, 200);
}

#[test]
fn sessions_are_listed_and_a_running_server_refuses_them_once_ended() {
    let place = Place::new();
    let server = running(&place);
    let http = server.http();
    assert_eq!(place.json(&["session", "list", "kavya", "--json"]), serde_json::json!([]));
    let logins = [http.login("kavya"), http.login("kavya"), http.login("kavya")];
    let listed = place.json(&["session", "list", "kavya", "--json"]);
    let ids: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["session_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    assert!(logins.iter().all(|login| ids.contains(&login.text("session_id").as_str())));
    assert_eq!(listed[0]["kind"], "cookie and tokens");
    assert!(place.run(&["session", "list", "kavya"]).out.contains(ids[0]));

    let first = logins[0].text("session_id");
    assert_eq!(place.json(&["session", "end", &first, "--json"])["ended"], 1);
    http.refused_soon(&logins[0].bearer("access_token"));
    http.refused_soon(&[logins[0].cookie()]);
    assert_eq!(http.post("/refresh", &logins[0].bearer("refresh_token")).status, 401);
    assert_eq!(http.get("/dashboard", &logins[1].bearer("access_token")).status, 200, "the others go on");

    let twice = place.run(&["session", "end", &first]);
    assert_eq!(twice.code, Some(1), "{twice:?}");
    assert!(twice.out.contains("nothing to end"), "{twice:?}");
    assert!(place.run(&["session", "end", "garbage"]).complaint().contains("not a session id"));
    assert!(place.run(&["session", "list", "nobody"]).complaint().contains("there is no account"));

    assert_eq!(place.run(&["session", "end", "--user", "kavya"]).code, Some(0));
    for login in &logins {
        http.refused_soon(&login.bearer("access_token"));
        http.refused_soon(&[login.cookie()]);
    }
    assert_eq!(http.login("kavya").status, 200, "logging in again is not forbidden");
}

#[test]
fn everything_is_ended_when_that_is_said_twice_and_what_a_client_holds_when_it_is_named() {
    let place = Place::new();
    let server = running(&place);
    let http = server.http();
    let login = http.login("kavya");
    let asked = place.run(&["session", "end", "--everybody"]);
    assert_eq!(asked.code, Some(1), "{asked:?}");
    assert!(asked.complaint().contains("--yes"), "{asked:?}");
    assert_eq!(http.get("/dashboard", &[login.cookie()]).status, 200, "nothing was ended");
    for args in [&["end"][..], &["end", "--everybody", "--user", "kavya"], &["end", "--client", "x", "--yes"]] {
        assert_eq!(place.run(&[&["session"][..], args].concat()).code, Some(2), "{args:?}");
    }

    for client_id in ["", &"x".repeat(257)] {
        let refused = place.run(&["session", "end", "--client", client_id]);
        assert!(refused.code == Some(2) && refused.err.contains("1 to 256 bytes"), "{refused:?}");
    }
    let mistyped = place.run(&["session", "end", "--client", "first-part"]);
    assert_eq!(mistyped.code, Some(1), "{mistyped:?}");
    assert!(mistyped.out.contains("Ended 0 grants."), "{mistyped:?}");
    let said = place.run(&["session", "end", "--client", "first-party"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("Ended 1 grant.") && said.out.contains("Sessions go on"), "{said:?}");
    http.refused_soon(&login.bearer("access_token"));
    assert_eq!(http.post("/refresh", &login.bearer("refresh_token")).status, 401);
    assert_eq!(http.get("/dashboard", &[login.cookie()]).status, 200);

    let other = http.login("kavya");
    assert_eq!(other.status, 200, "{other:?}");
    assert_eq!(place.json(&["session", "end", "--everybody", "--yes", "--json"])["ended"], 2);
    for login in [&login, &other] {
        http.refused_soon(&login.bearer("access_token"));
        http.refused_soon(&[login.cookie()]);
        assert_eq!(http.post("/refresh", &login.bearer("refresh_token")).status, 401);
    }
    assert_eq!(place.json(&["session", "list", "kavya", "--json"]), serde_json::json!([]));
    let after = http.login("kavya");
    assert_eq!(after.status, 200, "{after:?}");
    for credential in [&after.bearer("access_token"), &[after.cookie()]] {
        assert_eq!(http.get("/dashboard", credential).status, 200);
    }
}

#[test]
fn a_token_is_explained_and_its_signature_judged() {
    let place = Place::new();
    let server = running(&place);
    let login = server.http().login("kavya");
    let token = login.text("access_token");

    let seen = place.json(&["token", "inspect", &token, "--json"]);
    assert_eq!((&seen["verified"], &seen["header"]["typ"]), (&Value::Bool(true), &"at+jwt".into()));
    assert_eq!(seen["claims"]["sid"], login.text("session_id"));
    for args in [&["token", "inspect"][..], &["token", "inspect", "-"]] {
        let said = place.run_with_input(args, &format!("{token}\n"));
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.out.contains("valid, by our key") && said.out.contains("expires"), "{said:?}");
        assert!(!said.out.contains(&token));
    }

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let tampered = format!("{header}.{}A.{signature}", &claims[..claims.len() - 1]);
    let other = Place::new();
    other.add_user("kavya");
    let forged = other.serve().http().login("kavya").text("access_token");
    let unsigned = format!("{}.{claims}.", "eyJhbGciOiJub25lIn0");
    for (text, code) in [(&tampered, 1), (&forged, 1), (&unsigned, 1)] {
        let said = place.run(&["token", "inspect", text, "--json"]);
        assert_eq!(said.code, Some(code), "{said:?}");
        assert!(!said.out.contains("\"verified\":true"), "{said:?}");
    }
    let said = place.run(&["token", "inspect", &forged]);
    assert!(said.out.contains("NOT verified"), "{said:?}");
    for garbage in ["garbage", "", "a.b.c", "...", "eyJ.eyJ.eyJ"] {
        let said = place.run_with_input(&["token", "inspect"], garbage);
        assert!(said.complaint().starts_with("this is not a JWT"), "{garbage}: {said:?}");
    }
    let refresh = login.text("refresh_token");
    let said = place.run(&["token", "inspect", &refresh]);
    assert!(said.complaint().contains("refresh token") && !said.err.contains(&refresh), "{said:?}");

    let empty = Place::new();
    assert_eq!(empty.run(&["token", "inspect", &token]).code, Some(1));
    assert!(empty.files().is_empty(), "looking into a token makes no database");
}

#[test]
fn the_effective_configuration_is_printed_without_secrets() {
    let place = Place::new();
    place.write("watchword.toml", "listen = '127.0.0.1:1001'\n[session]\nidle = '2h'\nabsolute = '3h'\n");
    let secret = "q8N0vX2mYw7ZtR4kLp9sBc1dEf3gHj5u";
    let env = [
        ("WATCHWORD_LISTEN", "127.0.0.1:1002"),
        ("WATCHWORD_SESSION_IDLE", "1h"),
        ("WATCHWORD_TOKENS_SECRET", secret),
        ("WATCHWORD_MASTER_KEY", secret),
    ];
    let said = place.run_with_env(&["config", "--listen", "127.0.0.1:1003"], &env);
    assert_eq!(said.code, Some(0), "{said:?}");
    let table: toml::Table = said.out.parse().expect("what it prints is a configuration file");
    assert_eq!(table["listen"].as_str(), Some("127.0.0.1:1003"), "the option wins");
    assert_eq!(table["session"]["idle"].as_str(), Some("1h"), "the variable wins over the file");
    assert_eq!(table["session"]["absolute"].as_str(), Some("3h"), "the file wins over the default");
    assert!(!said.out.contains(secret));
    assert_eq!(place.files(), ["watchword.toml"], "looking makes nothing");

    place.write("watchword.toml", &said.out);
    let again = place.run(&["config"]);
    assert_eq!(again.out, said.out, "what it prints can be used as it is");
}

#[test]
fn the_clock_is_reset_by_name_only_and_only_where_there_is_a_database() {
    let place = Place::new();
    let nowhere = place.run(&["danger-reset-clock"]);
    assert!(nowhere.code == Some(1) && nowhere.err.contains("there is no database"), "{nowhere:?}");
    let elsewhere = place.run(&["user", "list"]);
    assert!(elsewhere.code == Some(1) && elsewhere.err.contains("--database"), "{elsewhere:?}");
    place.add_user("kavya");
    let reset = place.run(&["danger-reset-clock"]);
    assert!(reset.code == Some(0) && reset.out.contains("UTC"), "{reset:?}");
}

#[test]
fn every_shell_gets_completions_that_know_every_command() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let said = place.run(&["completions", shell]);
        assert_eq!(said.code, Some(0));
        for word in [
            "serve",
            "demo",
            "user",
            "session",
            "keys",
            "rekey",
            "token",
            "inspect",
            "set-password",
            "config",
            "public-url",
        ] {
            assert!(said.out.contains(word), "{shell} does not know {word}");
        }
    }
    place.write("completions", place.run(&["completions", "bash"]).out);
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", "source ./completions && complete -p watchword"]).current_dir(place.folder());
    let said = Ran::of(bash, "");
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert_eq!(place.run(&["completions", "cmd"]).code, Some(2));
}

#[test]
fn there_is_no_loss_to_accept_where_there_is_no_standby() {
    let place = Place::new();
    let refusal = place.run(&["danger-accept-lost-writes"]);
    assert!(refusal.complaint().contains("no standby"), "{refusal:?}");
    assert_eq!(place.files(), [""; 0]);
}

#[test]
fn help_mentions_every_command_and_works_without_configuration() {
    let place = Place::new();
    place.write("watchword.toml", "nonsense");
    let help = place.run(&["--help"]);
    assert_eq!(help.code, Some(0));
    for word in ["serve", "demo", "user", "session", "keys", "token", "config", "completions", "--listen", "--database"]
    {
        assert!(help.out.contains(word), "{word}");
    }
    for (command, words) in [
        ("user", &["add", "list", "disable", "enable", "set-roles", "set-password"][..]),
        ("session", &["list", "end"]),
        ("keys", &["list", "rotate", "retire", "revoke", "import", "export-public", "rekey"]),
        ("token", &["inspect"]),
        ("demo", &["--json"]),
    ] {
        let help = place.run(&[command, "--help"]);
        assert_eq!(help.code, Some(0));
        assert!(words.iter().all(|word| help.out.contains(word)), "{command}: {}", help.out);
    }
    let version = place.run(&["--version"]);
    assert_eq!(version.out, format!("watchword {}\n", env!("CARGO_PKG_VERSION")));
}

fn running(place: &Place) -> Server {
    place.add_user("kavya");
    place.serve()
}
