//! `watchword verifier`: programs that may follow the revocations.

use std::process::ExitCode;

use serde::Serialize;

use super::output::{json, line, table};
use super::start::{existing, wrong};
use crate::app::StartError;
use crate::clock::Clock;
use crate::config::Config;
use crate::moments::moment;
use crate::revocation_feed::{is_name, new_credential};

#[derive(clap::Subcommand)]
pub enum Verifier {
    /// Let a program follow the revocations, and print its credential, once
    Add {
        /// What to call it: letters, digits and `-._`
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List them
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a program's credential back
    Remove {
        /// What it is called
        name: String,
    },
}

#[derive(Serialize)]
struct Added<'a> {
    name: &'a str,
    credential: &'a str,
}

#[derive(Serialize)]
struct Row {
    name: String,
    created_at: i64,
}

pub async fn run(command: Verifier, config: &Config) -> Result<ExitCode, StartError> {
    let store = existing(config).await?;
    match command {
        Verifier::Add { name, json: as_json } => {
            if !is_name(&name) {
                return Err(wrong(format!("`{name}` is not a name: it takes 1 to 64 letters, digits and `-._`")));
            }
            let now = Clock::of(&store).await?.now();
            let (credential, hash) = new_credential();
            if !store.add_verifier(name.clone(), hash, now).await? {
                return Err(wrong(format!(
                    "there is a verifier `{name}` already; choose another name, or `watchword verifier remove {name}` first"
                )));
            }
            if as_json {
                json(&Added { name: &name, credential: &credential });
            } else {
                line(format!("{credential}\n"));
                line(
                    "This is shown once. Give it to the program as an environment variable or in a file, not on a command line.",
                );
            }
        }
        Verifier::List { json: as_json } => {
            let all = store.verifiers().await?;
            if as_json {
                let rows = all.into_iter().map(|one| Row { name: one.name, created_at: one.created_at.0 });
                json(&rows.collect::<Vec<_>>());
            } else if all.is_empty() {
                line("There are none; `watchword verifier add NAME` makes one.");
            } else {
                let rows: Vec<_> = all.into_iter().map(|one| [one.name, moment(one.created_at)]).collect();
                table(["NAME", "ADDED"], &rows);
            }
        }
        Verifier::Remove { name } => {
            if !store.remove_verifier(name.clone()).await? {
                return Err(wrong(format!("there is no verifier `{name}`; `watchword verifier list` shows all")));
            }
            line("Removed. Its next question is refused, and a stream of its ends within five minutes.");
        }
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}
