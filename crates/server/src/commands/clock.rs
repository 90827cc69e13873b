//! `watchword danger-reset-clock`.

use std::process::ExitCode;

use super::output::line;
use super::start::existing;
use crate::app::StartError;
use crate::clock::Clock;
use crate::config::Config;
use crate::moments::moment;

pub async fn run(config: &Config) -> Result<ExitCode, StartError> {
    let store = existing(config).await?;
    let now = store.time().await?.unwrap_or_else(Clock::wall);
    store.danger_reset_clock_floor(now).await?;
    store.close().await;
    line(format!("The database now takes {} for the latest time it has seen.", moment(now)));
    Ok(ExitCode::SUCCESS)
}
