//! What one client knows: its logins, and everything about them that a server has acknowledged.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::fleet::Fleet;
use crate::support::{Http, PASSWORD, Random, Reply};

/// One login.
#[derive(Clone, Debug)]
pub struct Login {
    pub session_id: String,
    pub cookie: String,
    pub access: String,
    /// The key that signed the access token.
    pub kid: String,
    /// Every refresh token, in order.
    pub chain: Vec<String>,
    pub is_over: bool,
    /// Set while an answer is awaited: what was asked may have been done or not.
    pub awaits: Option<Deed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Refresh,
    Logout,
}

/// One client, with an account of its own: one account may have only so many sessions.
pub struct Client {
    pub name: String,
    pub logins: Vec<Login>,
    pub tally: Tally,
    /// What the servers must not have done.
    pub broken: Vec<String>,
    random: Random,
}

/// How often something was acknowledged, and how long the slowest answer took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub logins: usize,
    pub refreshes: usize,
    pub logouts: usize,
    pub checks: usize,
    /// Nobody answered, or 503.
    pub away: usize,
    pub slowest: Duration,
}

/// What became of one deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was acknowledged.
    Done,
    /// A credential was accepted.
    Checked,
    /// Nobody answered, or 503: perhaps it was done.
    Away,
}

impl Client {
    pub fn new(number: usize) -> Self {
        let (logins, broken) = (Vec::new(), Vec::new());
        let random = Random::seeded(number as u64 + 100);
        Self { name: name(number), logins, tally: Tally::default(), broken, random }
    }

    /// Does something at one of the nodes.
    pub fn act(&mut self, fleet: &Fleet) -> Heard {
        let http = fleet.any(&mut self.random);
        let live: Vec<usize> = (0..self.logins.len()).filter(|index| !self.logins[*index].is_over).collect();
        let one = if live.is_empty() { 0 } else { live[self.random.below(live.len())] };
        let heard = match self.logins.iter().position(|login| login.awaits.is_some()) {
            // Whoever got no answer asks again, as clients do.
            Some(index) => match self.logins[index].awaits {
                Some(Deed::Logout) => self.log_out(http, index),
                _ => self.refresh(http, index),
            },
            None => match self.random.below(10) {
                0 | 1 if live.len() < MOST_LIVE => self.log_in(http),
                _ if live.is_empty() => self.log_in(http),
                2 => self.log_out(http, one),
                3..6 => self.check(http, one),
                _ => self.refresh(http, one),
            },
        };
        self.tally.away += usize::from(heard == Heard::Away);
        heard
    }

    /// Whether a refresh may have been done whose answer it does not have.
    pub fn awaits_refresh(&self) -> bool {
        self.logins.iter().any(|login| login.awaits == Some(Deed::Refresh))
    }

    pub fn log_in(&mut self, http: Http) -> Heard {
        let body = json!({"username": self.name, "password": PASSWORD, "cookie": true}).to_string();
        let Some(reply) = self.ask(http, "/login", &["Content-Type: application/json".to_owned()], &body) else {
            return Heard::Away;
        };
        if reply.status != 200 {
            return self.wrong("a login is refused", &reply);
        }
        self.tally.logins += 1;
        self.logins.push(Login {
            session_id: reply.text("session_id"),
            cookie: reply.cookie(),
            access: reply.text("access_token"),
            kid: reply.kid(),
            chain: vec![reply.text("refresh_token")],
            is_over: false,
            awaits: None,
        });
        Heard::Done
    }

    pub fn refresh(&mut self, http: Http, index: usize) -> Heard {
        self.logins[index].awaits = Some(Deed::Refresh);
        let shown = bearer(self.logins[index].chain.last().unwrap());
        let Some(reply) = self.ask(http, "/refresh", &[shown], "") else { return Heard::Away };
        self.logins[index].awaits = None;
        if reply.status != 200 {
            return self.wrong("the refresh token of a live session is refused", &reply);
        }
        self.tally.refreshes += 1;
        self.logins[index].follow(&reply);
        Heard::Done
    }

    pub fn log_out(&mut self, http: Http, index: usize) -> Heard {
        let is_asked_again = self.logins[index].awaits.replace(Deed::Logout).is_some();
        let (access, refresh) = (&self.logins[index].access, self.logins[index].chain.last().unwrap());
        let by_access = !is_asked_again && self.random.below(2) == 0;
        let shown = bearer(if by_access { access } else { refresh });
        let Some(reply) = self.ask(http, "/logout", &[shown], "") else { return Heard::Away };
        let has_ended = reply.status == 200 && reply.json()["ended"] == true;
        if by_access && reply.status == 200 && !has_ended {
            // The key of the access token is revoked, so it names no session. The refresh token still does.
            return Heard::Away;
        }
        self.logins[index].awaits = None;
        if !(has_ended || is_asked_again && reply.status == 200) {
            return self.wrong("a logout is refused", &reply);
        }
        self.tally.logouts += 1;
        self.logins[index].is_over = true;
        // The node that acknowledged it knows it at once, whether or not it can ask the database.
        for credential in self.logins[index].credentials() {
            if dashboard(http, &credential).is_some_and(|reply| reply.status == 200) {
                self.wrong("logged out a moment ago, and accepted", &reply);
            }
        }
        Heard::Done
    }

    fn check(&mut self, http: Http, index: usize) -> Heard {
        let Some(reply) = dashboard(http, &self.logins[index].cookie) else { return Heard::Away };
        if reply.status != 200 {
            return self.wrong("the cookie of a live session is refused", &reply);
        }
        self.tally.checks += 1;
        Heard::Checked
    }

    fn ask(&mut self, http: Http, path: &str, headers: &[String], body: &str) -> Option<Reply> {
        let began = Instant::now();
        let answered = http.send("POST", path, headers, body).ok();
        self.tally.slowest = self.tally.slowest.max(began.elapsed());
        if let Some(reply) =
            answered.as_ref().filter(|reply| reply.status == 503 && reply.header("retry-after").is_none())
        {
            self.wrong("503 without Retry-After", reply);
        }
        answered.filter(|reply| reply.status != 503)
    }

    fn wrong(&mut self, what: &str, reply: &Reply) -> Heard {
        self.broken.push(format!("{}: {what}: {} {}", self.name, reply.status, reply.body));
        Heard::Away
    }
}

impl Login {
    /// Its cookie and its access token, as headers.
    pub fn credentials(&self) -> [String; 2] {
        [self.cookie.clone(), bearer(&self.access)]
    }

    /// Takes over what a refresh answered.
    pub fn follow(&mut self, refreshed: &Reply) {
        self.access = refreshed.text("access_token");
        self.kid = refreshed.kid();
        self.chain.push(refreshed.text("refresh_token"));
    }
}

/// What the dashboard says to a credential, if it can be asked.
pub fn dashboard(http: Http, credential: &str) -> Option<Reply> {
    let answered = http.send("GET", "/dashboard", &[credential.to_owned()], "").ok();
    answered.filter(|reply| reply.status != 503)
}

pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// The account of a client.
pub fn name(number: usize) -> String {
    format!("client-{number}")
}

/// Most sessions of a client that go on at the same time.
const MOST_LIVE: usize = 15;
