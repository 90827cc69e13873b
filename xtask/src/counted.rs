//! Runs a test runner, shows all that it prints, and reads the counts from its own summary lines.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::ops::AddAssign;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::Context;

use crate::steps::{Outcome, Ran};

/// Tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

/// Whose summary lines are to be read.
#[derive(Clone, Copy)]
pub(crate) enum Runner {
    /// `cargo test`: one line per test program.
    Cargo,
    /// `pytest`: one line at the end.
    Pytest,
    /// `node --test --test-reporter=spec`: one line per kind of ending.
    Node,
}

/// Runs `command` to its end. No test at all is a failure too: it means that the runner did not find them.
pub(crate) fn run(mut command: Command, runner: Runner) -> Ran {
    let mut tests = Counts::default();
    let outcome = match stream(&mut command, runner, &mut tests) {
        Ok(_) if tests.failed > 0 => Outcome::Failed(format!("{tests}; see above")),
        Ok(status) if !status.success() => Outcome::Failed(format!("the tests could not be run ({status}); see above")),
        Ok(_) if tests.passed == 0 => Outcome::Failed("no test was found".to_owned()),
        Ok(_) => Outcome::Passed,
        Err(error) => Outcome::Failed(format!("{error:#}")),
    };
    Ran { tests, outcome }
}

fn stream(command: &mut Command, runner: Runner, tests: &mut Counts) -> anyhow::Result<ExitStatus> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {name}"))?;
    let output = child.stdout.take().expect("the output was asked for");
    for line in BufReader::new(output).split(b'\n') {
        let line = line.with_context(|| format!("cannot read what {name} prints"))?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        *tests += runner.read(&line);
    }
    child.wait().with_context(|| format!("cannot wait for {name}"))
}

impl Runner {
    /// The tests that a line counts; none if it is no summary line.
    fn read(self, line: &str) -> Counts {
        let (passed, failed): (&[&str], &[&str]) = match self {
            Self::Cargo if line.starts_with("test result: ") => (&["passed"], &["failed"]),
            Self::Pytest if line.contains(" in ") && line.trim_end_matches([' ', '=']).ends_with(['s', ')']) => {
                (&["passed"], &["failed", "error", "errors"])
            }
            Self::Node if line.starts_with("ℹ ") => (&["pass"], &["fail", "cancelled"]),
            _ => return Counts::default(),
        };
        // Cargo and pytest write `3 passed`, Node `pass 3`.
        let words: Vec<&str> = line.split([' ', ',', ';', '=']).filter(|word| !word.is_empty()).collect();
        let sum = |named: &[&str]| {
            let pairs = words.windows(2).filter_map(|pair| match self {
                Self::Node => named.contains(&pair[0]).then(|| pair[1].parse::<usize>().ok())?,
                Self::Cargo | Self::Pytest => named.contains(&pair[1]).then(|| pair[0].parse().ok())?,
            });
            pairs.sum()
        };
        Counts { passed: sum(passed), failed: sum(failed) }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_runner_is_counted_by_its_own_summary_lines() {
        for (runner, line, passed, failed) in [
            (Runner::Cargo, "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; finished in 0.1s", 12, 0),
            (Runner::Cargo, "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured", 3, 2),
            (Runner::Cargo, "test a_test_that_says_3_passed ... ok", 0, 0),
            (Runner::Pytest, "===== 2 failed, 5 passed, 1 warning in 3.21s =====", 5, 2),
            (Runner::Pytest, "5 passed in 75.20s (0:01:15)", 5, 0),
            (Runner::Pytest, "======= 1 passed, 2 errors in 0.10s =======", 1, 2),
            (Runner::Pytest, "test_flask.py ..... [100%]", 0, 0),
            (Runner::Node, "ℹ pass 7", 7, 0),
            (Runner::Node, "ℹ fail 2", 0, 2),
            (Runner::Node, "ℹ cancelled 1", 0, 1),
            (Runner::Node, "ℹ tests 9", 0, 0),
        ] {
            assert_eq!(runner.read(line), Counts { passed, failed }, "{line}");
        }
    }
}
