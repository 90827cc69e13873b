//! The configuration: built-in defaults, then one TOML file, then `WATCHWORD_…` variables, then options.

mod database;
mod keys;
mod listen;
mod log;
mod overlay;
mod passwords;
mod public_url;
mod session;
mod signup;
mod throttle;
mod tokens;

use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use database::Database;
pub use keys::{Keys, PublishAhead, RotateEvery};
pub use listen::Listen;
pub use log::{Log, LogFormat};
pub use passwords::Passwords;
pub use public_url::PublicUrl;
pub use session::SessionConfig;
pub use signup::Signup;
pub use throttle::Throttle;
pub use tokens::Tokens;

/// Everything that can be configured. Each field's default serves on localhost with no configuration at all.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen, such as `127.0.0.1:8080`.
    pub listen: Listen,
    /// Where to answer `GET /metrics`, such as `127.0.0.1:9464`; nowhere unless set. Whoever reaches it learns the names of
    /// verifiers and how much goes on, and no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_listen: Option<Listen>,
    /// The database: a SQLite file, such as `sqlite:watchword.db`, or a PostgreSQL server, as `postgres://…`.
    pub database: Database,
    /// Most requests that share one commit of the database; 1 gives each a commit of its own, which is slower.
    pub group_commit: usize,
    /// The address people type, such as `https://login.example.org`. Made from `listen` when that is on loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<PublicUrl>,
    /// Allows a plain-http public URL off loopback, where anyone on the way can read every credential.
    pub danger_plain_http: bool,
    /// The file with the master key that encrypts private keys; made when absent, beside a SQLite file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_key_file: Option<PathBuf>,
    /// Networks of the reverse proxies whose `X-Forwarded-For` counts, and that may ask `/forward-auth`.
    pub trusted_proxies: Vec<IpNet>,
    /// How long sessions last.
    pub session: SessionConfig,
    /// What tokens look like and how long they last.
    pub tokens: Tokens,
    /// How signing keys follow each other.
    pub keys: Keys,
    /// What a password hash costs.
    pub passwords: Passwords,
    /// How many tries are allowed.
    pub throttle: Throttle,
    /// Whether people may make their own accounts.
    pub signup: Signup,
    /// What is logged.
    pub log: Log,
}

/// A configuration that cannot be used. The message names the key and where it was set.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// What the command line says; each wins over file and environment.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Overrides {
    /// Configuration file [default: watchword.toml, if there is one]
    #[arg(long, global = true, env = "WATCHWORD_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Database; a URL with a password is better set as WATCHWORD_DATABASE [default: sqlite:watchword.db]
    #[arg(long, global = true, value_name = "URL")]
    pub database: Option<String>,
    /// The URL that browsers and clients use [default: made from --listen]
    #[arg(long, global = true, value_name = "URL")]
    pub public_url: Option<String>,
}

impl Config {
    /// Reads and checks the effective configuration.
    pub fn load(overrides: &Overrides, env: &[(String, String)]) -> Result<Self, ConfigError> {
        let named = overrides.config.as_deref();
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && named.is_none() => String::new(),
            Err(e) => return Err(ConfigError(format!("cannot read the configuration file {}: {e}", path.display()))),
        };
        Self::from_parts(&text, path, env, overrides)
    }

    fn from_parts(
        text: &str,
        path: &Path,
        env: &[(String, String)],
        overrides: &Overrides,
    ) -> Result<Self, ConfigError> {
        // Parsed alone first, so that an error names the file's own key and line.
        let wrong = |error: toml::de::Error| ConfigError(format!("{}: {}", path.display(), explain(&error, text)));
        let _: Self = toml::from_str(text).map_err(wrong)?;
        let mut table: toml::Table = text.parse().map_err(wrong)?;
        overlay::environment(&mut table, env)?;
        for (key, value) in
            [("listen", &overrides.listen), ("database", &overrides.database), ("public_url", &overrides.public_url)]
        {
            if let Some(value) = value {
                overlay::set(&mut table, &[key], value.clone().into(), &format!("--{}", key.replace('_', "-")))?;
            }
        }
        let config: Self = table.try_into().map_err(|e| ConfigError(e.to_string().trim().to_owned()))?;
        config.check()
    }

    fn check(self) -> Result<Self, ConfigError> {
        self.session.check()?;
        self.tokens.check()?;
        self.keys.check()?;
        self.passwords.check()?;
        self.throttle.check()?;
        if !(1..=4096).contains(&self.group_commit) {
            return Err(ConfigError("group_commit: must be 1 to 4096".to_owned()));
        }
        if let Some(url) = &self.public_url {
            url.check(self.danger_plain_http)?;
        } else if !self.listen.is_loopback() {
            return Err(ConfigError(format!(
                "public_url: {} can be reached from other machines, so say which URL people will use: \
                 --public-url https://login.example.org",
                self.listen
            )));
        }
        Ok(self)
    }

    /// The public URL, made from the address that was bound when none is configured.
    pub fn public_url(&self, bound: std::net::SocketAddr) -> PublicUrl {
        self.public_url.clone().unwrap_or_else(|| PublicUrl::of_listener(bound))
    }

    /// The master key's file: beside a SQLite file, and in the current folder when the database is on a server.
    pub fn master_key_file(&self) -> PathBuf {
        let beside = || match self.database.file() {
            Some(file) => file.with_extension("key"),
            None => PathBuf::from(DEFAULT_KEY_FILE),
        };
        self.master_key_file.clone().unwrap_or_else(beside)
    }

    /// The effective configuration as a file, secrets masked.
    pub fn display(&self) -> String {
        toml::to_string(self).expect("every section serializes")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            metrics_listen: None,
            database: Database::of_file("watchword.db"),
            group_commit: 256,
            public_url: None,
            danger_plain_http: false,
            master_key_file: None,
            trusted_proxies: Vec::new(),
            session: SessionConfig::default(),
            tokens: Tokens::default(),
            keys: Keys::default(),
            passwords: Passwords::default(),
            throttle: Throttle::default(),
            signup: Signup::default(),
            log: Log::default(),
        }
    }
}

/// The error with its line and what stands there; without the latter where that may be a URL with a password.
fn explain(error: &toml::de::Error, text: &str) -> String {
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return error.to_string() };
    let number = before.matches('\n').count();
    match text.lines().nth(number) {
        Some(line) if line.contains('@') => format!("line {}: {}", number + 1, error.message()),
        _ => error.to_string(),
    }
}

/// The configuration file that is read, if it is there, unless another is named.
pub const DEFAULT_FILE: &str = "watchword.toml";

const DEFAULT_KEY_FILE: &str = "watchword.key";

#[cfg(test)]
mod tests;
