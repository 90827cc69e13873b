//! How long a credential is still accepted after its logout was answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;

use super::issuer::{Credentials, Issuer};
use super::ways::{Applications, Way, bearer};
use super::wire::{Connection, request};
use crate::app::StartError;
use crate::commands::start::wrong;

/// What became of a way's logouts.
#[derive(Clone, Default, Serialize)]
pub struct Logouts {
    /// Milliseconds from the answer to a logout to the first refusal, shortest first. Zero: it was refused before the
    /// answer had come.
    pub refused_after_ms: Vec<f64>,
    /// How many requests were accepted that were sent after the answer.
    pub accepted_afterwards: usize,
    /// How many logouts were never heeded while it was looked at.
    pub unheeded: usize,
    /// By construction, for those: the seconds that were left until the token's `exp`, up to which the same check was
    /// seen to accept it.
    pub until_exp_seconds: Option<f64>,
}

/// What somebody saw who asked on and on.
struct Seen {
    accepted_afterwards: usize,
    refused: Option<Instant>,
}

impl Logouts {
    /// Logs each of these out while somebody uses it.
    pub async fn run(
        way: Way,
        applications: &Applications,
        logins: &[Credentials],
        issuer: &Issuer,
    ) -> Result<Self, StartError> {
        let mut all = Self::default();
        for login in logins {
            let (answered, seen) = log_out(way, applications.address(way), login, issuer).await?;
            all.accepted_afterwards += seen.accepted_afterwards;
            if let Some(refused) = seen.refused {
                all.refused_after_ms.push(refused.saturating_duration_since(answered).as_secs_f64() * 1000.0);
            } else if way.heeds_logouts() {
                return Err(wrong(format!("{}: a logout was not heeded within {LONG:?}", way.name())));
            } else {
                all.unheeded += 1;
                let left = until_exp(&login.token, applications, issuer)?;
                all.until_exp_seconds = Some(all.until_exp_seconds.map_or(left, |most: f64| most.max(left)));
            }
        }
        all.refused_after_ms.sort_by(f64::total_cmp);
        Ok(all)
    }

    /// The middle one, in milliseconds.
    pub fn median_ms(&self) -> Option<f64> {
        self.refused_after_ms.get(self.refused_after_ms.len() / 2).copied()
    }

    /// The longest, in milliseconds.
    pub fn longest_ms(&self) -> Option<f64> {
        self.refused_after_ms.last().copied()
    }
}

/// One logout; when its answer had come, and what was seen of it.
async fn log_out(
    way: Way,
    address: SocketAddr,
    login: &Credentials,
    issuer: &Issuer,
) -> Result<(Instant, Seen), StartError> {
    let mut connection = Connection::open(address).await.map_err(wrong)?;
    let asked = way.request(address, login);
    if connection.exchange(&asked).await.map_err(wrong)? != 200 {
        return Err(wrong("a login was refused before its logout"));
    }
    let (tell, told) = watch::channel(None);
    let patience = if way.heeds_logouts() { LONG } else { LOOK };
    let watching = tokio::spawn(keep_asking(connection, asked, told, patience));
    let mut speaking = Connection::open(issuer.address).await.map_err(wrong)?;
    let goodbye = request("POST", "/logout", issuer.address, &bearer(&login.token), "");
    let status = speaking.exchange(&goodbye).await.map_err(wrong)?;
    let answered = Instant::now();
    if status != 200 {
        return Err(wrong(format!("a logout was answered with {status}")));
    }
    tell.send_replace(Some(answered));
    let seen = watching.await.map_err(wrong)?.map_err(wrong)?;
    Ok((answered, seen))
}

/// Asks until it is refused, or the patience has run out.
async fn keep_asking(
    mut connection: Connection,
    asked: Vec<u8>,
    mut told: watch::Receiver<Option<Instant>>,
    patience: Duration,
) -> std::io::Result<Seen> {
    let mut sent_when_accepted = Vec::new();
    let refused = loop {
        let sent = Instant::now();
        match connection.exchange(&asked).await? {
            200 => sent_when_accepted.push(sent),
            401 => break Some(Instant::now()),
            other => return Err(std::io::Error::other(format!("the route answered {other} after a logout"))),
        }
        // On a busy machine the patience may have run out before anything was asked after the answer.
        if told.borrow().is_some_and(|answered| answered.elapsed() > patience && sent > answered) {
            break None;
        }
    };
    let answered = *told.wait_for(Option::is_some).await.map_err(std::io::Error::other)?;
    let accepted_afterwards = sent_when_accepted.iter().filter(|sent| answered.is_some_and(|at| **sent > at)).count();
    Ok(Seen { accepted_afterwards, refused })
}

/// For how many seconds more the check accepts a token that nobody's logout reaches: up to its `exp`, as the check itself
/// says when it is asked as of then.
fn until_exp(token: &str, applications: &Applications, issuer: &Issuer) -> Result<f64, StartError> {
    let exp = token::inspect(token).ok().and_then(|seen| seen.claims["exp"].as_i64());
    let exp_ms = exp.ok_or_else(|| wrong("a token without exp"))?.saturating_mul(1000);
    let checker = applications.alone.checker();
    let leeway_ms = i64::from(checker.expectation().leeway_seconds()) * 1000;
    let is_accepted = |at: i64| checker.verify(token, at).is_ok();
    if !is_accepted(exp_ms - 1) || is_accepted(exp_ms + leeway_ms) {
        return Err(wrong("a token does not end at its exp"));
    }
    Ok((exp_ms - issuer.app.clock.now().0) as f64 / 1000.0)
}

/// For how long after a logout it is looked whether it is heeded, where nothing can make it so.
const LOOK: Duration = Duration::from_millis(500);

/// The same where something must. Twice the bound that holds when nothing goes well.
const LONG: Duration = Duration::from_secs(10);
