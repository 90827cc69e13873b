//! `watchword danger-accept-lost-writes`.

use std::process::ExitCode;

use store::{Options, Store};

use super::output::line;
use super::start::wrong;
use crate::app::StartError;
use crate::config::Config;

pub async fn run(config: Config) -> Result<ExitCode, StartError> {
    if config.database.file().is_some() {
        return Err(wrong("a SQLite file has no standby that could have lost something"));
    }
    let options = Options { danger_accept_lost_writes: true, ..Options::new(config.database.0) };
    let opened = tokio::task::spawn_blocking(move || Store::open(&options)).await;
    opened.map_err(wrong)??.close().await;
    line(
        "Nodes that are started now go on with what the database has. Shortly before the failover somebody may have logged",
    );
    line(
        "out, changed a password, or used a link: end the sessions of whoever that may concern, with `watchword session end`.",
    );
    Ok(ExitCode::SUCCESS)
}
