//! Runs steps one after the other up to the first that fails, and ends with a table and one line that counts all tests.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::counted::Counts;

/// One thing to do, with the heading it is announced by.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) work: Box<dyn FnOnce() -> Ran>,
}

/// What became of a step.
pub(crate) struct Ran {
    /// The tests in it, as its own runner counted them.
    pub(crate) tests: Counts,
    pub(crate) outcome: Outcome,
}

/// How a step ended.
pub(crate) enum Outcome {
    Passed,
    /// It could not be done here, for this reason, and that is no failure.
    Skipped(String),
    /// What is wrong, and what to do.
    Failed(String),
}

impl Step {
    /// A step that counts tests.
    pub(crate) fn new(name: &'static str, work: impl FnOnce() -> Ran + 'static) -> Self {
        Self { name, work: Box::new(work) }
    }
}

impl From<anyhow::Result<()>> for Ran {
    fn from(result: anyhow::Result<()>) -> Self {
        let outcome = match result {
            Ok(()) => Outcome::Passed,
            Err(error) => Outcome::Failed(format!("{error:#}")),
        };
        Self { tests: Counts::default(), outcome }
    }
}

/// Runs the steps.
pub(crate) fn run(steps: Vec<Step>) -> ExitCode {
    let (began, count) = (Instant::now(), steps.len());
    let mut rows = Vec::new();
    let mut total = Counts::default();
    let mut failure = None;
    for (index, step) in steps.into_iter().enumerate() {
        if failure.is_some() {
            rows.push(format!("{:<16}  {:>7}  not run", step.name, "-"));
            continue;
        }
        println!("\n== {} of {count}: {} (at {})", index + 1, step.name, clock(began.elapsed()));
        let step_began = Instant::now();
        let ran = (step.work)();
        total += ran.tests;
        let word = match ran.outcome {
            Outcome::Passed => "ok".to_owned(),
            Outcome::Skipped(why) => format!("skipped: {why}"),
            Outcome::Failed(why) => {
                println!("\nFAILED: {}: {why}", step.name);
                failure = Some(ran.tests.failed == 0);
                "FAILED".to_owned()
            }
        };
        let tests = if ran.tests == Counts::default() { String::new() } else { format!(", {}", ran.tests) };
        rows.push(format!("{:<16}  {:>7}  {word}{tests}", step.name, clock(step_began.elapsed())));
    }
    // A step may fail without a test that failed: something does not compile, a program is missing.
    total.failed += usize::from(failure == Some(true));
    println!("\n== Summary (at {})", clock(began.elapsed()));
    println!("{}\n\n{total}", rows.join("\n"));
    if failure.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Minutes and seconds.
fn clock(elapsed: Duration) -> String {
    let tenths = elapsed.as_millis() / 100;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}
