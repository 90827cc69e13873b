//! What clients were told, and whether a server keeps it.

use serde_json::json;

use crate::support::{Http, PASSWORD, Place, Reply, Server};

/// One login and everything about it that the server has acknowledged.
#[derive(Clone)]
pub struct Login {
    pub session_id: String,
    pub cookie: String,
    pub access: String,
    /// Every refresh token, in order.
    pub chain: Vec<String>,
    pub is_over: bool,
}

/// Everything that the server does not keep of what was acknowledged.
pub fn check(http: Http, ledger: &mut [Login]) -> Vec<String> {
    let mut broken = Vec::new();
    for login in ledger {
        let id = login.session_id.clone();
        let mut claim = |holds: bool, what: &str| {
            if !holds {
                broken.push(format!("{id}: {what}"));
            }
        };
        let by_cookie = accepts(http, &login.cookie);
        let by_token = accepts(http, &bearer(&login.access));
        let last = login.chain.last().unwrap().clone();
        if login.is_over {
            claim(!by_cookie, "logged out, but the cookie is accepted");
            claim(!by_token, "logged out, but the access token is accepted");
            claim(post(http, "/refresh", &last).status == 401, "logged out, but the refresh token is accepted");
            continue;
        }
        let refreshed = post(http, "/refresh", &last);
        let by_refresh = refreshed.status == 200;
        claim(by_cookie, "the login's cookie is lost");
        claim(by_token, "the login's access token is refused");
        claim(by_refresh, if login.chain.len() > 1 { "the last refresh is lost" } else { "the login is lost" });
        if !by_refresh {
            login.is_over = true;
            continue;
        }
        login.access = refreshed.text("access_token");
        login.chain.push(refreshed.text("refresh_token"));
        // What had been used up before stays used up. Showing it ends the session, so only every other one does.
        if login.chain.len() > 3 && id.as_bytes()[0] % 2 == 0 {
            let spent = login.chain[login.chain.len() - 3].clone();
            claim(post(http, "/refresh", &spent).status == 401, "a refresh was undone: its token works again");
            claim(!accepts(http, &login.cookie), "a used refresh token came back, but the session goes on");
            login.is_over = true;
        }
    }
    broken
}

pub fn log_in(http: Http, name: &str) -> std::io::Result<Login> {
    let body = json!({"username": name, "password": PASSWORD, "cookie": true}).to_string();
    let reply = http.send("POST", "/login", &["Content-Type: application/json".to_owned()], &body)?;
    assert_eq!(reply.status, 200, "{reply:?}");
    Ok(Login {
        session_id: reply.text("session_id"),
        cookie: reply.cookie(),
        access: reply.text("access_token"),
        chain: vec![reply.text("refresh_token")],
        is_over: false,
    })
}

pub fn accepts(http: Http, credential: &str) -> bool {
    match http.get("/dashboard", &[credential.to_owned()]).status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

pub fn post(http: Http, path: &str, token: &str) -> Reply {
    http.post(path, &[bearer(token)])
}

pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

pub fn place() -> Place {
    let place = Place::new();
    (0..CLIENTS).for_each(|client| place.add_user(&name(client)));
    place
}

/// Each client has an account of its own: one account may have only so many sessions.
pub fn name(client: usize) -> String {
    format!("client-{client}")
}

/// The port changes from run to run, and the issuer must not. The grace is longer than a slow machine takes to come back.
pub fn start(place: &Place) -> Server {
    place.serve_with(
        &[],
        &[
            ("WATCHWORD_TOKENS_REFRESH_GRACE", "60s"),
            ("WATCHWORD_THROTTLE_ACCOUNT_BURST", "100"),
            ("WATCHWORD_THROTTLE_ACCOUNT_EVERY", "1h"),
            ("WATCHWORD_THROTTLE_ADDRESS_BURST", "100000"),
            ("WATCHWORD_PUBLIC_URL", "http://localhost:8080"),
        ],
    )
}

pub const CLIENTS: usize = 6;
