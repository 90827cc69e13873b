//! The link that creates the first administrator, used by many at once.

use std::time::Instant;

use crate::fleet::PUBLIC_URL;
use crate::support::{Http, PASSWORD, Reply, SOON, Server};

/// The path of the link that a server printed when it started.
pub fn path(server: &mut Server) -> String {
    let line = server.line("/setup/");
    line.trim().strip_prefix(PUBLIC_URL).unwrap_or_else(|| panic!("{line}")).to_owned()
}

/// The same where the server is well: whether it worked.
pub fn surely_spend(http: Http, path: &str, username: &str) -> bool {
    let began = Instant::now();
    loop {
        if let Some(worked) = spend(http, path, username) {
            return worked;
        }
        assert!(began.elapsed() < SOON, "the server does not answer");
    }
}

/// Uses the link. None: nobody answered, or 503. Otherwise whether it worked.
pub fn spend(http: Http, path: &str, username: &str) -> Option<bool> {
    let answered = |reply: &Reply| reply.status != 503;
    let page = http.send("GET", path, &[], "").ok().filter(answered)?;
    if page.status != 200 {
        return Some(false);
    }
    let (_, rest) = page.body.split_once("name=\"csrf\" value=\"").unwrap();
    let csrf = rest.split('"').next().unwrap();
    let fields = [("csrf", csrf), ("username", username), ("password", PASSWORD)];
    let body = serde_urlencoded::to_string(fields).unwrap();
    let kind = "Content-Type: application/x-www-form-urlencoded".to_owned();
    let headers = [page.cookie(), format!("Origin: {PUBLIC_URL}"), kind];
    let done = http.send("POST", path, &headers, &body).ok().filter(answered)?;
    assert!([303, 404].contains(&done.status), "{done:?}");
    Some(done.status == 303)
}
