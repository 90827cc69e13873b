//! How far a long piece of work has come, for people who watch it at a terminal.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Does the work; meanwhile, if standard error is a terminal, shows in one line how much of how much is done.
pub fn watched<T>(label: &str, so_far: impl Fn() -> (u64, u64) + Send + Sync, work: impl FnOnce() -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return work();
    }
    std::thread::scope(|scope| {
        let (done, is_done) = channel::<()>();
        scope.spawn(move || {
            while is_done.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                show(&format!("\r{}", bar(label, so_far())));
            }
            // Clears the line.
            show("\r\x1b[K");
        });
        let outcome = work();
        drop(done);
        outcome
    })
}

/// What is being done now, in a line that the next one replaces; if standard error is a terminal.
pub fn now(what: &str) {
    if std::io::stderr().is_terminal() {
        show(&format!("\r\x1b[K{what} …"));
    }
}

/// Takes that line away.
pub fn clear() {
    if std::io::stderr().is_terminal() {
        show("\r\x1b[K");
    }
}

fn show(text: &str) {
    let mut terminal = std::io::stderr();
    let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
}

fn bar(label: &str, (done, total): (u64, u64)) -> String {
    let percent = (done * 100 / total.max(1)).min(100);
    let full = (percent / 4) as usize;
    format!("{label} [{}{}] {percent:>3} %", "#".repeat(full), " ".repeat(25 - full))
}

/// How often it is shown anew.
const EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_never_longer_than_it_is_wide() {
        assert_eq!(bar("Copying", (0, 0)), format!("Copying [{}]   0 %", " ".repeat(25)));
        assert_eq!(bar("Copying", (50, 100)), format!("Copying [{}{}]  50 %", "#".repeat(12), " ".repeat(13)));
        assert_eq!(bar("Copying", (300, 100)), format!("Copying [{}] 100 %", "#".repeat(25)));
    }
}
