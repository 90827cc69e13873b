//! `cargo xtask ci`: every test, then format, lints and dependencies.

use crate::counted::Counts;
use crate::place::cargo;
use crate::steps::{Outcome, Ran, Step};
use crate::test::{Test, passes};

/// The tests come first: what is wrong with the program matters more than what is wrong with its text.
pub(crate) fn steps() -> Vec<Step> {
    let mut steps = Test::default().steps();
    steps.extend([
        Step::new("format", || passes(cargo(&["fmt", "--all", "--check"]))),
        Step::new("lints", || passes(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))),
        Step::new("dependencies", dependencies),
    ]);
    steps
}

/// Checks what deny.toml says. Not the advisories: they need the network and change from day to day.
fn dependencies() -> Ran {
    let is_installed = cargo(&["deny", "--version"]).output().is_ok_and(|output| output.status.success());
    if !is_installed {
        let why = "cargo-deny is not installed (cargo install cargo-deny --locked)".to_owned();
        return Ran { tests: Counts::default(), outcome: Outcome::Skipped(why) };
    }
    passes(cargo(&["deny", "--workspace", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))
}
