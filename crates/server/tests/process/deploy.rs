//! The files in `deploy`: held against this program, and against the programs that read them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use test_postgres::Schema;

use crate::support::{Http, Place, Reply, SOON, Server, own_socket};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Runs a program that has to be installed.
fn tool(package: &str, command: &mut Command) -> String {
    let ended = command.output();
    let ended = ended.unwrap_or_else(|error| {
        panic!("{command:?}: {error}: install the package `{package}`, or run `cargo xtask test`")
    });
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{command:?}: {said}");
    said
}

/// The load balancer, killed at the end.
struct Balancer {
    child: Child,
    http: Http,
}

impl Balancer {
    fn before(nodes: [SocketAddr; 2]) -> Self {
        let address = own_socket();
        let mut command = Command::new("haproxy");
        command.arg("-dW").arg("-f").arg(root().join("deploy/haproxy.cfg"));
        command.env("WATCHWORD_FRONT", address.to_string());
        command.env("WATCHWORD_NODE_ONE", nodes[0].to_string()).env("WATCHWORD_NODE_TWO", nodes[1].to_string());
        tool("haproxy", command.arg("-c"));
        let mut args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        args.pop();
        let mut run = Command::new("haproxy");
        run.args(args).envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, http: Http { address } }
    }

    /// Until the health checks agree on what is the case.
    fn until(&self, is_so: impl Fn(Http) -> bool) {
        let began = Instant::now();
        while !is_so(self.http) {
            assert!(began.elapsed() < SOON, "the balancer does not notice");
            std::thread::yield_now();
        }
    }

    /// The answer to a POST. While a node is slow to answer the health checks, the balancer answers for it, and one asks again.
    fn post(&self, path: &str, headers: &[String], body: &str) -> Reply {
        let began = Instant::now();
        loop {
            match self.http.send("POST", path, headers, body) {
                Ok(reply) if reply.status != 503 => return reply,
                other => assert!(began.elapsed() < SOON, "{other:?}"),
            }
        }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn status(http: Http, path: &str, headers: &[String]) -> u16 {
    http.send("GET", path, headers, "").map_or(0, |reply| reply.status)
}

#[test]
fn two_nodes_behind_the_load_balancer_are_one_server_and_either_may_go() {
    let (schema, place) = (Schema::new(), Place::new());
    place.write("watchword.toml", format!("database = '{}'\ntrusted_proxies = ['127.0.0.1/32']\n", schema.url()));
    place.add_user("kavya");
    let node = || place.serve_with(&["--public-url", "http://localhost:8080"], &[("WATCHWORD_LOG_FILTER", "debug")]);
    let (one, two) = (node(), node());
    let front = Balancer::before([one.address, two.address]);
    front.until(|http| status(http, "/health/live", &[]) == 200);
    let asked = |node: &Server| node.logged().matches("/dashboard").count();

    let spoofed = ["Content-Type: application/json".to_owned(), "X-Forwarded-For: 203.0.113.9".to_owned()];
    let body = serde_json::json!({"username": "kavya", "password": crate::support::PASSWORD, "cookie": true});
    let login = front.post("/login", &spoofed, &body.to_string());
    assert_eq!(login.status, 200, "{login:?}");
    let bearer = login.bearer("access_token");
    // Without stickiness both have their share, as soon as the health checks have found both.
    front.until(|http| {
        for credential in [&bearer[..], &[login.cookie()]] {
            let status = status(http, "/dashboard", credential);
            assert!([200, 503].contains(&status), "{status}");
        }
        asked(&one) > 5 && asked(&two) > 5
    });
    front.until(|http| (0..20).all(|_| status(http, "/dashboard", &bearer) == 200));
    let sessions = place.json(&["session", "list", "kavya", "--json"]);
    assert!(!sessions.to_string().contains("203.0.113.9"), "{sessions}");

    assert_eq!(one.stop(), Some(0));
    front.until(|http| (0..20).all(|_| status(http, "/dashboard", &bearer) == 200));
    let refreshed = front.post("/refresh", &login.bearer("refresh_token"), "");
    assert_eq!(refreshed.status, 200);
    assert_eq!(front.post("/logout", &refreshed.bearer("access_token"), "").status, 200);
    front.until(|http| {
        let status = status(http, "/dashboard", &bearer);
        assert!([401, 503].contains(&status), "{status}");
        status == 401
    });
    assert_eq!(two.stop(), Some(0));
    front.until(|http| status(http, "/dashboard", &bearer) == 503);
}

/// What `key=` of the unit says, whichever section it is in.
fn unit_values(unit: &str, key: &str) -> Vec<String> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned).collect()
}

