//! Prints figures: for people as a table, with `--json` for programs, one object on each line.

use serde_json::json;

use crate::contest::Contest;

pub(crate) struct Table {
    unit: &'static str,
    member: &'static str,
    is_json: bool,
    heading: &'static str,
}

/// `cargo test --benches` and the like pass flags of their own; only `cargo bench` means it.
pub(crate) fn is_meant() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

impl Table {
    /// `unit` is for people, `member` for programs.
    pub(crate) fn new(unit: &'static str, member: &'static str) -> Self {
        Self { unit, member, is_json: std::env::args().any(|argument| argument == "--json"), heading: "" }
    }

    /// The figures of each rival; under a heading where the operation is another one than before.
    pub(crate) fn row(&mut self, contest: &Contest, figures: &[f64]) {
        let floor = figures[0];
        if self.is_json {
            for (rival, figure) in contest.rivals.iter().zip(figures) {
                let ratio = (floor > 0.0).then(|| figure / floor);
                println!(
                    "{}",
                    json!({
                        "operation": contest.operation, "algorithm": contest.algorithm, "rival": rival.name,
                        self.member: figure, "ratio": ratio,
                    })
                );
            }
            return;
        }
        if self.heading != contest.operation {
            self.heading = contest.operation;
            let names = contest.rivals.iter().map(|rival| format!("{:>19}", rival.name));
            println!("\n{:<8}{} in {}", contest.operation, names.collect::<String>(), self.unit);
        }
        let cells = figures.iter().enumerate().map(|(index, figure)| match (self.member, index) {
            ("bytes", _) => format!("{figure:>19}"),
            (_, 0) => format!("{figure:>19.3}"),
            _ => format!("{figure:>11.3} {:>7}", format!("×{:.3}", figure / floor)),
        });
        println!("{:<8}{}", contest.algorithm, cells.collect::<String>());
    }
}
