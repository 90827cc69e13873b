//! The report for people at a terminal, at most 118 columns wide.

use std::fmt::Write;

use super::figures::{Figures, Measured};
use super::tradeoff::{self, bytes, count, millis};
use super::ways::Way;

/// The whole report.
pub fn report(figures: &Figures) -> String {
    let mut text = String::new();
    text.push_str(&heading(figures));
    text.push_str(&speed(figures));
    text.push_str(&behind(figures));
    text.push_str("\nThe well-known trade-off, with these figures\n\n");
    text.push_str(&trade_off(figures));
    text.push_str(&reading(figures));
    text
}

fn heading(figures: &Figures) -> String {
    let Figures { seconds, rounds, connections, processors, .. } = figures;
    let text = format!(
        "The same route, guarded in five ways: each under load for {seconds} s in {rounds} turns, from {connections} clients, on \
         {processors} processors that client, application and issuer share."
    );
    let mut lines = wrap(&text, WIDTH);
    lines.extend(doubts(figures).into_iter().flat_map(|doubt| wrap(&doubt, WIDTH)));
    format!("{}\n\n", lines.join("\n"))
}

/// Why the figures may say little.
pub fn doubts(figures: &Figures) -> Vec<String> {
    let mut doubts = Vec::new();
    if figures.debug_build {
        doubts.push("This program was built without optimization: the speeds say little.".to_owned());
    }
    if figures.is_unrestful() {
        doubts.push(format!(
            "Something else used this machine meanwhile: better turns of the floor were {:.1} times as fast as worse ones. \
             Processor time still holds; measure the speeds again when it is quiet.",
            figures.unrest
        ));
    }
    doubts
}

fn speed(figures: &Figures) -> String {
    let mut rows = vec![["", "checks/s", "of floor", "p50", "p99", "CPU", "bytes", "+ internal"].map(str::to_owned)];
    for own in &figures.ways {
        rows.push([
            own.name.to_owned(),
            count(own.checks_per_second),
            format!("{:.2}", own.of_floor),
            millis(own.p50_ms),
            millis(own.p99_ms),
            format!("{:.1} µs", own.cpu_us_per_request),
            count(own.bytes_per_request),
            count(own.internal_bytes_per_request),
        ]);
    }
    aligned(&rows)
}

fn behind(figures: &Figures) -> String {
    let heads = ["", "reads", "calls", "a logout holds after", "server state"];
    let mut rows = vec![heads.map(str::to_owned)];
    for own in figures.ways.iter().filter(|own| own.way != Way::NoCheck) {
        rows.push([
            own.name.to_owned(),
            format!("{:.2}", own.database_reads_per_request),
            format!("{:.2}", own.issuer_calls_per_request),
            logout(own),
            state(own.way, figures),
        ]);
    }
    format!("\n{}", aligned(&rows))
}

/// How soon a way's logouts were heeded.
pub fn logout(own: &Measured) -> String {
    let Some(logouts) = &own.logout else { return String::new() };
    match (logouts.median_ms(), logouts.longest_ms(), logouts.until_exp_seconds) {
        (Some(median), Some(longest), None) => format!("{}, at most {}", millis(median), millis(longest)),
        _ => tradeoff::held(Some(logouts)),
    }
}

/// What the server keeps for the sake of a way's check.
pub fn state(way: Way, figures: &Figures) -> String {
    let (state, minutes) = (&figures.state, figures.state.logout_kept_seconds / 60.0);
    let entry = format!("{} a logout for {minutes} min", bytes(state.logout));
    match way {
        Way::NoCheck | Way::JwtAlone => "none".to_owned(),
        Way::CookieDatabase => format!("{} a login", bytes(state.cookie_login)),
        Way::CookieFeed => format!("{} a login, {entry}", bytes(state.cookie_login)),
        Way::JwtFeed => entry,
        Way::JwtIntrospection => format!("{} a login", bytes(state.token_login)),
    }
}

fn trade_off(figures: &Figures) -> String {
    let mut text = wrapped(&["", "classic session", "classic JWT", "Watchword"].map(str::to_owned));
    for row in tradeoff::rows(figures) {
        text.push_str(&wrapped(&[row.subject.to_owned(), row.session, row.jwt, row.ours]));
    }
    text
}

fn reading(figures: &Figures) -> String {
    let background = &figures.background;
    let text = format!(
        "How to read it. `no check` is the same route for everybody: what a way lacks to it is the price of knowing who is \
         asking. The ratios hold better than the speeds, and CPU best of all: the processor time of client, application and \
         issuer for one request. Bytes are those of request and answer, and what application and issuer say to each other \
         because of it. A logout is timed from its answer to the first refusal, while its credential is used without pause. \
         `JWT alone` went on to accept for as long as was looked; that it does so up to exp was seen by asking the same check \
         as of then, not by waiting. Bytes, reads and calls were counted; what goes on without requests is taken off: {:.0} \
         reads of the database, {:.1} calls and {} a second.",
        background.database_reads_per_second,
        background.issuer_calls_per_second,
        bytes(background.issuer_bytes_per_second)
    );
    wrap(&text, WIDTH).join("\n")
}

/// Columns as wide as they need to be: the first to the left, short ones to the right, words to the left.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    let mut is_number = [true; N];
    for (number, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            widths[column] = widths[column].max(cell.chars().count());
            let is_figure = cell.starts_with(|first: char| first.is_ascii_digit()) && cell.split(' ').count() <= 2;
            is_number[column] &= number == 0 || is_figure;
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).zip(is_number).map(|((cell, width), is_number)| {
            if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

/// A row of the trade-off table, on as many lines as it needs.
fn wrapped(cells: &[String; 4]) -> String {
    let lines: Vec<Vec<String>> = cells.iter().zip(WIDTHS).map(|(cell, width)| wrap(cell, width)).collect();
    let height = lines.iter().map(Vec::len).max().unwrap_or(0);
    let mut text = String::new();
    for number in 0..height {
        let cells = lines.iter().zip(WIDTHS);
        let cells = cells.map(|(cell, width)| format!("{:<width$}", cell.get(number).map_or("", String::as_str)));
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push('\n');
    text
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is always one");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Of the report, in columns; and of the columns of its second table.
const WIDTH: usize = 118;
const WIDTHS: [usize; 4] = [22, 30, 28, 32];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_between_each_other() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("immeasurable is long", 5), ["immeasurable", "is", "long"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn figures_stand_to_the_right_and_words_to_the_left() {
        let rows = [["", "n", "what"], ["a", "1,000", "yes"], ["bb", "2", "no"]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), "        n  what\na   1,000  yes\nbb      2  no\n");
    }
}
