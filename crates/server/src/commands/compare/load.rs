//! The load: connections that each send their next request when the last one is answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinSet;

use super::issuer::{Credentials, Issuer, Tally};
use super::ways::Way;
use super::wire::Connection;
use crate::app::StartError;
use crate::commands::start::wrong;

/// One way under load for a while.
pub struct Round {
    /// How long each request took, in nanoseconds.
    pub nanos: Vec<u32>,
    /// How long it went on.
    pub span: Duration,
    /// Processor time of client, application and issuer together.
    pub cpu: Duration,
    /// Bytes of requests and answers.
    pub bytes: u64,
    /// What happened behind the application meanwhile.
    pub behind: Tally,
}

impl Round {
    /// Opens a connection for each login, asks once on each, and then measures.
    pub async fn run(
        way: Way,
        address: SocketAddr,
        logins: &[Credentials],
        issuer: &Issuer,
        span: Duration,
    ) -> Result<Self, StartError> {
        let mut ready = Vec::new();
        for login in logins {
            let request = way.request(address, login);
            let mut connection = Connection::open(address).await.map_err(wrong)?;
            ask(&mut connection, &request).await?;
            connection.take_bytes();
            ready.push((connection, request));
        }
        let (before, cpu, began) = (issuer.tally(), cpu(), Instant::now());
        let mut running = JoinSet::new();
        for (connection, request) in ready {
            running.spawn(keep_asking(connection, request, began, span));
        }
        let (mut nanos, mut bytes) = (Vec::new(), 0);
        while let Some(done) = running.join_next().await {
            let (some, more) = done.map_err(wrong)??;
            nanos.extend(some);
            bytes += more;
        }
        let (span, cpu) = (began.elapsed(), self::cpu().saturating_sub(cpu));
        Ok(Self { nanos, span, cpu, bytes, behind: issuer.tally() - before })
    }

    /// Requests per second.
    pub fn per_second(&self) -> f64 {
        self.nanos.len() as f64 / self.span.as_secs_f64()
    }

    /// In microseconds.
    pub fn cpu_us_per_request(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.nanos.len().max(1) as f64
    }
}

async fn keep_asking(
    mut connection: Connection,
    request: Vec<u8>,
    began: Instant,
    span: Duration,
) -> Result<(Vec<u32>, u64), StartError> {
    let mut nanos = Vec::new();
    while began.elapsed() < span {
        let sent = Instant::now();
        ask(&mut connection, &request).await?;
        nanos.push(u32::try_from(sent.elapsed().as_nanos()).unwrap_or(u32::MAX));
    }
    Ok((nanos, connection.take_bytes()))
}

async fn ask(connection: &mut Connection, request: &[u8]) -> Result<(), StartError> {
    match connection.exchange(request).await.map_err(wrong)? {
        200 => Ok(()),
        other => Err(wrong(format!("the route answered {other} to somebody who is logged in"))),
    }
}

/// The processor time that this process has taken.
fn cpu() -> Duration {
    let taken = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(taken.tv_sec.unsigned_abs(), u32::try_from(taken.tv_nsec).unwrap_or(0))
}

impl std::ops::Sub for Tally {
    type Output = Self;
    fn sub(self, before: Self) -> Self {
        Self { reads: self.reads - before.reads, calls: self.calls - before.calls, bytes: self.bytes - before.bytes }
    }
}
