//! The configurations in `docs/forward-auth.md`, run by the proxies they are for: each the only way in to an application
//! that knows nothing of Watchword.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Calm, Http, PASSWORD, Place, Reply, SOON, Server, own_socket};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proxy {
    Nginx,
    Caddy,
}

/// One origin: Watchword, and under `/app/` the application. All are ended with it.
struct Site {
    proxy: Child,
    http: Http,
    server: Server,
    place: Place,
}

impl Site {
    /// With an administrator called kavya, and ravi, who is nobody special.
    fn open(proxy: Proxy) -> Self {
        Self::open_with(proxy, "trusted_proxies = ['127.0.0.1/32']\n")
    }

    fn open_with(proxy: Proxy, toml: &str) -> Self {
        let place = Place::new();
        place.write("watchword.toml", toml);
        for name in ["kavya", "ravi"] {
            place.add_user(name);
        }
        assert_eq!(place.run(&["user", "set-roles", "kavya", "admin"]).code, Some(0));
        let front = own_socket();
        let server = place.serve_with(&["--public-url", &format!("http://{front}")], &[]);
        let application = application();
        let mut command = match proxy {
            Proxy::Nginx => nginx(&place, front, server.address, application),
            Proxy::Caddy => caddy(&place, front, server.address, application),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = command.spawn();
        let proxy = started.unwrap_or_else(|e| panic!("{command:?}: {e}: install it, or run `cargo xtask test`"));
        let site = Self { proxy, http: Http { address: front }, server, place };
        let began = Instant::now();
        while site.http.send("GET", "/health/live", &[], "").map_or(0, |reply| reply.status) != 200 {
            assert!(began.elapsed() < SOON, "{command:?} does not serve");
            std::thread::yield_now();
        }
        site
    }

    /// Opens the login page at this path and submits it; where that led, and the cookie.
    fn log_in(&self, path: &str, name: &str) -> (String, String) {
        let page = self.http.get(path, &[BROWSER.to_owned()]);
        assert_eq!(page.status, 200, "{page:?}");
        let field = |name: &str| {
            let (_, rest) = page.body.split_once(&format!("name=\"{name}\" value=\""))?;
            Some(rest.split('"').next()?.replace("&#38;", "&"))
        };
        let (csrf, next) = (field("csrf").unwrap(), field("next").unwrap_or_default());
        let fields = [("csrf", csrf.as_str()), ("next", &next), ("username", name), ("password", PASSWORD)];
        let origin = format!("Origin: http://{}", self.http.address);
        let done = self.http.post_form("/login", &[page.cookie(), origin, BROWSER.to_owned()], &fields);
        assert_eq!(done.status, 303, "{done:?}");
        (done.header("location").unwrap().to_owned(), done.cookie())
    }

    /// What the application was sent, which must have been let through.
    fn seen(&self, method: &str, path: &str, headers: &[String]) -> String {
        let body = if method == "GET" { "" } else { "one cup of tea" };
        let reply = self.http.send(method, path, headers, body).unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(reply.body.starts_with(&format!("{method} {path} HTTP/1.1\r\n")), "{reply:?}");
        assert!(reply.body.ends_with(&format!("\r\n\r\n{body}")), "{reply:?}");
        reply.body
    }

    /// The status of what would be a WebSocket.
    fn open_socket(&self, headers: &[String]) -> u16 {
        let fields = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let own = headers.join("\r\n");
        let end = if own.is_empty() { "\r\n" } else { "\r\n\r\n" };
        let mut stream = self.http.connect();
        let request = format!("GET /app/live HTTP/1.1\r\nHost: {}\r\n{fields}{key}{own}{end}", self.http.address);
        stream.write_all(request.as_bytes()).unwrap();
        let mut line = [0; 12];
        stream.read_exact(&mut line).unwrap();
        String::from_utf8_lossy(&line[9..]).parse().unwrap()
    }

    fn status(&self, method: &str, path: &str, headers: &[String]) -> u16 {
        self.http.send(method, path, headers, "").unwrap().status
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

/// An application that answers each request with what it was sent, and agrees to every WebSocket.
fn application() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || echo(stream));
        }
    });
    address
}

fn echo(mut stream: TcpStream) {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes);
    let mut body = vec![0; header(&head, "content-length").map_or(0, |length| length.parse().unwrap())];
    let _ = stream.read_exact(&mut body);
    let seen = format!("{head}{}", String::from_utf8_lossy(&body));
    let answer = if header(&head, "upgrade").is_some() {
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello".to_owned()
    } else {
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{seen}", seen.len())
    };
    let _ = stream.write_all(answer.as_bytes());
}

/// A field of a head; every value of it.
fn header(head: &str, name: &str) -> Option<String> {
    let pairs = head.lines().filter_map(|line| line.split_once(": "));
    let values: Vec<_> = pairs.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect();
    if values.is_empty() { None } else { Some(values.join(" and ")) }
}

