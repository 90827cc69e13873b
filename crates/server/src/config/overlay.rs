//! `WATCHWORD_…` variables laid over the file: `WATCHWORD_SESSION_IDLE=8h` is `idle` in `[session]`.

use toml::{Table, Value};

use super::{Config, ConfigError};

/// Lays each variable over `table`. An unknown `WATCHWORD_` variable is an error, like an unknown key.
pub(super) fn environment(table: &mut Table, env: &[(String, String)]) -> Result<(), ConfigError> {
    for (name, text) in env {
        let Some(key) = name.strip_prefix("WATCHWORD_") else { continue };
        if NOT_KEYS.contains(&name.as_str()) || is_service_link(key) {
            continue;
        }
        let path = path_of(&key.to_ascii_lowercase())
            .ok_or_else(|| ConfigError(format!("{name}: there is no such setting; `watchword config` lists them")))?;
        set(table, &path, value(&path, text), name)?;
    }
    Ok(())
}

/// Sets one key and checks that the result still reads, so that an error names its `source`.
pub(super) fn set(table: &mut Table, path: &[&str], value: Value, source: &str) -> Result<(), ConfigError> {
    let mut alone = Table::new();
    put(&mut alone, path, value.clone());
    let read: Result<Config, _> = alone.try_into();
    read.map_err(|e| ConfigError(format!("{source}: {}", e.message())))?;
    put(table, path, value);
    Ok(())
}

fn put(table: &mut Table, path: &[&str], value: Value) {
    match path {
        [key] => drop(table.insert((*key).to_owned(), value)),
        [section, key] => {
            let entry = table.entry((*section).to_owned()).or_insert_with(|| Table::new().into());
            if let Value::Table(inner) = entry {
                inner.insert((*key).to_owned(), value);
            }
        }
        _ => {}
    }
}

/// Kubernetes gives every container such variables for a service called `watchword`.
fn is_service_link(key: &str) -> bool {
    key == "PORT" || key.starts_with("PORT_") || key.starts_with("SERVICE_")
}

/// The key that a variable means: a top-level one, or a section's.
fn path_of(key: &str) -> Option<Vec<&'static str>> {
    KEYS.iter().find(|path| path.join("_") == key).map(|path| path.to_vec())
}

/// Numbers and booleans as such, lists by commas, everything else as text.
fn value(path: &[&str], text: &str) -> Value {
    if path == ["trusted_proxies"] {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        return Value::Array(items.map(Value::from).collect());
    }
    match (text.parse::<i64>(), text.parse::<bool>()) {
        (Ok(number), _) => number.into(),
        (_, Ok(yes)) => yes.into(),
        _ => text.into(),
    }
}

/// Variables that are not settings: the file's own name, and secrets that never stand in a file.
const NOT_KEYS: [&str; 5] = [
    "WATCHWORD_CONFIG",
    crate::archive::PASSWORD_VARIABLE,
    super::tokens::SECRET_VARIABLE,
    crate::keyring::MASTER_KEY_VARIABLE,
    crate::keyring::NEW_MASTER_KEY_VARIABLE,
];

/// Every key, spelled out because optional ones have no default to be found by. A test holds it against [`Config`].
pub(super) const KEYS: &[&[&str]] = &[
    &["listen"],
    &["metrics_listen"],
    &["database"],
    &["group_commit"],
    &["public_url"],
    &["danger_plain_http"],
    &["master_key_file"],
    &["trusted_proxies"],
    &["session", "idle"],
    &["session", "absolute"],
    &["session", "bound"],
    &["tokens", "algorithm"],
    &["tokens", "profile"],
    &["tokens", "audience"],
    &["tokens", "access_lifetime"],
    &["tokens", "refresh_grace"],
    &["tokens", "secret_file"],
    &["keys", "rotate_every"],
    &["keys", "publish_ahead"],
    &["passwords", "memory_kib"],
    &["passwords", "iterations"],
    &["passwords", "parallelism"],
    &["passwords", "concurrent"],
    &["throttle", "account_burst"],
    &["throttle", "account_every"],
    &["throttle", "address_burst"],
    &["throttle", "address_every"],
    &["signup", "enabled"],
    &["log", "filter"],
    &["log", "format"],
];
