//! `watchword serve`.

use std::process::ExitCode;

use super::output::line;
use super::start::{Server, log};
use crate::app::StartError;
use crate::config::Config;
use crate::setup;

pub async fn run(config: Config, env: Vec<(String, String)>) -> Result<ExitCode, StartError> {
    log(&config.log)?;
    let database = match config.database.file() {
        Some(path) => path.display().to_string(),
        None => config.database.to_string(),
    };
    let server = Server::open(config, &env).await?;
    line(format!("Listening on http://{}", server.bound));
    if let Some(url) = &server.app.config.public_url {
        line(format!("Public URL   {url}"));
    }
    line(format!("Database     {database}"));
    if let Some(address) = server.metrics_bound {
        line(format!("Metrics      http://{address}/metrics"));
    }
    if let Some(link) = setup::offer(&server.app).await? {
        line(
            "\nThere is no administrator yet. This link creates the first one; it works once, for 24 hours at most:\n",
        );
        line(format!("  {link}\n"));
    }
    server.run().await?;
    Ok(ExitCode::SUCCESS)
}
