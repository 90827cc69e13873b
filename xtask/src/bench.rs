//! `cargo xtask bench`: figures, on loopback and bounded in time.

use std::path::absolute;

use clap::Subcommand;

use crate::place::cargo;
use crate::steps::Step;
use crate::test::passes;

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// The whole server: requests per second by cookie, by Bearer, for refresh and login, beside its own floor
    Server,
    /// Signing and verifying a token, in time and in memory, beside the bare primitive and two other libraries
    Token {
        /// For programs: one JSON object on each line
        #[arg(long)]
        json: bool,
    },
    /// One check from memory: a token seen before, with up to a million sessions revoked
    Verifier,
    /// How soon a session that was ended is refused everywhere, with many verifiers under load; and what an entry weighs.
    /// `--help` says what it can be told
    #[command(disable_help_flag = true)]
    Forgetting {
        /// For the measurement itself, such as `--verifiers 64 --rate 200 --seconds 20 --database postgres --cut --json`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// The revoked set alone: time and memory with up to ten million entries
    Revoked,
    /// The store on either database: logins, refreshes and reads per second beside the database alone, how soon a
    /// revocation is known to another node, and what sessions cost and weigh when there are many
    Store {
        /// With five million sessions too; takes up to half an hour, and 8 GB of disk
        #[arg(long)]
        large: bool,
    },
}

impl Bench {
    pub(crate) fn steps(self) -> Vec<Step> {
        let arguments: &'static [&'static str] = match self {
            Self::Server => &["bench", "--package", "watchword", "--bench", "server"],
            Self::Token { json } => &TOKEN[..TOKEN.len() - if json { 0 } else { 2 }],
            Self::Verifier => &["bench", "--package", "watchword-verifier", "--bench", "check"],
            Self::Revoked => &["bench", "--package", "watchword-verifier", "--bench", "revoked"],
            Self::Forgetting { options } => return forgetting(options),
            Self::Store { large } => &STORE[..STORE.len() - if large { 0 } else { 2 }],
        };
        vec![Step::new("bench", move || passes(cargo(arguments)))]
    }
}

/// The measurement with its options, and then the set alone.
fn forgetting(mut options: Vec<String>) -> Vec<Step> {
    // Cargo runs it in another folder.
    draw_from_here(&mut options);
    let has = |option: &str| options.iter().any(|own| own == option);
    let (asks_for_help, is_json) = (has("--help"), has("--json"));
    let mut steps = vec![Step::new("forgetting", move || {
        let mut bench = cargo(&["bench", "--package", "watchword", "--bench", "forgetting", "--"]);
        bench.args(options);
        passes(bench)
    })];
    if !asks_for_help {
        steps.push(Step::new("the revoked set", move || passes(cargo(&BRIEF[..BRIEF.len() - usize::from(!is_json)]))));
    }
    steps
}

/// Makes the path of the picture one that holds in any folder, in either way to write the option.
fn draw_from_here(options: &mut [String]) {
    for at in 0..options.len() {
        let (name, path) = match options[at].strip_prefix("--svg=") {
            Some(path) => ("--svg=", path),
            None if at > 0 && options[at - 1] == "--svg" => ("", options[at].as_str()),
            None => continue,
        };
        if let Ok(from_here) = absolute(path) {
            options[at] = format!("{name}{}", from_here.display());
        }
    }
}

const BRIEF: &[&str] = &["bench", "--package", "watchword-verifier", "--bench", "revoked", "--", "--brief", "--json"];

const STORE: &[&str] = &["bench", "--package", "watchword-store", "--bench", "store", "--", "--large"];

const TOKEN: &[&str] =
    &["bench", "--package", "watchword-verifier", "--bench", "token", "--bench", "allocations", "--", "--json"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_drawn_where_one_was_when_asking_for_it() {
        let here = absolute("a.svg").unwrap().display().to_string();
        let mut options = ["--cut", "--svg", "a.svg", "--svg=a.svg", "a.svg"].map(str::to_owned);
        draw_from_here(&mut options);
        assert_eq!(options, ["--cut", "--svg", &here, &format!("--svg={here}"), "a.svg"]);
    }
}
