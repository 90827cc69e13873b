//! `watchword config`.

use std::process::ExitCode;

use super::output::line;
use crate::app::StartError;
use crate::config::Config;

#[expect(clippy::unnecessary_wraps, reason = "every command answers alike")]
pub fn run(config: &Config) -> Result<ExitCode, StartError> {
    line("# The effective configuration: defaults, file, environment and options together.");
    line("# Each key can be set as WATCHWORD_<SECTION>_<KEY>. Secrets come from the environment or from files.\n");
    line(config.display().trim_end());
    Ok(ExitCode::SUCCESS)
}
