//! The histogram as a picture that stands alone, on light and on dark ground.

use std::fmt::Write;

use crate::histogram::{Histogram, milliseconds};

/// What is drawn.
pub struct Picture {
    pub title: String,
    pub subtitle: String,
    /// Up to two, drawn side by side.
    pub series: Vec<(String, Histogram)>,
    /// Lines across, in milliseconds, with their names.
    pub marks: Vec<(f64, String)>,
}

impl Picture {
    pub fn draw(&self) -> String {
        let most = self.series.iter().flat_map(|(_, histogram)| &histogram.counts).max().copied().unwrap_or(1).max(1);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-labelledby=\"title description\">\n<title id=\"title\">{}</title>\n\
             <desc id=\"description\">{}</desc>\n<style>{STYLE}</style>\n\
             <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
             <text class=\"title\" x=\"{LEFT}\" y=\"34\">{}</text>\n<text x=\"{LEFT}\" y=\"56\">{}</text>\n",
            self.title, self.subtitle, self.title, self.subtitle
        );
        axes(&mut svg, most);
        for (number, (_, histogram)) in self.series.iter().enumerate() {
            bars(&mut svg, (number, self.series.len()), histogram, most);
        }
        self.marks(&mut svg);
        self.legend(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn marks(&self, svg: &mut String) {
        for (number, (at, name)) in self.marks.iter().enumerate() {
            let (x, y) = (x(Histogram::place(*at)), TOP + 14.0 * number as f64);
            let _ = writeln!(
                svg,
                "<path class=\"mark\" d=\"M{x:.1} {y:.1}V{BOTTOM}\"/><text class=\"name\" x=\"{:.1}\" y=\"{:.1}\">{name} {}</text>",
                x + 4.0,
                y + 9.0,
                milliseconds(*at) + " ms"
            );
        }
    }

    fn legend(&self, svg: &mut String) {
        for (number, (name, _)) in self.series.iter().enumerate() {
            let x = LEFT + 400.0 * number as f64;
            let _ = writeln!(
                svg,
                "<rect class=\"series{number}\" x=\"{x}\" y=\"{}\" width=\"12\" height=\"12\"/><text x=\"{}\" y=\"{}\">{name}</text>",
                LEGEND - 10.0,
                x + 18.0,
                LEGEND
            );
        }
    }
}

fn axes(svg: &mut String, most: usize) {
    let step = step(most);
    for count in (0..=most).step_by(step) {
        let y = BOTTOM - HIGH * count as f64 / most as f64;
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/><text class=\"end\" x=\"{}\" y=\"{:.1}\">{count}</text>",
            LEFT - 8.0,
            y + 4.0
        );
    }
    let ticks = (-1..=5).map(|power: i32| 10f64.powi(power));
    for at in ticks {
        let x = x(Histogram::place(at));
        let text = if at < 1_000.0 { format!("{at} ms") } else { format!("{} s", at / 1_000.0) };
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{x:.1} {BOTTOM}v5\"/><text class=\"middle\" x=\"{x:.1}\" y=\"{}\">{text}</text>",
            BOTTOM + 20.0
        );
    }
    let _ = writeln!(
        svg,
        "<text class=\"middle\" x=\"{:.1}\" y=\"{}\">before</text>\n\
         <text class=\"middle\" x=\"{}\" y=\"{}\">after the acknowledgement (logarithmic)</text>\n\
         <text class=\"middle\" transform=\"translate(18 {}) rotate(-90)\">sessions</text>",
        x(0.5),
        BOTTOM + 20.0,
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 44.0,
        BOTTOM - HIGH / 2.0
    );
}

/// The bars of one series of several.
fn bars(svg: &mut String, (number, of): (usize, usize), histogram: &Histogram, most: usize) {
    for (bin, count) in histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let high = (HIGH * *count as f64 / most as f64).max(1.5);
        let wide = (x(1.0) - x(0.0) - 2.0) / of as f64;
        let left = x(bin as f64) + 1.0 + wide * number as f64;
        let until =
            if bin == 0 { "before".to_owned() } else { format!("up to {} ms", milliseconds(Histogram::end(bin))) };
        let _ = writeln!(
            svg,
            "<rect class=\"series{number}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{high:.1}\"><title>{until}: {count}</title></rect>",
            BOTTOM - high
        );
        let (middle, above) = (left + wide / 2.0, BOTTOM - high - 4.0);
        let turned = if of > 1 { format!(" transform=\"rotate(-60 {middle:.1} {above:.1})\"") } else { String::new() };
        let class = if of > 1 { "count turned" } else { "count" };
        let _ = writeln!(svg, "<text class=\"{class}\" x=\"{middle:.1}\" y=\"{above:.1}\"{turned}>{count}</text>");
    }
}

/// How far apart the lines of the grid are: a few, at round numbers.
fn step(most: usize) -> usize {
    let power = 10usize.pow(most.max(1).ilog10());
    [power / 5, power / 2, power, power * 2].into_iter().find(|step| *step > 0 && most / step <= 5).unwrap_or(power * 2)
}

fn x(bins: f64) -> f64 {
    LEFT + bins * (RIGHT - LEFT) / Histogram::BINS as f64
}

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 960.0;
const LEGEND: f64 = 82.0;
const TOP: f64 = 100.0;
const BOTTOM: f64 = 380.0;
const HIGH: f64 = 220.0;

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:18px;font-weight:600}\
.middle{text-anchor:middle}.end{text-anchor:end}.count{text-anchor:middle;font-size:9.5px}.turned{text-anchor:start}.ground{fill:#fff}\
.grid{stroke:#ccc;stroke-width:1;fill:none}.series0{fill:#2b6cb0}.series1{fill:#dd8a1f}\
.mark{stroke:#b83280;stroke-width:1.2;stroke-dasharray:4 3;fill:none}.name{font-size:11px;fill:#97266d}\
@media(prefers-color-scheme:dark){text{fill:#ddd}.ground{fill:#16181d}.grid{stroke:#444}.series0{fill:#63a4e8}\
.series1{fill:#f0a94b}.mark{stroke:#f687b3}.name{fill:#f9a8d4}}";
