//! What commands print: answers on standard output, errors on standard error.

use std::fmt::Display;
use std::io::Write;

use serde::Serialize;

/// A line for people. Whoever reads may have heard enough and gone; that is not an error.
pub fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// One JSON document for scripts.
pub fn json(value: &impl Serialize) {
    line(serde_json::to_string(value).unwrap_or_default());
}

/// What went wrong, and what to do.
pub fn error(error: &dyn Display) {
    eprintln!("watchword: {error}");
}

/// Rows under a heading, columns as wide as they need to be.
pub fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) {
    let mut widths = heading.map(|text| text.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let print = |cells: [&str; N]| {
        let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line(padded.join("  ").trim_end());
    };
    print(heading);
    for row in rows {
        print(row.each_ref().map(String::as_str));
    }
}
