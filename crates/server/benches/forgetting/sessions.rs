//! Sessions as logins make them, but without the passwords: thousands of hashes would take minutes.

use std::net::SocketAddr;

use domain::revocation::keep_until;
use domain::{GrantId, Roles, SessionId, UserId};
use store::{NewGrant, NewSession, NewUser};
use tokio::task::JoinSet;
use watchword::app::App;
use watchword::clock::Clock;
use watchword::revocation_feed::new_credential;

use crate::place::Place;

pub struct Sessions {
    /// Tokens of sessions that stay: one for each account.
    pub staying: Vec<String>,
    pub ending: Vec<Ending>,
    /// One that nobody watches, for the moment before the server is killed.
    pub last: Ending,
    /// One credential for each process of verifiers.
    pub credentials: Vec<String>,
}

/// A session that is to be ended by the one of its account that stays.
pub struct Ending {
    pub session_id: SessionId,
    pub token: String,
    account: usize,
}

impl Sessions {
    /// As many as are to be ended while they are watched, one more, and those that end them.
    pub async fn make(place: &Place, server: SocketAddr, ending: usize, groups: usize) -> Self {
        let config = place.config();
        let store = place.open();
        let clock = Clock::of(&store).await.unwrap();
        let app = App::start(config, &[], store, clock, server).await.unwrap();
        let mut credentials = Vec::new();
        for group in 0..groups {
            let (credential, hash) = new_credential();
            assert!(app.store.add_verifier(format!("group-{group}"), hash, app.clock.now()).await.unwrap());
            credentials.push(credential);
        }
        let (mut accounts, count) = (JoinSet::new(), ending + 1);
        for account in 0..count.div_ceil(EACH) {
            accounts.spawn(open(app.clone(), account, EACH.min(count - account * EACH)));
        }
        let mut opened = accounts.join_all().await;
        opened.sort_by_key(|(account, ..)| *account);
        app.store.close().await;
        let (mut staying, mut all) = (Vec::new(), Vec::new());
        for (account, first, others) in opened {
            staying.push(first);
            all.extend(others.into_iter().map(|(session_id, token)| Ending { session_id, token, account }));
        }
        let last = all.pop().expect("there is one more than are to be watched");
        Self { staying, ending: all, last, credentials }
    }

    /// The call that ends the session of this number.
    pub fn request(&self, number: usize) -> Option<String> {
        Some(self.request_for(self.ending.get(number)?))
    }

    /// The call that ends this one.
    pub fn request_for(&self, Ending { session_id, account, .. }: &Ending) -> String {
        let token = &self.staying[*account];
        format!(
            "DELETE /api/v1/sessions/{session_id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
    }
}

/// An account with so many sessions and one more, whose token is the first.
async fn open(app: App, account: usize, count: usize) -> (usize, String, Vec<(SessionId, String)>) {
    let user_id = UserId::new(app.clock.now(), &random());
    let user = NewUser {
        user_id,
        username: format!("user-{account}").parse().unwrap(),
        email: None,
        password: None,
        roles: Roles::parse(["user"]).unwrap(),
        created_at: app.clock.now(),
    };
    app.store.add_user(user).await.unwrap();
    let (_, first) = open_one(&app, user_id).await;
    let mut others = Vec::new();
    for _ in 0..count {
        others.push(open_one(&app, user_id).await);
    }
    (account, first, others)
}

async fn open_one(app: &App, user_id: UserId) -> (SessionId, String) {
    let (session_id, now) = (SessionId(random()), app.clock.now());
    let client_id = "first-party".to_owned();
    let new = NewSession {
        session_id,
        user_id,
        cookie_hash: None,
        now,
        timeouts: app.config.session.timeouts(),
        amr: vec!["pwd".to_owned()],
        user_agent: "bench".to_owned(),
        ip: [127, 0, 0, 1].into(),
        epoch: 0,
        grant: Some(NewGrant { grant_id: GrantId(random()), client_id: client_id.clone(), scope: String::new() }),
        replaces: None,
        rehash: None,
        refund: Vec::new(),
        max_access_exp: now + app.config.tokens.access_lifetime,
        keep_until: keep_until(now),
    };
    app.store.open_session(new).await.unwrap().unwrap();
    let claims = token::Claims {
        iss: app.public_url.as_str().to_owned(),
        sub: user_id.to_string(),
        aud: vec![app.public_url.as_str().to_owned()],
        exp: (now + app.config.tokens.access_lifetime).seconds(),
        iat: now.seconds(),
        jti: token::base64url::encode(random::<16>()),
        sid: session_id.0,
        client_id,
        roles: vec!["user".to_owned()],
        auth_time: Some(now.seconds()),
        amr: vec!["pwd".to_owned()],
        preferred_username: Some("somebody".to_owned()),
        rat: now.0,
        ..token::Claims::default()
    };
    (session_id, token::sign(&app.keys.known().signing, app.keys.profile, &claims))
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes
}

/// How many sessions of one account are ended; an account has a hundred at most.
const EACH: usize = 64;
