//! The plots of the page: drawn for 480 units of width, so that their words stay readable on a phone. Colours are the
//! stylesheet's.

use std::fmt::Write;

use super::figures::{Figures, Measured};
use super::text;
use super::tradeoff::{bytes, count, millis};
use super::ways::Way;

/// How many checks there were in a second: a bar for each way, and a tick for each of its rounds.
pub fn speed(figures: &Figures) -> String {
    let all = figures.ways.iter().flat_map(|own| own.checks_per_second_by_round.iter().copied());
    let scale = Scale::linear(all.fold(1.0, f64::max));
    let mut plot = Plot::new("Checks per second, by way");
    for own in &figures.ways {
        let value = format!("{} · {:.2} of no check", count(own.checks_per_second), own.of_floor);
        plot.row(own.name, &value);
        plot.bar(0.0, scale.at(own.checks_per_second), class(own.way));
        for round in &own.checks_per_second_by_round {
            plot.tick(scale.at(*round));
        }
    }
    plot.finish()
}

/// How long a logout took to hold: a dot for each, on a scale on which each line is ten times the one before.
pub fn logout(figures: &Figures) -> String {
    let scale = Scale::Decades { lowest: -2, highest: 6 };
    let mut plot = Plot::new("Time from the answer to a logout until its credential is refused, by way");
    for own in figures.ways.iter().filter(|own| own.way != Way::NoCheck) {
        let Some(logouts) = &own.logout else { continue };
        plot.row(own.name, &text::logout(own));
        plot.track();
        for ms in &logouts.refused_after_ms {
            plot.dot(scale.at(*ms), class(own.way));
        }
        if let Some(left) = logouts.until_exp_seconds {
            plot.line(0.0, scale.at(left * 1000.0), "wrong");
            plot.diamond(scale.at(left * 1000.0));
        }
    }
    let marks = [(-2, "10 µs"), (0, "1 ms"), (2, "100 ms"), (4, "10 s"), (6, "17 min")];
    plot.axis(&marks.map(|(decade, label)| (scale.at(10_f64.powi(decade)), label.to_owned())));
    plot.finish()
}

/// How long requests took: from the median to the slowest one in a hundred.
pub fn latency(figures: &Figures) -> String {
    let scale = Scale::linear(figures.ways.iter().map(|own| own.p99_ms).fold(0.001, f64::max));
    let mut plot = Plot::new("Time for a request under load, by way: median and 99th percentile");
    for own in &figures.ways {
        plot.row(own.name, &format!("{} · {}", millis(own.p50_ms), millis(own.p99_ms)));
        plot.track();
        plot.line(scale.at(own.p50_ms), scale.at(own.p99_ms), class(own.way));
        plot.dot(scale.at(own.p50_ms), class(own.way));
        plot.tick(scale.at(own.p99_ms));
    }
    plot.finish()
}

/// What a request takes of the processors: as much as without a check, and what the check adds.
pub fn processor(figures: &Figures) -> String {
    let floor = figures.of(Way::NoCheck).cpu_us_per_request;
    let scale = Scale::linear(figures.ways.iter().map(|own| own.cpu_us_per_request).fold(1.0, f64::max));
    let mut plot = Plot::new("Processor time for a request, by way");
    for own in &figures.ways {
        let added = own.cpu_us_per_request - floor;
        let added = if own.way == Way::NoCheck { String::new() } else { format!(" · {added:+.1}") };
        plot.row(own.name, &format!("{:.1} µs{added}", own.cpu_us_per_request));
        plot.two_bars(scale.at(floor.min(own.cpu_us_per_request)), scale.at(own.cpu_us_per_request), own);
    }
    plot.finish()
}

/// Bytes on the wire: of request and answer, and behind them between application and issuer.
pub fn wire(figures: &Figures) -> String {
    let whole = |own: &Measured| own.bytes_per_request + own.internal_bytes_per_request;
    let scale = Scale::linear(figures.ways.iter().map(whole).fold(1.0, f64::max));
    let mut plot = Plot::new("Bytes on the wire for a request, by way");
    for own in &figures.ways {
        let internal = format!(" + {}", bytes(own.internal_bytes_per_request));
        let internal = if own.internal_bytes_per_request < 0.5 { "" } else { &internal };
        plot.row(own.name, &format!("{}{internal}", bytes(own.bytes_per_request)));
        plot.two_bars(scale.at(own.bytes_per_request), scale.at(whole(own)), own);
    }
    plot.finish()
}

fn class(way: Way) -> &'static str {
    match way {
        Way::NoCheck => "floor",
        way if way.is_ours() => "ours",
        _ => "others",
    }
}

/// From a value to a place.
enum Scale {
    Linear(f64),
    Decades { lowest: i32, highest: i32 },
}

impl Scale {
    fn linear(most: f64) -> Self {
        Self::Linear(most)
    }

