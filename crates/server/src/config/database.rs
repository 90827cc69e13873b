//! `database`: a SQLite file or a PostgreSQL server. The password of a server's URL is shown to nobody.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where data is kept. Shown and serialized with the password masked.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Database(pub store::Database);

impl Database {
    /// The SQLite file at `path`.
    pub fn of_file(path: impl Into<PathBuf>) -> Self {
        Self(store::Database::File(path.into()))
    }

    /// The SQLite file, unless it is a server.
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            store::Database::File(path) => Some(path),
            store::Database::Server(_) => None,
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            store::Database::File(path) => write!(f, "sqlite:{}", path.display()),
            store::Database::Server(url) => write!(f, "{url}"),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl TryFrom<String> for Database {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let url: store::PostgresUrl = text.parse().map_err(|error| format!("database: {error}"))?;
            return Ok(Self(store::Database::Server(Box::new(url))));
        }
        let path = text.strip_prefix("sqlite:").unwrap_or(&text);
        if path.contains("://") || path.is_empty() {
            // Not repeated: a URL with a mistake may hold a password all the same.
            let known = "write sqlite:path/to/watchword.db or postgres://user:password@host:5432/database";
            return Err(format!("database: neither a SQLite file nor a PostgreSQL server; {known}"));
        }
        Ok(Self::of_file(path))
    }
}

impl From<Database> for String {
    fn from(database: Database) -> Self {
        database.to_string()
    }
}
