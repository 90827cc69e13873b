//! What is to be measured.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// In the folder for what is built.
const DRAWING: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../forgetting.svg");

#[derive(Parser, Clone)]
#[command(
    bin_name = "cargo xtask bench forgetting",
    about = "How soon a session that was ended is refused everywhere",
    max_term_width = 100
)]
pub struct Options {
    /// How many verifiers follow the server
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub verifiers: u32,
    /// In how many processes
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub processes: u32,
    /// How many sessions are ended per second, whether or not the calls before have been answered
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// For how long they are
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub seconds: u32,
    /// The bound of the verifiers, in milliseconds
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub bound: u64,
    /// What share of its time the thread of each process is busy checking tokens, in percent
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub load: u32,
    /// How far that thread stands back for others: 0 for not at all, up to 19
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i32).range(0..=19))]
    pub nice: i32,
    /// Where the server keeps its data
    #[arg(long, value_enum, default_value_t = Engine::Sqlite)]
    pub database: Engine,
    /// How many sessions have been ended already when everything starts
    #[arg(long, default_value_t = 0)]
    pub entries: u32,
    /// Cut one of the processes off from the server for the middle half of the time
    #[arg(long)]
    pub cut: bool,
    /// For programs: one JSON object on one line
    #[arg(long)]
    pub json: bool,
    /// Where to draw the histogram
    #[arg(long, value_name = "FILE", default_value = DRAWING)]
    pub svg: PathBuf,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

impl Options {
    /// How many sessions are ended.
    pub fn sessions(&self) -> usize {
        self.rate as usize * self.seconds as usize
    }

    /// How many verifiers each process has.
    pub fn groups(&self) -> Vec<u32> {
        let processes = self.processes.min(self.verifiers);
        (0..processes).map(|at| self.verifiers / processes + u32::from(at < self.verifiers % processes)).collect()
    }

    /// What cannot be measured.
    pub fn refusal(&self) -> Option<&'static str> {
        let cut = Duration::from_secs(self.seconds.into()) / 2;
        if self.cut && self.groups().len() < 2 {
            Some("--cut needs two processes, of which one is cut off")
        } else if self.cut && cut <= Duration::from_millis(self.bound) {
            Some("--cut cuts for half of --seconds, which must be longer than --bound")
        } else if self.entries as usize + self.sessions() > verifier::Revoked::CAPACITY {
            Some("a verifier holds a million entries, --entries and those of this run together")
        } else {
            None
        }
    }
}
