//! Holds the servers to what they have acknowledged.

use std::time::{Duration, Instant};

use crate::fleet::Fleet;
use crate::ledger::{Client, Deed, Login, bearer, dashboard};
use crate::support::{Calm, Http, Reply, SOON};

/// Everything that the nodes, which are well again, do not keep of what was acknowledged; and what they were seen to do wrong
/// before. Afterwards the ledger says how things stand.
pub fn check(fleet: &Fleet, clients: &mut [Client]) -> Vec<String> {
    let (nodes, revoked, mut bound) = (fleet.all(), fleet.revoked(), Calm::new(BOUND));
    let mut broken = Vec::new();
    for client in clients {
        broken.append(&mut client.broken);
        for login in &mut client.logins {
            let mut claims = Claims { of: login.session_id.clone(), broken: &mut broken, bound: &mut bound };
            claims.check(&nodes, &revoked, login);
        }
    }
    broken
}

struct Claims<'a> {
    of: String,
    broken: &'a mut Vec<String>,
    bound: &'a mut Calm,
}

impl Claims<'_> {
    fn check(&mut self, nodes: &[Http], revoked: &[String], login: &mut Login) {
        let node = nodes[usize::from(login.session_id.as_bytes()[1]) % nodes.len()];
        let last = login.chain.last().unwrap().clone();
        if login.is_over {
            for http in nodes {
                self.refuses(*http, &login.cookie, "logged out, but the cookie is accepted");
                self.refuses(*http, &bearer(&login.access), "logged out, but the access token is accepted");
                self.is(refresh(*http, &last).status == 401, "logged out, but the refresh token is accepted");
            }
            return;
        }
        let awaited = login.awaits.take();
        let refreshed = refresh(node, &last);
        let goes_on = refreshed.status == 200;
        let is_signed = !revoked.contains(&login.kid);
        for http in nodes {
            // Done or not, but the same for all of its credentials.
            if awaited == Some(Deed::Logout) && !goes_on {
                self.refuses(*http, &login.cookie, "half logged out: the cookie is accepted");
                self.refuses(*http, &bearer(&login.access), "half logged out: the access token is accepted");
                continue;
            }
            self.is(accepts(*http, &login.cookie), "the login's cookie is lost");
            let token = bearer(&login.access);
            if is_signed {
                self.is(accepts(*http, &token), "the login's access token is refused");
            } else {
                self.refuses(*http, &token, "its key is revoked, but it is accepted");
            }
        }
        if !goes_on {
            login.is_over = true;
            let lost = if login.chain.len() > 1 { "the last refresh is lost" } else { "the login is lost" };
            self.is(awaited == Some(Deed::Logout), lost);
            return;
        }
        login.follow(&refreshed);
        self.spent_stays_spent(node, login);
    }

    /// What had been used up before stays used up. Showing it ends the session, so only every other one does.
    fn spent_stays_spent(&mut self, http: Http, login: &mut Login) {
        if login.chain.len() > 3 && login.session_id.as_bytes()[0].is_multiple_of(2) {
            let spent = login.chain[login.chain.len() - 3].clone();
            self.is(refresh(http, &spent).status == 401, "a refresh was undone: its token works again");
            self.is(!accepts(http, &login.cookie), "a used refresh token came back, but the session goes on");
            login.is_over = true;
        }
    }

    fn refuses(&mut self, http: Http, credential: &str, what: &str) {
        let holds = self.is_refused(http, credential);
        self.is(holds, what);
    }

    /// Whether a credential is refused, on a node that may have a moment yet to hear of it.
    fn is_refused(&mut self, http: Http, credential: &str) -> bool {
        loop {
            if !accepts(http, credential) {
                return true;
            }
            if !self.bound.lasts() {
                return false;
            }
        }
    }

    fn is(&mut self, holds: bool, what: &str) {
        if !holds {
            self.broken.push(format!("{}: {what}", self.of));
        }
    }
}

/// That a one-time link was not used twice, and not lost once it was acknowledged.
pub fn check_link(acknowledged: usize, accounts: usize, works_again: bool) -> Vec<String> {
    let mut broken = Vec::new();
    for (holds, what) in [
        (acknowledged <= 1, "the link was used twice"),
        (acknowledged <= accounts, "what the link made is lost"),
        (accounts <= 1, "the link made several accounts"),
        (works_again == (accounts == 0), "the link is neither used nor usable, or both"),
    ] {
        if !holds {
            broken.push(format!("{what}: {acknowledged} acknowledged, {accounts} made"));
        }
    }
    broken
}

fn accepts(http: Http, credential: &str) -> bool {
    match answered(|| dashboard(http, credential)).status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

/// The answer of a server that is well, but may have stood still with the whole machine: then it says 503 for a moment, which has
/// done nothing, and is asked again.
pub fn answered(mut ask: impl FnMut() -> Option<Reply>) -> Reply {
    let began = Instant::now();
    loop {
        if let Some(reply) = ask().filter(|reply| reply.status != 503) {
            return reply;
        }
        assert!(began.elapsed() < SOON, "the server does not answer");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn refresh(http: Http, token: &str) -> Reply {
    answered(|| Some(http.post("/refresh", &[bearer(token)])))
}

/// Within which time a node that can ask its database must know what was revoked on another, while the machine does not stall.
pub const BOUND: Duration = Duration::from_secs(3);
