//! The first run, the runs after it, and the end of a run.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::support::{Http, PASSWORD, Place, Reply, SOON, Server, read_to_close};

#[test]
fn without_configuration_it_serves_and_offers_the_first_administrator_a_link() {
    let place = Place::new();
    let mut server = place.serve();
    println!("ready after {:?} on the first run", server.ready_after);
    // What a slow machine or disk adds is not its own.
    assert!(server.busy() < Duration::from_secs(2), "{:?}", server.busy());
    for name in ["watchword.db", "watchword.key"] {
        let mode = std::fs::metadata(place.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let link = server.line("/setup/");
    let path = path_of(&link, server.address);
    let http = server.http();
    assert_eq!(http.get("/health/ready", &[]).status, 200);

    let page = http.get(&path, &[]);
    assert_eq!(page.status, 200);
    let origin = format!("Origin: http://{}", server.address);
    let fields = [("csrf", field(&page, "csrf")), ("username", "kavya".into()), ("password", PASSWORD.into())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let made = http.post_form(&path, &[page.cookie(), origin], &fields);
    assert_eq!((made.status, made.header("location")), (303, Some("/dashboard")), "{made:?}");
    let dashboard = http.get("/dashboard", &[made.cookie()]);
    assert!(dashboard.body.contains("Welcome kavya"), "{dashboard:?}");
    assert_eq!(http.login("kavya").status, 200);

    assert!(http.get(&path, &[]).body.contains("no longer"), "the link works once");
    assert_eq!(server.stop(), Some(0));
    let mut again = place.serve();
    assert!(again.line("Database").contains("watchword.db"));
    assert_eq!(again.stop_and_read().matches("/setup/").count(), 0, "there is an administrator now");
}

#[test]
fn a_new_run_prints_the_same_link_which_still_works() {
    let place = Place::new();
    let mut first = place.serve();
    let old = path_of(&first.line("/setup/"), first.address);
    assert_eq!(first.stop(), Some(0));
    let mut second = place.serve();
    let new = path_of(&second.line("/setup/"), second.address);
    assert_eq!(new, old);
    assert!(second.http().get(&new, &[]).body.contains("name=\"password\""));
}

#[test]
fn keys_sessions_and_tokens_outlive_a_restart() {
    let place = Place::new();
    place.add_user("kavya");
    let server = place.serve();
    // At the server's own address, where nobody takes the port meanwhile.
    let (http, address) = (server.http(), server.address);
    let login = http.login("kavya");
    let gone = http.login("kavya");
    http.post("/logout", &gone.bearer("access_token"));
    let keys = http.get("/.well-known/jwks.json", &[]).body;
    assert_eq!(server.stop(), Some(0));
    assert_eq!(place.files(), ["watchword.db", "watchword.key"], "the one file is complete");

    // The same port: it is part of the issuer.
    let mut command = place.command(&["--listen", &address.to_string()]);
    command.env("WATCHWORD_LOG_FORMAT", "json");
    let server = Server::start(command);
    println!("ready after {:?} on the second run", server.ready_after);
    assert_eq!(http.get("/.well-known/jwks.json", &[]).body, keys);
    assert_eq!(http.get("/dashboard", &login.bearer("access_token")).status, 200);
    assert_eq!(http.get("/dashboard", &[login.cookie()]).status, 200);
    assert_eq!(http.post("/refresh", &login.bearer("refresh_token")).status, 200);
    assert_eq!(http.get("/dashboard", &gone.bearer("access_token")).status, 401);
    assert_eq!(http.get("/dashboard", &[gone.cookie()]).status, 401);
    assert_eq!(http.post("/refresh", &gone.bearer("refresh_token")).status, 401);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn sigterm_and_ctrl_c_let_a_request_in_flight_finish() {
    for signal in ["TERM", "INT"] {
        // A server cuts off after ten seconds what is still in flight. If the test itself has stood still for so long, that is no answer.
        let told = (0..5).any(|_| is_finished_after(signal));
        assert!(told, "{signal}: this machine stands still for too long each time");
    }
}

/// Whether the test was quick enough; whether the server was right it asserts.
fn is_finished_after(signal: &str) -> bool {
    let place = Place::new();
    place.add_user("kavya");
    let server = place.serve();
    let (http, address) = (server.http(), server.address);
    let idle = http.connect();
    let body = serde_json::json!({"username": "kavya", "password": PASSWORD}).to_string();
    let mut stream = http.connect();
    write!(
        stream,
        "POST /login HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Expect: 100-continue\r\n\r\n",
        body.len()
    )
    .unwrap();
    // The server asks for the body, so the request has reached its handler.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    let signalled = Instant::now();
    server.signal(signal);
    wait_until_refused(address);

    let is_sent = stream.write_all(body.as_bytes()).is_ok();
    let text = if is_sent { read_to_close(&mut stream) } else { String::new() };
    if signalled.elapsed() > Duration::from_secs(5) {
        return false;
    }
    let reply = Reply::parse(&text).expect("a whole answer");
    assert_eq!(reply.status, 200, "{signal}: {reply:?}");
    assert_eq!(server.wait(), Some(0), "{signal}");
    drop(idle);

    let server = place.serve();
    let refreshed = Http { address: server.address }.post("/refresh", &reply.bearer("refresh_token"));
    assert_eq!(refreshed.status, 200, "what was answered last was kept");
    true
}

fn wait_until_refused(address: SocketAddr) {
    let deadline = Instant::now() + SOON;
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "it still accepts connections");
    }
}

fn path_of(line: &str, address: SocketAddr) -> String {
    let (_, path) = line.split_once(&address.to_string()).unwrap_or_else(|| panic!("{line}"));
    path.trim().to_owned()
}

/// The value of a form's field.
fn field(page: &Reply, name: &str) -> String {
    let (_, rest) = page.body.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{page:?}"));
    rest.split('"').next().unwrap().to_owned()
}