    fn at(&self, value: f64) -> f64 {
        let share = match self {
            Self::Linear(most) => value / most,
            Self::Decades { lowest, highest } => {
                let (low, high) = (f64::from(*lowest), f64::from(*highest));
                (value.max(f64::MIN_POSITIVE).log10() - low) / (high - low)
            }
        };
        share.clamp(0.0, 1.0) * INNER
    }
}

/// A plot in the making, row by row.
struct Plot {
    title: &'static str,
    described: String,
    body: String,
    y: f64,
}

impl Plot {
    fn new(title: &'static str) -> Self {
        Self { title, described: String::new(), body: String::new(), y: 0.0 }
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.body, "  {element}");
    }

    /// Begins a row: what it is about to the left, its figures to the right.
    fn row(&mut self, name: &str, value: &str) {
        let y = self.y + 15.0;
        self.put(format_args!("<text x=\"0\" y=\"{y}\">{name}</text>"));
        self.put(format_args!("<text x=\"{WIDTH}\" y=\"{y}\" class=\"value\">{value}</text>"));
        let _ = write!(self.described, "{name}: {value}. ");
        self.y += ROW;
    }

    fn middle(&self) -> f64 {
        self.y - ROW + 28.0
    }

    fn bar(&mut self, from: f64, to: f64, class: &str) {
        let (x, y, width) = (MARGIN + from, self.middle() - BAR / 2.0, (to - from).max(0.5));
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" class=\"{class}\"/>"
        ));
    }

    /// A part that all have, and the rest.
    fn two_bars(&mut self, part: f64, whole: f64, own: &Measured) {
        self.bar(0.0, part, "floor");
        if whole > part {
            self.bar(part, whole, if own.way.is_ours() { "ours" } else { "others" });
        }
    }

    fn track(&mut self) {
        self.line(0.0, INNER, "track");
    }

    fn line(&mut self, from: f64, to: f64, class: &str) {
        let (from, to, y) = (MARGIN + from, MARGIN + to, self.middle());
        self.put(format_args!("<line x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{y}\" y2=\"{y}\" class=\"{class}\"/>"));
    }

    fn tick(&mut self, x: f64) {
        let (x, y) = (MARGIN + x, self.middle());
        let (top, foot) = (y - BAR / 2.0 - 2.0, y + BAR / 2.0 + 2.0);
        self.put(format_args!("<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{foot}\" class=\"tick\"/>"));
    }

    fn dot(&mut self, x: f64, class: &str) {
        let (x, y) = (MARGIN + x, self.middle());
        self.put(format_args!("<circle cx=\"{x:.1}\" cy=\"{y}\" r=\"5\" class=\"{class}\"/>"));
    }

    fn diamond(&mut self, x: f64) {
        let (x, y) = (MARGIN + x, self.middle());
        self.put(format_args!("<path d=\"M{x:.1} {y}m-7 0l7-7 7 7-7 7z\" class=\"wrong\"/>"));
    }

    /// Marks below all rows, with lines through them.
    fn axis(&mut self, marks: &[(f64, String)]) {
        let (foot, labels) = (self.y, self.y + 16.0);
        let mut lines = String::new();
        for (x, label) in marks {
            let x = MARGIN + x;
            let _ = writeln!(lines, "  <line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"20\" y2=\"{foot}\" class=\"grid\"/>");
            let anchor = if x < WIDTH / 8.0 {
                "start"
            } else if x > WIDTH * 0.9 {
                "end"
            } else {
                "middle"
            };
            let x = if anchor == "start" {
                0.0
            } else if anchor == "end" {
                WIDTH
            } else {
                x
            };
            self.put(format_args!(
                "<text x=\"{x:.1}\" y=\"{labels}\" class=\"mark\" text-anchor=\"{anchor}\">{label}</text>"
            ));
        }
        self.body.insert_str(0, &lines);
        self.y += 20.0;
    }

    fn finish(self) -> String {
        let Self { title, described, body, y } = self;
        let described = described.trim_end();
        format!("<svg viewBox=\"0 0 {WIDTH} {y}\" role=\"img\" aria-label=\"{title}. {described}\">\n{body}</svg>")
    }
}

const WIDTH: f64 = 480.0;

/// Room for half a dot at both ends.
const MARGIN: f64 = 7.0;
const INNER: f64 = WIDTH - 2.0 * MARGIN;

const ROW: f64 = 48.0;
const BAR: f64 = 12.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decade_is_as_wide_as_the_next_and_nothing_leaves_the_plot() {
        let scale = Scale::Decades { lowest: -2, highest: 6 };
        let step = scale.at(1.0) - scale.at(0.1);
        assert!((scale.at(1000.0) - scale.at(100.0) - step).abs() < 1e-9);
        for (value, at) in [(0.0, 0.0), (0.001, 0.0), (1e9, INNER)] {
            assert!((scale.at(value) - at).abs() < 1e-9, "{value}");
        }
    }
}