#[test]
fn the_systemd_unit_is_valid_hardened_and_starts_this_program() {
    let (unit, place) = (read("deploy/watchword.service"), Place::new());
    let start = unit_values(&unit, "ExecStart");
    let [start] = start.as_slice() else { panic!("{start:?}") };
    let (program, args) = start.split_once(' ').unwrap();
    assert_eq!((program, args), ("/usr/local/bin/watchword", "serve"));
    let here = unit.replace(program, env!("CARGO_BIN_EXE_watchword"));
    place.write("watchword.service", here);
    let path = place.path("watchword.service");
    let said = tool("systemd", Command::new("systemd-analyze").arg("verify").arg(&path));
    assert_eq!(said.trim(), "");
    // In tenths: 0 is everything shut, 100 everything open; systemd calls it OK up to 4.
    tool("systemd", Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=20"]).arg(&path));

    // As systemd hands the credential over: a folder of the service's own, and rights that an access list shows as the group's.
    assert_eq!(unit_values(&unit, "LoadCredential"), ["master.key:/etc/watchword/master.key"]);
    assert_eq!(unit_values(&unit, "Environment"), ["WATCHWORD_MASTER_KEY_FILE=%d/master.key"]);
    let folder = place.path("credentials");
    std::fs::create_dir(&folder).unwrap();
    let key = folder.join("master.key");
    std::fs::write(&key, "B".repeat(42) + "A").unwrap();
    let with_rights = |mode: u32, credentials: &str| {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let (file, folder) = (key.display().to_string(), place.path(credentials).display().to_string());
        [("WATCHWORD_MASTER_KEY_FILE", file), ("CREDENTIALS_DIRECTORY", folder)]
    };
    for (mode, credentials) in [(0o440, "elsewhere"), (0o444, "credentials"), (0o460, "credentials")] {
        let env = with_rights(mode, credentials);
        let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let ran = place.run_with_env(&["serve", "--listen", "127.0.0.1:0"], &env);
        assert!(ran.code == Some(1) && ran.err.contains("others may read it"), "{mode:o}: {ran:?}");
    }
    let env = with_rights(0o440, "credentials");
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(place.serve_with(&[], &env).stop(), Some(0));
}

#[test]
fn every_setting_in_the_files_is_one_of_this_program_and_every_path_exists() {
    let place = Place::new();
    let settings = |text: &str, pair: char| {
        let lines = text.lines().map(|line| line.trim().trim_start_matches("ENV "));
        let pairs = lines.filter(|line| line.starts_with("WATCHWORD_")).filter_map(|line| line.split_once(pair));
        pairs.map(|(name, value)| (name.to_owned(), value.trim().trim_matches('"').to_owned())).collect::<Vec<_>>()
    };
    let compose = read("deploy/compose.yaml");
    let mut from_compose = settings(&compose, ':');
    assert!(from_compose.len() >= 5, "{from_compose:?}");
    for (name, value) in &mut from_compose {
        // What compose puts in: the value in the environment or else the one behind `:-`.
        for (variable, stands_for) in [
            ("${POSTGRES_PASSWORD:?see the top of compose.yaml}", "a1"),
            ("${WATCHWORD_MASTER_KEY:?see the top of compose.yaml}", "A"),
            ("${WATCHWORD_PUBLIC_URL:-http://localhost:8080}", "http://localhost:8080"),
        ] {
            *value = value.replace(variable, stands_for);
        }
        assert!(!value.contains('$'), "{name}: {value}");
    }
    let container = read("deploy/Containerfile");
    let all = [from_compose, settings(&container, '=')].concat();
    let env: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let shown = place.run_with_env(&["config"], &env);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.out.contains("0.0.0.0:8080") && shown.out.contains("172.30.41.0/24"), "{shown:?}");

    assert!(compose.contains("dockerfile: deploy/Containerfile") && compose.contains("context: .."));
    assert!(compose.contains("- ./haproxy.cfg:") && root().join("deploy/haproxy.cfg").is_file());
    assert!(compose.contains("subnet: 172.30.41.0/24"), "the network whose word is believed");
    let balancer = read("deploy/haproxy.cfg");
    for (node, name) in [("ONE", "one"), ("TWO", "two")] {
        assert!(balancer.contains(&format!("${{WATCHWORD_NODE_{node}-{name}:8080}}")));
        assert!(compose.contains(&format!("\n  {name}: *node\n")));
    }
}

#[test]
fn the_container_file_builds_what_there_is_with_the_pinned_compiler_and_runs_it_as_nobody() {
    let text = read("deploy/Containerfile").replace("\\\n", " ");
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let known = "FROM ENV WORKDIR COPY RUN VOLUME USER EXPOSE STOPSIGNAL ENTRYPOINT CMD";
    let known: BTreeSet<&str> = known.split(' ').collect();
    for line in lines.iter().filter(|line| line.first().is_some_and(|word| !word.starts_with('#'))) {
        assert!(known.contains(line[0]), "{line:?}");
    }
    let of = |word: &str| lines.iter().filter(|line| line.first() == Some(&word)).collect::<Vec<_>>();
    let toolchain = read("rust-toolchain.toml");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    assert!(of("FROM")[0][1].starts_with(&format!("docker.io/library/rust:{channel}-slim-")), "{lines:?}");
    assert!(of("ENV").iter().any(|line| line[1] == format!("RUSTUP_TOOLCHAIN={channel}")));
    // All that the workspace is made of, or cargo refuses to read it.
    let copied: BTreeSet<&str> = of("COPY")
        .iter()
        .filter(|line| !line[1].starts_with("--"))
        .flat_map(|line| line[1..line.len() - 1].to_vec())
        .collect();
    for path in &copied {
        assert!(root().join(path).exists(), "{path}");
    }
    let manifest = read("Cargo.toml");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    for member in members.trim_matches(['[', ']']).split(", ") {
        let folder = member.trim_matches('"').trim_end_matches("/*");
        assert!(copied.iter().any(|path| Path::new(folder).starts_with(path)), "{folder}");
    }
    let build = of("RUN")[0].join(" ");
    assert!(build.contains("cargo build --locked --release --package watchword"), "{build}");
    assert_eq!(of("USER"), [&["USER", "65532:65532"]]);
    assert_eq!(of("ENTRYPOINT"), [&["ENTRYPOINT", "[\"/usr/local/bin/watchword\"]"]]);
    assert!(
        of("COPY").iter().any(|line| line[2..] == ["/source/target/release/watchword", "/usr/local/bin/watchword"])
    );
    assert_eq!(of("CMD"), [&["CMD", "[\"serve\"]"]]);
    assert_eq!(Place::new().run(&["serve", "--help"]).code, Some(0));
}
