//! The figures for people, for programs, and as a picture.

use serde_json::{Value, json};

use crate::clock::{MILLISECOND, millis};
use crate::figures::{Figures, Outcome, percentile};
use crate::histogram::Histogram;
use crate::options::Options;
use crate::svg::Picture;

pub fn text(options: &Options, outcome: &Outcome) {
    println!("{}", scene(options));
    let checks: f64 = outcome.groups.iter().map(Figures::checks_per_second).sum();
    println!(
        "load: {:.0} checks a second in all, by {} threads that are busy {} % of their time, at nice {}",
        checks,
        options.groups().len(),
        options.load,
        options.nice
    );
    println!("server: {:.0} % of one processor", outcome.server_busy * 100.0);
    let late: Vec<i64> = outcome
        .calls
        .iter()
        .zip(&outcome.answered_in)
        .map(|(call, took)| took - (call.acknowledged - call.sent))
        .collect();
    println!("\nin milliseconds                                            p50       p99       max");
    row("from when a call was due to when it was sent", &late);
    row("from when it was due to its acknowledgement", &outcome.answered_in);
    println!("from there to");
    for group in &outcome.groups {
        println!("  at the {} verifiers {}", group.verifiers, group.name);
        row("    the last check that let it in, anywhere", &group.accepted);
        row("    the first that did not, at the last of them", &group.refused);
    }
    for group in &outcome.groups {
        println!("\nThe last check that let a session in, at the verifiers {}:", group.name);
        print!("{}", Histogram::of(&group.accepted));
    }
    println!();
    for group in &outcome.groups {
        let Figures { name, violations, watched, .. } = group;
        println!(
            "violations at the verifiers {name}: {violations} let in later than {} ms after the acknowledgement",
            options.bound
        );
        println!(
            "  revived later: {}; let in at the very end: {}; live sessions refused because too little was known: {}",
            watched.revived, watched.left, watched.stale
        );
    }
    println!("acknowledged, and not in the database after SIGKILL: {} of {}", outcome.lost, outcome.calls.len() + 1);
    let entries = outcome.groups.iter().flat_map(|group| &group.watched.entries).max().unwrap_or(&0);
    println!(
        "entries: {entries}; on the wire {:.1} bytes each in an answer with all of them, {:.1} on a stream, one by one",
        outcome.everything.per_entry(),
        outcome.stream.per_entry()
    );
    let started = started(outcome);
    println!(
        "a verifier started in {:.0} ms, the slowest in {:.0}; its first answer had {} bytes",
        started.0, started.1, outcome.everything.bytes
    );
}

pub fn json(options: &Options, outcome: &Outcome) {
    let groups = outcome.groups.iter().map(|group| {
        json!({
            "name": group.name,
            "verifiers": group.verifiers,
            "last_accepted_ms": three(&group.accepted),
            "all_refused_ms": three(&group.refused),
            "violations": group.violations,
            "revived": group.watched.revived,
            "let_in_at_the_end": group.watched.left,
            "stale": group.watched.stale,
            "checks_per_second": group.checks_per_second(),
            "entries": group.watched.entries.iter().max(),
        })
    });
    let started = started(outcome);
    let value = json!({
        "verifiers": options.verifiers,
        "processes": options.groups().len(),
        "rate": options.rate,
        "seconds": options.seconds,
        "bound_ms": options.bound,
        "load_percent": options.load,
        "nice": options.nice,
        "database": options.database.name(),
        "cut": options.cut,
        "sessions": outcome.calls.len(),
        "answered_ms": three(&outcome.answered_in),
        "lost": outcome.lost,
        "server_busy": outcome.server_busy,
        "wire_bytes_per_entry": { "everything": outcome.everything.per_entry(), "stream": outcome.stream.per_entry() },
        "started_ms": { "p50": started.0, "max": started.1 },
        "groups": groups.collect::<Vec<_>>(),
    });
    println!("{value}");
}

pub fn svg(options: &Options, outcome: &Outcome) -> String {
    let accepted = |group: &Figures| {
        (
            format!("the last check that let it in, at {} verifiers {}", group.verifiers, group.name),
            Histogram::of(&group.accepted),
        )
    };
    let mut series: Vec<_> = outcome.groups.iter().map(accepted).collect();
    if let [group] = &outcome.groups[..] {
        series.push(("the first refusal at the last of them".to_owned(), Histogram::of(&group.refused)));
    }
    let near = &outcome.groups[0].accepted;
    let mark = |name: &str, percent| (millis(percentile(near, percent).max(0)), name.to_owned());
    let violations: usize = outcome.groups.iter().map(|group| group.violations).sum();
    Picture {
        title: format!("How soon a session that was ended is refused everywhere: {violations} violations"),
        subtitle: scene(options),
        series,
        marks: vec![mark("p50", 50), mark("p99", 99), mark("max", 100), (options.bound as f64, "the bound".to_owned())],
    }
    .draw()
}

fn scene(options: &Options) -> String {
    let Options { verifiers, rate, seconds, bound, database, .. } = options;
    let before = if options.entries > 0 { format!(", {} entries before", options.entries) } else { String::new() };
    let cut = if options.cut { ", one process cut off for the middle half" } else { "" };
    format!(
        "{verifiers} verifiers in {} processes, {rate} sessions ended a second for {seconds} s, {}, bound {bound} ms{before}{cut}",
        options.groups().len(),
        database.name(),
    )
}

fn row(name: &str, values: &[i64]) {
    let [p50, p99, max] = [50, 99, 100].map(|percent| shown(percentile(values, percent)));
    println!("{name:<52} {p50:>9} {p99:>9} {max:>9}");
}

/// Nothing at all took longer than a day.
fn shown(nanoseconds: i64) -> String {
    const DAY: i64 = 86_400_000 * MILLISECOND;
    match nanoseconds {
        ..=0 => "≤ 0".to_owned(),
        DAY.. => "never".to_owned(),
        _ => format!("{:.2}", millis(nanoseconds)),
    }
}

fn three(values: &[i64]) -> Value {
    // What never happened has no time.
    let known = |nanoseconds: i64| ![i64::MIN, i64::MAX].contains(&nanoseconds);
    let [p50, p99, max] =
        [50, 99, 100].map(|percent| Some(percentile(values, percent)).filter(|value| known(*value)).map(millis));
    json!({ "p50": p50, "p99": p99, "max": max })
}

/// The one in the middle and the slowest.
fn started(outcome: &Outcome) -> (f64, f64) {
    let mut all = outcome.started_in.clone();
    all.sort_by(f64::total_cmp);
    (all[all.len() / 2], all[all.len() - 1])
}