/// The blocks of a language in the documentation, with this test's addresses and the cookie's name on plain http.
fn documented(language: &str, front: SocketAddr, server: SocketAddr, application: SocketAddr) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/forward-auth.md");
    let text = std::fs::read_to_string(file).unwrap();
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap());
    let here = blocks.map(|block| {
        let mut block = block.to_owned();
        for (there, here) in [
            ("127.0.0.1:8080", server.to_string()),
            ("127.0.0.1:3000", application.to_string()),
            ("listen 443 ssl;", format!("listen {front};")),
            ("example.org {", format!("http://{front} {{")),
            ("__Host-session", "session".to_owned()),
        ] {
            block = block.replace(there, &here);
        }
        block
    });
    here.collect()
}

fn nginx(place: &Place, front: SocketAddr, server: SocketAddr, application: SocketAddr) -> Command {
    std::fs::create_dir(place.path("snippets")).unwrap();
    let mut site = String::new();
    for block in documented("nginx", front, server, application) {
        let name = block.lines().next().unwrap().strip_prefix("# /etc/nginx/").unwrap();
        if name == "conf.d/example.conf" { site = block } else { place.write(name, &block) }
    }
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let folders = folders.map(|name| format!("{name}_temp_path {};\n", place.path(name).display())).concat();
    let around = "daemon off; master_process off; error_log stderr; events {} http { access_log off;\n";
    place.write("nginx.conf", format!("pid {};\n{around}{folders}{site}}}\n", place.path("nginx.pid").display()));
    let mut command = Command::new("nginx");
    command.arg("-p").arg(place.folder()).arg("-e").arg("stderr").arg("-c").arg(place.path("nginx.conf"));
    command
}

fn caddy(place: &Place, front: SocketAddr, server: SocketAddr, application: SocketAddr) -> Command {
    let site = documented("caddyfile", front, server, application).concat();
    place.write("Caddyfile", format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}"));
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(place.path("Caddyfile"));
    command.env("XDG_DATA_HOME", place.folder()).env("XDG_CONFIG_HOME", place.folder());
    command
}

const BROWSER: &str = "Accept: text/html,application/xhtml+xml";

/// The proxy's behaviour that the documentation promises for either.
fn protects(proxy: Proxy) {
    let site = Site::open(proxy);
    a_person_is_sent_to_log_in_and_lands_where_they_wanted(&site);
    let (_, cookie) = site.log_in("/login", "kavya");
    let login = site.server.http().login("ravi");
    forged_identities_and_our_credentials_do_not_reach_the_application(&site, &cookie, &login);
    other_sites_can_use_the_cookie_for_nothing_but_links(&site, &cookie, &login);
    a_logout_closes_the_application(&site, cookie);
    a_logout_closes_the_application(&site, login.bearer("access_token")[0].clone());
}

fn a_person_is_sent_to_log_in_and_lands_where_they_wanted(site: &Site) {
    let wanted = "/app/orders?page=2&next=%2Fx&sort=a%20b";
    let sent = site.http.get(wanted, &[BROWSER.to_owned()]);
    assert_eq!(sent.status, 303, "{sent:?}");
    let origin = format!("http://{}", site.http.address);
    let (landed, cookie) = site.log_in(sent.header("location").unwrap().strip_prefix(&origin).unwrap(), "kavya");
    assert_eq!(landed, wanted);
    let head = site.seen("GET", &landed, &[cookie, BROWSER.to_owned()]);
    assert_eq!(header(&head, "remote-user").as_deref(), Some("kavya"));

    let program = site.http.get("/app/orders", &[]);
    assert_eq!((program.status, program.header("www-authenticate")), (401, Some("Bearer")), "{program:?}");
    let junk = site.http.get("/app/orders", &["Authorization: Bearer a.b.c".to_owned()]);
    assert_eq!(junk.status, 401, "{junk:?}");
    assert!(junk.header("www-authenticate").unwrap().contains("invalid_token"), "{junk:?}");
    let form = site.status("POST", "/app/orders", &[BROWSER.to_owned()]);
    assert!(form == 401 || form == 303, "{form}");
    let lies = ["X-Forwarded-Host: evil.example", "X-Forwarded-Uri: //evil.example", "X-Original-URI: //evil.example"];
    for lie in lies {
        let sent = site.http.get("/app/a", &[BROWSER.to_owned(), lie.to_owned()]);
        assert_eq!(sent.header("location"), Some(format!("{origin}/login?next=%2Fapp%2Fa").as_str()), "{lie}");
    }
}

