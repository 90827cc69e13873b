//! Users, sessions and grants made of numbers, the same in Rust and in SQL.

use aws_lc_rs::digest::{SHA256, digest};
use domain::session::Timeouts;
use domain::{CookieHash, GrantId, SessionId, Span, UnixMillis, UserId};
use store::{NewGrant, NewSession, RotateRequest};

pub const T0: UnixMillis = UnixMillis(1_800_000_000_000);
pub const TIMEOUTS: Timeouts = Timeouts { idle: Span::hours(24), absolute: Span::days(14) };
pub const CLIENT: &str = "first-party";

/// How many accounts log in.
pub const USERS: u64 = 2000;

/// 16 bytes in no order, as random ones would be; those of a session begin with its moment.
pub fn id(kind: char, n: u64) -> [u8; 16] {
    let random: [u8; 16] = digest(&SHA256, format!("{kind}{n}").as_bytes()).as_ref()[..16].try_into().unwrap();
    if kind == 's' { SessionId::new(opened_at(n), random[..10].try_into().unwrap()).0 } else { random }
}

/// When session `n` was opened, where there are many: a hundred a second, none of them so long ago that it has timed out.
pub fn opened_at(n: u64) -> UnixMillis {
    UnixMillis(T0.0 - OLDEST + n as i64 * OFTEN)
}

/// How long before `T0` the first session was opened, in milliseconds.
pub const OLDEST: i64 = 60_000_000;

/// How many milliseconds pass from one session to the next.
pub const OFTEN: i64 = 10;

pub fn hash(n: u64) -> [u8; 16] {
    digest(&SHA256, format!("c{n}").as_bytes()).as_ref()[..16].try_into().unwrap()
}

/// What browsers say of themselves, before and behind their version.
pub const BROWSERS: [(&str, &str); 3] = [
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/",
        ".0.0.0 Safari/537.36",
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/", ".0"),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/",
        ".5 Mobile/15E148 Safari/604.1",
    ),
];

/// What is kept of the browser that opens session `n`.
pub fn user_agent(n: u64) -> String {
    let (before, behind) = BROWSERS[n as usize % BROWSERS.len()];
    domain::device::marks(&format!("{before}{}{behind}", 100 + n % 40))
}

/// Where session `n` is opened from.
pub fn ip(n: u64) -> [u8; 4] {
    [203, 0, 113, (n % 250) as u8]
}

/// The login of number `n`, by cookie and with tokens.
pub fn new_session(n: u64) -> NewSession {
    NewSession {
        session_id: SessionId(id('s', n)),
        user_id: UserId(id('u', n % USERS)),
        cookie_hash: Some(CookieHash(hash(n))),
        now: T0,
        timeouts: TIMEOUTS,
        amr: vec!["pwd".into()],
        user_agent: user_agent(n),
        ip: ip(n).into(),
        epoch: 0,
        grant: Some(NewGrant { grant_id: GrantId(id('g', n)), client_id: CLIENT.into(), scope: String::new() }),
        replaces: None,
        rehash: None,
        refund: Vec::new(),
        max_access_exp: T0 + Span::minutes(10),
        keep_until: T0 + Span::minutes(17),
    }
}

/// The refresh of session `n` that presents this rotation.
pub fn refresh(n: u64, presented: u32) -> RotateRequest<'static> {
    // Later each time, as in life.
    let now = T0 + Span(i64::from(presented) * 1000);
    RotateRequest {
        session_id: SessionId(id('s', n)),
        grant_id: GrantId(id('g', n)),
        presented,
        client_id: CLIENT,
        grace: Span::seconds(10),
        now,
        timeouts: TIMEOUTS,
        access_exp: now + Span::minutes(10),
        keep_until: now + Span::minutes(17),
    }
}
