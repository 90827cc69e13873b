//! How far it has come: a bar on a terminal, a line for every tenth otherwise.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use store::{Progress, Task};

/// What is shown on standard error.
pub(super) struct Bar {
    is_terminal: bool,
    task: Option<Task>,
    began: Instant,
    drawn: Option<Instant>,
    /// Tenths that were told.
    told: u64,
}

impl Bar {
    pub(super) fn new() -> Self {
        let began = Instant::now();
        Self { is_terminal: stderr().is_terminal(), task: None, began, drawn: None, told: 0 }
    }

    /// Shows it, unless what is shown is good enough.
    pub(super) fn show(&mut self, progress: Progress) {
        if self.task.replace(progress.task) != Some(progress.task) {
            self.began = Instant::now();
            (self.drawn, self.told) = (None, 0);
        }
        let text = || describe(&progress, self.began.elapsed());
        // Whoever reads may have gone; the work goes on.
        if self.is_terminal {
            if self.drawn.is_none_or(|at| at.elapsed() >= REDRAW) || progress.done == progress.of {
                let _ = write!(stderr(), "\r\x1b[K{} {}", bar(&progress), text());
                self.drawn = Some(Instant::now());
            }
        } else {
            let tenths = 1 + (progress.done * 10).checked_div(progress.of).unwrap_or(10);
            if tenths > self.told {
                let _ = writeln!(stderr(), "{}", text());
                self.told = tenths;
            }
        }
    }

    /// Leaves the terminal as it was found.
    pub(super) fn end(&self) {
        if self.is_terminal && self.drawn.is_some() {
            let _ = writeln!(stderr());
        }
    }
}

fn bar(progress: &Progress) -> String {
    let full = (progress.done * WIDTH).checked_div(progress.of).unwrap_or(WIDTH).min(WIDTH) as usize;
    format!("[{}{}]", "#".repeat(full), " ".repeat(WIDTH as usize - full))
}

fn describe(progress: &Progress, elapsed: Duration) -> String {
    let Progress { task, table, done, of } = progress;
    let word = match task {
        Task::Copy => "copying",
        Task::Check => "comparing",
    };
    let so_far = format!("{word} {table}: {done} of {of} rows");
    if *done == 0 {
        return so_far;
    }
    let rate = *done as f64 / elapsed.as_secs_f64().max(0.001);
    let left = of.saturating_sub(*done) as f64 / rate;
    format!("{so_far}, {rate:.0} rows/s, {left:.0} s left")
}

/// How often the bar is drawn anew.
const REDRAW: Duration = Duration::from_millis(100);

/// How many signs the bar has.
const WIDTH: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(done: u64, of: u64) -> Progress {
        Progress { task: Task::Copy, table: "sessions", done, of }
    }

    #[test]
    fn what_is_left_is_told_from_what_was_done_so_far() {
        assert_eq!(describe(&at(0, 9), Duration::ZERO), "copying sessions: 0 of 9 rows");
        let text = describe(&at(1000, 5000), Duration::from_secs(2));
        assert_eq!(text, "copying sessions: 1000 of 5000 rows, 500 rows/s, 8 s left");
    }

    #[test]
    fn the_bar_is_full_at_the_end_and_when_there_is_nothing_to_do() {
        assert_eq!(bar(&at(0, 10)).matches('#').count(), 0);
        assert_eq!(bar(&at(5, 10)).matches('#').count(), 15);
        for whole in [at(10, 10), at(0, 0)] {
            assert_eq!(bar(&whole).matches('#').count(), 30);
        }
    }
}
