//! `watchword migrate` and `watchword reopen`: the installation goes from one database to another, or stays after all.

mod progress;

use std::process::ExitCode;

use store::{Moved, Transfer};

use super::output::{line, table};
use super::start::wrong;
use crate::app::StartError;
use crate::config::{Config, Database};
use crate::keyring::MASTER_KEY_VARIABLE;
use progress::Bar;

#[derive(clap::Args)]
pub struct Migrate {
    /// Where the installation is [default: the configured database]
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// Where it is to be: an empty database. A URL with a password is better set as WATCHWORD_DATABASE
    /// [default: the configured database]
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

#[derive(clap::Args)]
pub struct Reopen {
    /// Even if the installation was moved for good: what was logged out or changed at its new place is not known here
    #[arg(long)]
    danger_although_moved: bool,
}

pub async fn run(migrate: Migrate, config: &Config, env: &[(String, String)]) -> Result<ExitCode, StartError> {
    if migrate.from.is_none() && migrate.to.is_none() {
        return Err(wrong("say where the installation is with --from, or where it is to be with --to"));
    }
    let place = |url: Option<String>| url.map_or_else(|| Ok(config.database.clone()), Database::try_from);
    let (from, to) = (place(migrate.from).map_err(wrong)?, place(migrate.to).map_err(wrong)?);
    let transfer = Transfer { from: from.0.clone(), to: to.0 };
    let id = crate::random::bytes();
    let moved = tokio::task::spawn_blocking(move || {
        let mut bar = Bar::new();
        let moved = transfer.run(id, &mut |progress| bar.show(progress));
        bar.end();
        moved
    });
    let moved = moved.await.map_err(|error| wrong(format!("the move was broken off: {error}")))??;
    explain(&moved);
    let key = if env.iter().any(|(name, _)| name == MASTER_KEY_VARIABLE) {
        format!("the same {MASTER_KEY_VARIABLE}")
    } else {
        let file = Config { database: from, ..config.clone() }.master_key_file();
        let file = std::path::absolute(&file).unwrap_or(file);
        format!("the same master key (master_key_file = '{}')", file.display())
    };
    line(format!("Start the server with that database, {key}, and the same public URL."));
    Ok(ExitCode::SUCCESS)
}

pub async fn reopen(reopen: Reopen, config: &Config) -> Result<ExitCode, StartError> {
    let (database, danger) = (config.database.0.clone(), reopen.danger_although_moved);
    let opened = tokio::task::spawn_blocking(move || store::reopen(&database, danger));
    opened.await.map_err(|error| wrong(format!("reopening was broken off: {error}")))??;
    line(format!("{} is open again.", config.database));
    Ok(ExitCode::SUCCESS)
}

fn explain(moved: &Moved) {
    if moved.tables.is_empty() {
        line("An earlier attempt had copied everything; what was left to do is done.");
    } else {
        let cells = moved.tables.iter().map(|table| [table.table.into(), table.rows.to_string(), table.sha256.clone()]);
        table(["TABLE", "ROWS", "SHA-256, THE SAME ON BOTH SIDES"], &cells.collect::<Vec<_>>());
    }
    line(format!("\nMoved from {}\nto         {}\n", moved.from, moved.to));
    line("The old database stays closed, and a server that ran on it has ended.");
}
