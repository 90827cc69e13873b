//! `watchword token inspect`: what a token says, in words, and whether its signature is ours.

use std::io::Read;
use std::process::ExitCode;

use domain::UnixMillis;
use serde::Serialize;
use serde_json::Value;
use token::{Inspection, KeySet, SigningKey};

use super::output::{json, line};
use super::start::existing;
use crate::app::StartError;
use crate::clock::Clock;
use crate::config::Config;
use crate::moments::{ago, moment, until};

#[derive(clap::Subcommand)]
pub enum TokenCommand {
    /// Show header, claims and times of a JWT, and whether its signature is valid
    Inspect(Inspect),
}

#[derive(clap::Args)]
pub struct Inspect {
    /// The token; `-` or nothing reads it from standard input, which keeps it out of the shell's history
    token: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Printed<'a> {
    header: &'a Value,
    claims: &'a Value,
    signature: &'a str,
    verified: bool,
}

pub async fn run(inspect: Inspect, config: &Config, env: &[(String, String)]) -> Result<ExitCode, StartError> {
    let text = match inspect.token {
        Some(text) if text != "-" => text,
        _ => read_stdin()?,
    };
    if text.starts_with("wwr_") {
        return Err(StartError::System(
            "this is a refresh token: it says nothing to anybody but the server. Inspect an access token instead"
                .into(),
        ));
    }
    let seen = token::inspect(&text).map_err(|e| StartError::System(format!("this is not a JWT: {e}")))?;
    let checked = check(&text, &seen, config, env).await?;
    let verdict = match &checked {
        Ok(kid) => format!("valid, by our key {kid}"),
        Err(why) => format!("NOT verified: {why}"),
    };
    if inspect.json {
        let (header, claims) = (&seen.header, &seen.claims);
        json(&Printed { header, claims, signature: &verdict, verified: checked.is_ok() });
    } else {
        explain(&seen, &verdict);
    }
    Ok(if checked.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The key that made the signature, or why none of ours did.
async fn check(
    text: &str,
    seen: &Inspection,
    config: &Config,
    env: &[(String, String)],
) -> Result<Result<String, String>, StartError> {
    let keys = known_keys(config, env).await?;
    let Some(kid) = seen.header["kid"].as_str() else { return Ok(Err("the header names no key (kid)".to_owned())) };
    let Some(key) = keys.get(kid) else {
        let place = &config.database;
        return Ok(Err(format!("the key {kid} is not one of those in {place}; was it issued by another server?")));
    };
    Ok(token::jws::verify(text, key).map(|_| kid.to_owned()).map_err(|refused| refused.to_string()))
}

async fn known_keys(config: &Config, env: &[(String, String)]) -> Result<KeySet, StartError> {
    if config.tokens.algorithm == "HS256" {
        let mut keys = KeySet::new();
        let secret = config.tokens.secret(env)?;
        let inserted = keys.insert(SigningKey::from_secret(&secret).verifying_key());
        inserted.map_err(|e| StartError::System(e.to_string()))?;
        return Ok(keys);
    }
    // Looking into a token must not make a database.
    if config.database.file().is_some_and(|path| !path.exists()) {
        return Ok(KeySet::new());
    }
    let store = match existing(config).await {
        Err(StartError::Open(store::OpenError::Empty(_))) => return Ok(KeySet::new()),
        opened => opened?,
    };
    let jwks: Vec<Value> =
        store.keys().await?.iter().filter_map(|key| serde_json::from_str(key.public_jwk.as_deref()?).ok()).collect();
    store.close().await;
    let text = serde_json::json!({ "keys": jwks }).to_string();
    KeySet::from_jwks(text.as_bytes()).map_err(|e| StartError::System(e.to_string()))
}

fn read_stdin() -> Result<String, StartError> {
    let mut text = String::new();
    let read = std::io::stdin().take(64 * 1024).read_to_string(&mut text);
    read.map_err(|e| StartError::System(format!("cannot read the token from standard input: {e}")))?;
    Ok(text.trim().to_owned())
}

fn explain(seen: &Inspection, verdict: &str) {
    let now = Clock::wall();
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    line(format!("Header\n{}\n\nClaims\n{}\n", pretty(&seen.header), pretty(&seen.claims)));
    let times: Vec<String> = TIMES
        .iter()
        .filter_map(|(name, meaning)| {
            let at = UnixMillis(seen.claims[*name].as_i64()?.checked_mul(1000)?);
            let relative = if at > now { until(at, now) } else { ago(at, now) };
            Some(format!("  {meaning:<14} {}, {relative}", moment(at)))
        })
        .collect();
    if !times.is_empty() {
        line(format!("Times\n{}\n", times.join("\n")));
    }
    line(format!("Signature ({} bytes)\n  {verdict}\n", seen.signature_len));
    line("A JWT is signed, not encrypted: whoever holds it can read all of the above.");
}

const TIMES: [(&str, &str); 4] =
    [("iat", "issued"), ("nbf", "not before"), ("auth_time", "authenticated"), ("exp", "expires")];
