//! `watchword compare`: what it costs to know who is asking, in five ways, and how soon each heeds a logout.

mod figures;
mod issuer;
mod load;
mod logout;
mod page;
mod plots;
mod relay;
mod state;
mod text;
mod tradeoff;
mod ways;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::output::{json, line};
use super::progress;
use super::start::{Signals, wrong};
use crate::app::StartError;
use crate::config::Overrides;
use figures::{Background, Figures, Measured};
use issuer::Issuer;
use load::Round;
use logout::Logouts;
use state::State;
use ways::{Applications, Way};

#[derive(clap::Args)]
pub struct Compare {
    /// For how many seconds each way is under load: 0.1 to 60
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// How many clients ask at a time, each again when it was answered
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=64))]
    connections: u16,
    /// How many logouts of each way are timed
    #[arg(long, value_name = "NUMBER", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=20))]
    logouts: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write a page with plots to this file, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let parsed: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.1..=60.0).contains(&parsed) { Ok(parsed) } else { Err("not within 0.1 to 60".to_owned()) }
}

pub async fn run(compare: Compare, overrides: &Overrides) -> Result<ExitCode, StartError> {
    let named =
        [("--database", &overrides.database), ("--listen", &overrides.listen), ("--public-url", &overrides.public_url)];
    if let Some((option, _)) = named.iter().find(|(_, value)| value.is_some()) {
        return Err(wrong(format!("compare makes an installation of its own; leave {option} away")));
    }
    if let Some(file) = &compare.html {
        refuse_no_place(file)?;
    }
    // Before there is anything to clean up.
    let stop = Signals::catch().map_err(|e| wrong(format!("cannot wait for signals: {e}")))?;
    let issuer = Issuer::start().await?;
    let outcome = tokio::select! {
        outcome = measure(&compare, &issuer) => outcome,
        () = stop.any() => Err(wrong("stopped before it was finished; what it had made is deleted")),
    };
    progress::clear();
    issuer.close().await;
    let figures = outcome?;
    if let Some(file) = &compare.html {
        let written = std::fs::write(file, page::render(&figures)?);
        written.map_err(|e| wrong(format!("cannot write {}: {e}", file.display())))?;
    }
    if compare.json {
        json(&figures);
    } else {
        line(text::report(&figures));
    }
    Ok(ExitCode::SUCCESS)
}

/// It would be a pity to notice after half a minute.
fn refuse_no_place(file: &Path) -> Result<(), StartError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() && !file.is_dir() {
        return Ok(());
    }
    Err(wrong(format!("--html: {} cannot be a file: there is no such folder, or it is one itself", file.display())))
}

async fn measure(compare: &Compare, issuer: &Issuer) -> Result<Figures, StartError> {
    progress::now("What a login takes in the database");
    let state = State::measure(issuer.folder()).await?;
    let applications = Applications::start(issuer).await?;
    let background = idle(issuer).await;
    let rounds = load(compare, issuer, &applications).await?;
    let floor = &rounds[0];
    let mut ways: Vec<Measured> =
        Way::ALL.iter().zip(&rounds).map(|(way, own)| Measured::of(*way, own, floor, &background)).collect();
    for measured in ways.iter_mut().filter(|measured| measured.way != Way::NoCheck) {
        progress::now(&format!("Logging out: {}", measured.name));
        let logins = issuer.log_in(compare.logouts).await?;
        measured.logout = Some(Logouts::run(measured.way, &applications, &logins, issuer).await?);
    }
    Ok(Figures {
        version: env!("CARGO_PKG_VERSION"),
        measured_at: figures::today(),
        debug_build: cfg!(debug_assertions),
        processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        seconds: compare.seconds,
        rounds: floor.len(),
        unrest: figures::unrest(floor.iter().map(Round::per_second).collect()),
        connections: compare.connections,
        background,
        state,
        ways,
    })
}

/// What goes on while nobody asks anything.
#[expect(clippy::disallowed_methods, reason = "there is no event: this is how long nothing is done")]
async fn idle(issuer: &Issuer) -> Background {
    progress::now("What goes on without any request");
    let (before, began) = (issuer.tally(), Instant::now());
    tokio::time::sleep(IDLE).await;
    Background::of(issuer.tally() - before, began.elapsed())
}

/// The rounds of each way, in the order of [`Way::ALL`]. In turns, so that a machine that is busy for a while is so for all.
async fn load(compare: &Compare, issuer: &Issuer, applications: &Applications) -> Result<Vec<Vec<Round>>, StartError> {
    progress::now("Logging in");
    let logins = issuer.log_in(compare.connections).await?;
    let turns = turns(compare.seconds);
    let span = Duration::from_secs_f64(compare.seconds) / turns;
    let mut rounds: Vec<Vec<Round>> = Way::ALL.iter().map(|_| Vec::new()).collect();
    for turn in 0..turns {
        for place in places(turn) {
            let way = Way::ALL[place];
            progress::now(&format!("Turn {} of {turns}: {}", turn + 1, way.name()));
            rounds[place].push(Round::run(way, applications.address(way), &logins, issuer, span).await?);
        }
    }
    Ok(rounds)
}

/// Which of [`Way::ALL`] comes when in a turn: each turn begins with another, and in as many turns as there are ways each comes right
/// after each of the others once, so that none gains by what the one before leaves behind (Williams, 1949).
fn places(turn: u32) -> impl Iterator<Item = usize> {
    ORDER.into_iter().map(move |step| (step + turn as usize) % ORDER.len())
}

/// In how many turns each way is under load: short ones, so that what is compared lies close together in time.
fn turns(seconds: f64) -> u32 {
    ((seconds / TURN).round() as u32).clamp(3, 12)
}

/// The first turn. All steps from one to the next differ.
const ORDER: [usize; Way::ALL.len()] = [0, 1, 5, 2, 4, 3];

/// How long a turn is at best, in seconds.
const TURN: f64 = 0.25;

/// For how long nothing is done, to see what goes on anyway.
const IDLE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn in_as_many_turns_as_there_are_ways_each_comes_first_once_and_once_after_each_other() {
        let turns: Vec<Vec<usize>> = (0..Way::ALL.len() as u32).map(|turn| places(turn).collect()).collect();
        let count = turns.len();
        assert!(turns.iter().all(|turn| turn.iter().collect::<BTreeSet<_>>().len() == count), "{turns:?}");
        assert_eq!(turns.iter().map(|turn| turn[0]).collect::<BTreeSet<_>>().len(), count);
        let pairs: BTreeSet<_> = turns.iter().flat_map(|turn| turn.windows(2).map(|pair| (pair[0], pair[1]))).collect();
        assert_eq!(pairs.len(), count * (count - 1));
        assert!(turns.windows(2).all(|two| two[0].last() != two[1].first()), "none comes after itself");
    }
}
