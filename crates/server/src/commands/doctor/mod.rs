//! `watchword doctor`: looks at everything an installation depends on, changes nothing, and says what to do.

mod configuration;
mod database;
mod files;
mod finding;
mod keys;
mod machine;
mod proxy;

use std::path::Path;
use std::process::ExitCode;

use domain::UnixMillis;
use store::Inspection;

use crate::clock::Clock;
use crate::config::{Config, ConfigError, DEFAULT_FILE, Overrides};
use crate::keyring;
use finding::Finding;

#[derive(clap::Args)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Also ask the running server, by the URL that browsers use [default: not asked]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// Exit code 0: all is well; 1: something could be better; 2: something is wrong.
pub async fn run(
    doctor: Doctor,
    config: Result<Config, ConfigError>,
    overrides: &Overrides,
    env: &[(String, String)],
) -> ExitCode {
    let mut findings = Vec::new();
    match config {
        Ok(config) => {
            findings.push(Finding::ok("configuration", "can be read"));
            findings.extend(examine(&config, overrides, env).await);
            if let Some(url) = &doctor.url {
                findings.extend(proxy::ask(url, &config).await);
            }
        }
        Err(error) => findings.push(Finding::problem(
            "configuration",
            error.to_string(),
            "mend that first: nothing else was checked",
        )),
    }
    ExitCode::from(finding::show(&findings, doctor.json))
}

async fn examine(config: &Config, overrides: &Overrides, env: &[(String, String)]) -> Vec<Finding> {
    let mut findings = configuration::judge(config, env);
    let file = overrides.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    let holds_password =
        config.database.file().is_none() && std::fs::read_to_string(file).is_ok_and(|text| text.contains("postgres"));
    findings.extend(files::configuration(file, holds_password));
    if let Some(path) = config.database.file() {
        match files::Place::of(path) {
            Ok(place) => findings.extend(files::judge(&place)),
            Err(error) => findings.push(Finding::problem(
                "database folder",
                format!("that of {}: {error}", path.display()),
                "create it, for the server's user alone: mkdir -m 700",
            )),
        }
    }
    let now = Clock::wall();
    findings.extend(data(config, env, now).await);
    let passwords = config.passwords.clone();
    match tokio::task::spawn_blocking(move || machine::Cost::measured(&passwords)).await {
        Ok(cost) => findings.extend(machine::judge(cost)),
        Err(error) => findings.push(Finding::problem("password hashing", error.to_string(), "give it more memory")),
    }
    findings
}

/// The database and what is in it.
async fn data(config: &Config, env: &[(String, String)], now: UnixMillis) -> Vec<Finding> {
    if config.database.file().is_some_and(|path| !path.exists()) {
        let is = format!("there is none at {} yet; the first start makes it", config.database);
        return vec![Finding::ok("database", is), keys::master(keyring::find_master(config, env, None), false)];
    }
    let database = config.database.0.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let found = store::inspect(&database, now);
        // Again, since looking at a server far away takes its time.
        (found, Clock::wall())
    });
    let Ok((found, then)) = looked.await else {
        return vec![Finding::problem("database", "looking at it failed", "report this as a mistake in Watchword")];
    };
    let found: Inspection = match found {
        Ok(found) => found,
        Err(error) => return vec![database::unreachable(&error)],
    };
    let mut findings = database::judge(&found, UnixMillis(now.0.midpoint(then.0)));
    let check = found.kept.as_ref().and_then(|kept| kept.master);
    findings.push(keys::master(keyring::find_master(config, env, check), check.is_some()));
    if let Some(kept) = &found.kept {
        findings.push(keys::clock(kept, now));
        findings.extend(keys::signing(&kept.keys, config.keys.schedule(&config.tokens).as_ref(), now));
    }
    findings
}
