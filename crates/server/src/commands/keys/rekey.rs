//! Everything under a new master key.

use std::process::ExitCode;

use crate::app::StartError;
use crate::commands::output::line;
use crate::commands::start::existing;
use crate::config::Config;
use crate::keyring::{self, Exchanged, MASTER_KEY_VARIABLE, NEW_MASTER_KEY_VARIABLE};

/// Works with a shared secret, too.
pub(super) async fn run(config: &Config, env: &[(String, String)]) -> Result<ExitCode, StartError> {
    let store = existing(config).await?;
    let exchanged = keyring::rekey(config, env, &store).await;
    store.close().await;
    match exchanged? {
        Exchanged::File(path) => {
            line(format!("Everything is encrypted under a new master key, which is in {}.", path.display()));
            line("A running server on this machine goes on by itself; other machines need a copy of the file.");
        }
        Exchanged::Variable => {
            line(format!("Everything is encrypted under the value of {NEW_MASTER_KEY_VARIABLE}."));
            line(format!(
                "Now set {MASTER_KEY_VARIABLE} to it wherever the server runs, remove {NEW_MASTER_KEY_VARIABLE}, and \
                 restart within {}: a server that has only the old value goes on until another key takes over.",
                config.keys.publish_ahead.0
            ));
        }
    }
    line("Nobody is logged out. Older copies of the database need the old master key; keep it with them.");
    Ok(ExitCode::SUCCESS)
}
