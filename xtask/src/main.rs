//! The front door for contributors: `cargo xtask test`, `cargo xtask ci`. One file per command.

#![allow(clippy::print_stdout, reason = "a program for people at a terminal")]

mod bench;
mod ci;
mod counted;
mod fuzz;
mod place;
mod setup;
mod steps;
mod test;

use std::process::ExitCode;

use clap::Parser;

/// Build, test and check Watchword.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
enum Command {
    /// Run every test: Rust, Python and Node clients, browser. Installs what they need first
    Test(test::Test),
    /// Measure; close other programs first
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Feed every parser of outside bytes with made-up inputs; needs the nightly toolchain
    Fuzz(fuzz::Fuzz),
    /// Run every test, then check format, lints and dependencies; this is what CI runs
    Ci,
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Test(test) => steps::run(test.steps()),
        Command::Bench(bench) => steps::run(bench.steps()),
        Command::Fuzz(fuzz) => steps::run(fuzz.steps()),
        Command::Ci => steps::run(ci::steps()),
    }
}