fn forged_identities_and_our_credentials_do_not_reach_the_application(site: &Site, cookie: &str, login: &Reply) {
    let names = ["Remote-User", "Remote-User-Id", "Remote-Groups", "Remote-Email", "Remote-Session-Id"];
    let forged = names.iter().flat_map(|name| {
        [format!("{name}: root"), format!("{}: root", name.to_lowercase()), format!("{}: root", name.replace('-', "_"))]
    });
    let forged: Vec<String> = forged.chain(["X-Forwarded-User: root".to_owned()]).collect();
    let others = cookie.replace("Cookie: ", "Cookie: theme=dark; ") + "; lang=en";
    let users = site.place.json(&["user", "list", "--json"]).to_string();
    for (credential, name, groups) in
        [(others, "kavya", Some("admin")), (login.bearer("access_token")[0].clone(), "ravi", None)]
    {
        let head = site.seen("GET", "/app/", &[&[credential], &forged[..]].concat());
        assert_eq!(header(&head, "remote-user").as_deref(), Some(name), "{head}");
        assert_eq!(header(&head, "remote-groups").filter(|text| !text.is_empty()).as_deref(), groups, "{head}");
        assert!(users.contains(&header(&head, "remote-user-id").unwrap()), "{head}");
        assert_eq!(header(&head, "remote-session-id").unwrap().len(), 36, "{head}");
        assert_eq!(header(&head, "remote-email").unwrap_or_default(), "");
        assert!(!head.to_lowercase().contains("remote_") && !head.contains("session="), "{head}");
        assert_eq!(header(&head, "authorization").unwrap_or_default(), "", "{head}");
        if name == "kavya" {
            let cookie = header(&head, "cookie").unwrap();
            assert!(cookie.contains("theme=dark") && cookie.contains("lang=en"), "{cookie}");
        }
    }
}

fn other_sites_can_use_the_cookie_for_nothing_but_links(site: &Site, cookie: &str, login: &Reply) {
    let with = |header: &str| vec![cookie.to_owned(), BROWSER.to_owned(), header.to_owned()];
    let origin = format!("Origin: http://{}", site.http.address);
    for foreign in ["Sec-Fetch-Site: cross-site", "Origin: http://evil.example", "X-Forwarded-Method: GET", "X-A: b"] {
        for method in ["POST", "PUT", "DELETE"] {
            assert_eq!(site.status(method, "/app/orders", &with(foreign)), 403, "{method} {foreign}");
        }
        site.seen("GET", "/app/orders", &with(foreign));
        assert_eq!(site.open_socket(&with(foreign)), 403, "{foreign}");
    }
    for own in ["Sec-Fetch-Site: same-origin", &origin] {
        for method in ["POST", "PUT", "DELETE"] {
            site.seen(method, "/app/orders", &with(own));
        }
        assert_eq!(site.open_socket(&with(own)), 101, "{own}");
    }
    site.seen("POST", "/app/orders", &login.bearer("access_token"));
    assert_eq!(site.open_socket(&login.bearer("access_token")), 101);
    assert_eq!(site.open_socket(&[]), 401);
}

fn a_logout_closes_the_application(site: &Site, credential: String) {
    let credential = vec![credential];
    site.seen("GET", "/app/", &credential);
    let csrf = site.http.get("/api/v1/session", &credential).json()["csrf_token"].as_str().map(str::to_owned);
    let csrf = csrf.map(|token| format!("X-CSRF-Token: {token}"));
    let ended = site.status("DELETE", "/api/v1/session", &[&credential[..], csrf.as_slice()].concat());
    let mut second = Calm::new(Duration::from_secs(1));
    assert_eq!(ended, 200);
    while site.status("GET", "/app/", &credential) != 401 {
        assert!(second.lasts(), "still let through");
    }
}

#[test]
fn nginx_as_documented_lets_nobody_in_but_who_is_logged_in_and_says_truly_who_it_is() {
    protects(Proxy::Nginx);
}

#[test]
fn caddy_as_documented_lets_nobody_in_but_who_is_logged_in_and_says_truly_who_it_is() {
    protects(Proxy::Caddy);
}

#[test]
fn nginx_as_documented_keeps_the_administrators_part_for_those_with_the_role() {
    let site = Site::open(Proxy::Nginx);
    for (name, status) in [("kavya", 200), ("ravi", 403)] {
        let login = site.server.http().login(name);
        for credential in [login.cookie(), login.bearer("access_token")[0].clone()] {
            assert_eq!(site.status("GET", "/app/admin/", &[credential.clone(), BROWSER.to_owned()]), status, "{name}");
            assert_eq!(site.status("GET", "/app/", &[credential]), 200, "{name}");
        }
    }
    assert_eq!(site.status("GET", "/app/admin/", &[BROWSER.to_owned()]), 303);
    assert_eq!(site.status("GET", "/app/admin/", &[]), 401);
    for internal in ["/.forward-auth", "/.forward-auth-admin", "/.login"] {
        assert_eq!(site.status("GET", internal, &[]), 404, "{internal}");
    }
}

#[test]
fn a_proxy_that_is_not_trusted_opens_the_application_to_nobody() {
    let site = Site::open_with(Proxy::Nginx, "");
    let login = site.server.http().login("kavya");
    assert_eq!(site.status("GET", "/app/", &[login.cookie()]), 403);
    assert_eq!(site.status("GET", "/app/", &login.bearer("access_token")), 403);
}
