//! The report as one page that needs nothing else: no script, no other file.

use askama::Template;

use super::figures::{Figures, Measured};
use super::plots;
use super::text;
use super::tradeoff::{self, Row, bytes, count, millis, price};
use super::ways::Way;
use crate::app::StartError;
use crate::commands::start::wrong;

#[derive(Template)]
#[template(path = "commands/compare/page.html")]
struct Page<'a> {
    figures: &'a Figures,
    stylesheet: &'static str,
    doubts: Vec<String>,
    key: Key,
    trade_off: Vec<Row>,
    tables: [Table; 2],
    plots: [Plot; 4],
    logout: String,
}

/// The figures to remember.
struct Key {
    jwt_short: String,
    ours: String,
    logouts: usize,
    price: String,
    price_of: String,
    reads: String,
    calls: String,
    bytes: String,
}

/// A plot, and what it shows.
struct Plot {
    title: &'static str,
    caption: &'static str,
    svg: String,
}

/// Figures of all ways.
struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Line>,
}

/// A row of it.
struct Line {
    name: &'static str,
    is_ours: bool,
    cells: Vec<String>,
}

/// The page as HTML.
pub fn render(figures: &Figures) -> Result<String, StartError> {
    let plot = |title, caption, svg| Plot { title, caption, svg };
    let page = Page {
        figures,
        stylesheet: include_str!("page.css"),
        doubts: text::doubts(figures),
        key: Key::of(figures),
        trade_off: tradeoff::rows(figures),
        tables: [in_front(figures), behind(figures)],
        plots: [
            plot(
                "Checks per second",
                "Longer is better. The thin lines are the turns one by one.",
                plots::speed(figures),
            ),
            plot(
                "Processor time for a request",
                "Of client, application and issuer together. Grey is what the route takes without a check, colour is what the check adds.",
                plots::processor(figures),
            ),
            plot(
                "Time for a request",
                "The dot is the median, the line ends at the slowest one in a hundred. All clients ask as fast as they are answered.",
                plots::latency(figures),
            ),
            plot(
                "Bytes on the wire",
                "Grey is request and answer, colour is what application and issuer say to each other because of it.",
                plots::wire(figures),
            ),
        ],
        logout: plots::logout(figures),
    };
    page.render().map_err(wrong)
}

impl Key {
    fn of(figures: &Figures) -> Self {
        let ours = [Way::CookieFeed, Way::JwtFeed].map(|way| figures.of(way));
        let logouts: Vec<f64> =
            ours.iter().filter_map(|own| own.logout.as_ref()).flat_map(|own| own.refused_after_ms.clone()).collect();
        let left = figures.of(Way::JwtAlone).logout.as_ref().and_then(|logouts| logouts.until_exp_seconds);
        let [cookie, token] = ours;
        let dearer = if cookie.cpu_us_per_request > token.cpu_us_per_request { cookie } else { token };
        let background = &figures.background;
        Self {
            jwt_short: left.map_or_else(|| "-".to_owned(), |left| format!("{left:.0} s")),
            ours: millis(logouts.iter().copied().fold(0.0, f64::max)),
            logouts: logouts.len(),
            price: price(dearer, figures),
            price_of: format!(
                "what such a check adds to the processor time of a request, at most; a read of the database in the same process adds {}",
                price(figures.of(Way::CookieDatabase), figures)
            ),
            reads: format!("{:.0}", background.database_reads_per_second),
            calls: format!("{:.1}", background.issuer_calls_per_second),
            bytes: bytes(background.issuer_bytes_per_second),
        }
    }
}

/// What a client sees.
fn in_front(figures: &Figures) -> Table {
    let row = |own: &Measured| {
        let cells = vec![
            count(own.checks_per_second),
            format!("{:.2}", own.of_floor),
            millis(own.p50_ms),
            millis(own.p99_ms),
            format!("{:.1} µs", own.cpu_us_per_request),
            count(own.bytes_per_request),
        ];
        Line { name: own.name, is_ours: own.way.is_ours(), cells }
    };
    let heads = vec!["checks/s", "of no check", "p50", "p99", "processor time", "bytes"];
    Table { heads, rows: figures.ways.iter().map(row).collect() }
}

/// What goes on behind the application.
fn behind(figures: &Figures) -> Table {
    let row = |own: &Measured| {
        let cells = vec![
            format!("{:.2}", own.database_reads_per_request),
            format!("{:.2}", own.issuer_calls_per_request),
            count(own.internal_bytes_per_request),
            text::logout(own),
            text::state(own.way, figures),
        ];
        Line { name: own.name, is_ours: own.way.is_ours(), cells }
    };
    let heads = vec![
        "database reads",
        "calls to the issuer",
        "bytes to and from it",
        "a logout holds after",
        "server state for the check",
    ];
    let guarded = figures.ways.iter().filter(|own| own.way != Way::NoCheck);
    Table { heads, rows: guarded.map(row).collect() }
}
