//! What one check found, and how findings are shown.

use std::io::IsTerminal;

use serde::Serialize;

use crate::commands::output::{json, line};

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name, which stays the same from version to version.
    pub check: &'static str,
    /// How it went.
    pub result: Outcome,
    /// What is.
    pub is: String,
    /// What to do, unless all is well.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// How a check went, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// It works, but not as well or as safely as it could.
    Warning,
    /// It does not work, or not safely.
    Problem,
}

impl Finding {
    pub fn ok(check: &'static str, is: impl Into<String>) -> Self {
        Self { check, result: Outcome::Ok, is: is.into(), advice: None }
    }

    pub fn warning(check: &'static str, is: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, result: Outcome::Warning, is: is.into(), advice: Some(advice.into()) }
    }

    pub fn problem(check: &'static str, is: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, result: Outcome::Problem, is: is.into(), advice: Some(advice.into()) }
    }
}

/// Prints them, and answers the exit code: 0 if all is well, 1 with warnings, 2 with problems.
pub fn show(findings: &[Finding], as_json: bool) -> u8 {
    if as_json {
        json(&findings);
    } else {
        let is_terminal = std::io::stdout().is_terminal();
        let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
        for finding in findings {
            line(text(finding, width, is_terminal));
        }
        let count = |result| findings.iter().filter(|finding| finding.result == result).count();
        line(format!(
            "\n{} checks: {} ok, {} to improve, {} wrong.",
            findings.len(),
            count(Outcome::Ok),
            count(Outcome::Warning),
            count(Outcome::Problem)
        ));
    }
    findings.iter().map(|finding| finding.result).max().map_or(0, |worst| worst as u8)
}

fn text(finding: &Finding, width: usize, is_terminal: bool) -> String {
    let (word, color) = match finding.result {
        Outcome::Ok => ("ok     ", "\x1b[32m"),
        Outcome::Warning => ("warning", "\x1b[33m"),
        Outcome::Problem => ("problem", "\x1b[31;1m"),
    };
    let word = if is_terminal { format!("{color}{word}\x1b[0m") } else { word.to_owned() };
    let start = format!("{word}  {:<width$}  {}", finding.check, finding.is);
    match &finding.advice {
        Some(advice) => format!("{start}\n{:pad$}→ {advice}", "", pad = 7 + 2 + width + 2),
        None => start,
    }
}
