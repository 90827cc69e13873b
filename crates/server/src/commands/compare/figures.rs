//! What was measured, as JSON has it: medians over rounds, and what each request took.

use std::time::Duration;

use serde::Serialize;

use super::issuer::Tally;
use super::load::Round;
use super::logout::Logouts;
use super::state::State;
use super::ways::Way;
use crate::moments;

/// Everything that was measured.
#[derive(Serialize)]
pub struct Figures {
    /// Of the program.
    pub version: &'static str,
    /// When, in words.
    pub measured_at: String,
    /// Whether the program was built without optimization, so that its figures say little.
    pub debug_build: bool,
    /// How many processors the machine has.
    pub processors: usize,
    /// For how long each way was under load.
    pub seconds: f64,
    /// In how many turns.
    pub rounds: usize,
    /// How many times as fast the floor was in its better turns as in its worse ones (upper and lower quartile). Well
    /// above 1 where something else used the machine meanwhile.
    pub unrest: f64,
    /// How many clients asked at a time.
    pub connections: u16,
    /// What goes on without any request.
    pub background: Background,
    /// Bytes in the database.
    pub state: State,
    /// The floor, then the five.
    pub ways: Vec<Measured>,
}

/// What the issuer and its followers do without any request; taken off the figures of the ways.
#[derive(Clone, Copy, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON")]
pub struct Background {
    /// Reads of the database.
    pub database_reads_per_second: f64,
    /// Requests to the issuer by those who follow it.
    pub issuer_calls_per_second: f64,
    /// Bytes between it and them.
    pub issuer_bytes_per_second: f64,
}

/// One way.
#[derive(Serialize)]
pub struct Measured {
    /// Which.
    pub way: Way,
    /// For people.
    pub name: &'static str,
    /// The median of the rounds.
    pub checks_per_second: f64,
    /// Each round.
    pub checks_per_second_by_round: Vec<f64>,
    /// The median of what each round was of the floor's in the same turn.
    pub of_floor: f64,
    /// How long a request took.
    pub p50_ms: f64,
    /// The same for the slowest one in a hundred.
    pub p99_ms: f64,
    /// Processor time for a request, of client, application and issuer together: the median of the rounds.
    pub cpu_us_per_request: f64,
    /// Request and answer.
    pub bytes_per_request: f64,
    /// Between application and issuer.
    pub internal_bytes_per_request: f64,
    /// Requests of the application to the issuer.
    pub issuer_calls_per_request: f64,
    /// By the application and by the issuer.
    pub database_reads_per_request: f64,
    /// How soon a logout was heeded; none for the floor.
    pub logout: Option<Logouts>,
}

impl Background {
    /// Of a time in which nobody asked anything.
    pub fn of(counted: Tally, span: Duration) -> Self {
        let rate = |count: u64| count as f64 / span.as_secs_f64();
        Self {
            database_reads_per_second: rate(counted.reads),
            issuer_calls_per_second: rate(counted.calls),
            issuer_bytes_per_second: rate(counted.bytes),
        }
    }
}

impl Measured {
    /// From the rounds of a way, and those of the floor in the same turns.
    pub fn of(way: Way, rounds: &[Round], floor: &[Round], background: &Background) -> Self {
        let mut nanos: Vec<u32> = rounds.iter().flat_map(|round| round.nanos.iter().copied()).collect();
        nanos.sort_unstable();
        let span: f64 = rounds.iter().map(|round| round.span.as_secs_f64()).sum();
        let requests = nanos.len().max(1) as f64;
        let sum = |count: fn(&Round) -> u64| rounds.iter().map(count).sum::<u64>() as f64;
        let beyond = |count: f64, per_second: f64| ((count - per_second * span) / requests).max(0.0);
        let by_round: Vec<f64> = rounds.iter().map(Round::per_second).collect();
        let of_floor = rounds.iter().zip(floor).map(|(own, floor)| own.per_second() / floor.per_second());
        Self {
            way,
            name: way.name(),
            checks_per_second: median(by_round.clone()),
            of_floor: median(of_floor.collect()),
            checks_per_second_by_round: by_round,
            p50_ms: percentile(&nanos, 50),
            p99_ms: percentile(&nanos, 99),
            cpu_us_per_request: median(rounds.iter().map(Round::cpu_us_per_request).collect()),
            bytes_per_request: sum(|round| round.bytes) / requests,
            internal_bytes_per_request: beyond(sum(|round| round.behind.bytes), background.issuer_bytes_per_second),
            issuer_calls_per_request: beyond(sum(|round| round.behind.calls), background.issuer_calls_per_second),
            database_reads_per_request: beyond(sum(|round| round.behind.reads), background.database_reads_per_second),
            logout: None,
        }
    }
}

impl Figures {
    /// Whether the speeds say little, because something else used the machine meanwhile.
    pub fn is_unrestful(&self) -> bool {
        self.unrest > 1.25
    }

    /// One of the ways.
    pub fn of(&self, way: Way) -> &Measured {
        self.ways.iter().find(|measured| measured.way == way).expect("each way is measured")
    }
}

/// By how much the better values of some differ from the worse ones: upper quartile by lower quartile.
pub fn unrest(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = |quarter: usize| values.get((values.len().saturating_sub(1)) * quarter / 4).copied().unwrap_or(1.0);
    at(3) / at(1)
}

/// Of at least one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}

/// In milliseconds, of what is in order.
fn percentile(nanos: &[u32], percent: usize) -> f64 {
    nanos.get(nanos.len() * percent / 100).or(nanos.last()).map_or(0.0, |nanos| f64::from(*nanos) / 1e6)
}

/// When it was, in words.
pub fn today() -> String {
    moments::moment(crate::clock::Clock::wall())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_are_of_what_was_measured() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 9.0]) - 3.0).abs() < 1e-9);
        let nanos: Vec<u32> = (0..100).map(|n| n * 1_000_000).collect();
        assert!((percentile(&nanos, 50) - 50.0).abs() < 1e-9);
        assert!((percentile(&nanos, 99) - 99.0).abs() < 1e-9);
        assert!((percentile(&nanos[..1], 99)).abs() < 1e-9);
    }

    #[test]
    fn a_machine_that_others_use_is_told_from_a_quiet_one() {
        assert!((unrest(vec![5.0; 12]) - 1.0).abs() < 1e-9);
        assert!((unrest(vec![8.0, 1.0, 2.0, 4.0, 9.0]) - 4.0).abs() < 1e-9);
        assert!((unrest(vec![8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 1.0]) - 1.0).abs() < 1e-9, "one bad turn is no unrest");
    }

    #[test]
    fn what_goes_on_without_requests_is_taken_off() {
        let round = |reads| Round {
            nanos: vec![1_000; 100],
            span: Duration::from_secs(2),
            cpu: Duration::from_millis(1),
            bytes: 5_000,
            behind: Tally { reads, calls: 0, bytes: 0 },
        };
        let background = Background::of(Tally { reads: 20, calls: 10, bytes: 0 }, Duration::from_secs(1));
        let of = |reads| Measured::of(Way::JwtFeed, &[round(reads)], &[round(0)], &background);
        assert!((of(140).database_reads_per_request - 1.0).abs() < 1e-9);
        assert!(of(30).database_reads_per_request.abs() < 1e-9, "never below nothing");
        assert!((of(140).bytes_per_request - 50.0).abs() < 1e-9);
        assert!((of(140).of_floor - 1.0).abs() < 1e-9);
    }
}
