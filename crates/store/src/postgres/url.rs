//! The URL of a PostgreSQL server. It holds a password, which is shown to nobody.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// Where a PostgreSQL server is and how to log in to it, as `postgres://user:password@host:port/database?sslmode=…`.
///
/// Shown with the password masked.
#[derive(Clone)]
pub struct PostgresUrl {
    config: Config,
    roots: Roots,
    is_verified: bool,
    shown: String,
}

/// Which certificates vouch for the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those that the operating system trusts.
    System,
    /// Those in this PEM file.
    File(PathBuf),
}

/// Why a text is not such a URL. It says nothing of the text's values.
#[derive(Debug, thiserror::Error)]
#[error("not a PostgreSQL URL: {0}. Write postgres://user:password@host:5432/database")]
pub struct UrlError(String);

impl PostgresUrl {
    /// Whether somebody on the way to the server could take its place unnoticed: it is on another machine, and the URL
    /// asks for less than `sslmode=verify-full`.
    pub fn is_open_to_others(&self) -> bool {
        !self.is_verified && !is_near(&self.config)
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Whether the server must prove with a certificate that it is the one named.
    pub(super) fn is_verified(&self) -> bool {
        self.is_verified
    }
}

impl FromStr for PostgresUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let wrong = |what: &str| UrlError(what.to_owned());
        let rest = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| wrong("it does not begin with postgres://"))?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = place.split_once('/').unwrap_or((place, ""));
        if path.contains('@') || query.contains('@') {
            // Otherwise a part of the password would be taken for something that may be shown.
            return Err(wrong("there is an @ behind the host; write / ? @ in a password as %2F %3F %40"));
        }
        let (mut mode, mut roots, mut kept) = (None, Roots::System, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = percent_decode_str(value).decode_utf8().map_err(|_| wrong("a value is not UTF-8"))?;
            match key {
                "sslmode" => mode = Some(decoded.into_owned()),
                "sslrootcert" if decoded == "system" => roots = Roots::System,
                "sslrootcert" => roots = Roots::File(decoded.into_owned().into()),
                // Any other server would be of no use, so that is always asked for.
                "target_session_attrs" if ["read-write", "primary"].contains(&&*decoded) => {}
                "target_session_attrs" => return Err(wrong("target_session_attrs is not read-write")),
                "host" | "port" | "user" | "dbname" | "options" | "application_name" => kept.push(pair),
                _ => return Err(UrlError(format!("it has a parameter that has no meaning here; known are {KNOWN}"))),
            }
        }
        let scheme = SCHEMES[0];
        let plain = format!("{scheme}{place}?{}", kept.join("&"));
        let parsed = plain.parse::<Config>().map_err(|error| UrlError(cause(&error)))?;
        let config = complete(parsed)?;
        let (config, is_verified) = with_mode(config, mode.as_deref())?;
        let question = if query.is_empty() { "" } else { "?" };
        let shown = format!("{scheme}{}/{path}{question}{query}", masked(authority));
        Ok(Self { config, roots, is_verified, shown })
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// What stands for nothing said: the socket where Debian and others have it.
fn complete(mut config: Config) -> Result<Config, UrlError> {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host_path("/var/run/postgresql");
    }
    if config.get_user().is_none_or(str::is_empty) {
        return Err(UrlError("it names no user".to_owned()));
    }
    if config.get_dbname().is_none_or(str::is_empty) {
        return Err(UrlError("it names no database".to_owned()));
    }
    Ok(config)
}

/// What `sslmode` asks for, in libpq's words; and whether the server must prove who it is.
fn with_mode(mut config: Config, mode: Option<&str>) -> Result<(Config, bool), UrlError> {
    let (ssl_mode, is_verified) = match mode {
        None if is_near(&config) => (SslMode::Prefer, false),
        None | Some("verify-full") => (SslMode::Require, true),
        Some("require") => (SslMode::Require, false),
        Some("prefer") => (SslMode::Prefer, false),
        Some("disable") => (SslMode::Disable, false),
        Some(_) => return Err(UrlError("sslmode is none of disable, prefer, require, verify-full".to_owned())),
    };
    config.ssl_mode(ssl_mode);
    Ok((config, is_verified))
}

/// Whether every host is on this machine, so that nobody else is on the way.
fn is_near(config: &Config) -> bool {
    let hosts = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
        Host::Unix(_) => true,
    });
    hosts && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

fn masked(authority: &str) -> String {
    let Some((login, host)) = authority.rsplit_once('@') else { return authority.to_owned() };
    match login.split_once(':') {
        Some((user, _)) => format!("{user}:***@{host}"),
        None => format!("{login}@{host}"),
    }
}

/// What the parser has to say; it names keys, never values.
fn cause(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

const KNOWN: &str = "sslmode, sslrootcert, target_session_attrs, host, port, user, dbname, options, application_name";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> PostgresUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn the_password_is_shown_to_nobody() {
        for (text, shown) in [
            ("postgres://ww:hunter2@db.example.org/ww", "postgres://ww:***@db.example.org/ww"),
            ("postgresql://ww:hunter2:x@db:5433/ww?sslmode=require", "postgres://ww:***@db:5433/ww?sslmode=require"),
            ("postgres://ww:hunter2%40@[::1]/ww", "postgres://ww:***@[::1]/ww"),
            ("postgres://ww@localhost/ww", "postgres://ww@localhost/ww"),
        ] {
            let url = parse(text);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
        for text in [
            "postgres://ww:hunter2/x@db/ww",
            "postgres://ww:55/hunter2@db/ww",
            "postgres://ww:hunter2?@db/ww",
            "postgres://ww:a@db:hunter2/ww",
            "postgres://ww@db/ww?password=hunter2",
            "postgres://ww@db/ww?hunter2",
            "postgres://:hunter2@db/ww",
            "postgres://ww:hunter2@db",
            "postgres://ww:hunter2@db/ww?sslmode=hunter2",
            "mysql://ww:hunter2@db/ww",
        ] {
            let error = text.parse::<PostgresUrl>().expect_err(text);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn a_server_on_another_machine_must_prove_who_it_is_unless_the_url_says_otherwise() {
        for (text, mode, is_verified, is_open) in [
            ("postgres://u@db/d", SslMode::Require, true, false),
            ("postgres://u@db/d?sslmode=verify-full", SslMode::Require, true, false),
            ("postgres://u@localhost,db/d", SslMode::Require, true, false),
            ("postgres://u@db/d?sslmode=require", SslMode::Require, false, true),
            ("postgres://u@db/d?sslmode=prefer", SslMode::Prefer, false, true),
            ("postgres://u@db/d?sslmode=disable", SslMode::Disable, false, true),
            ("postgres://u@localhost/d", SslMode::Prefer, false, false),
            ("postgres://u@127.0.0.1/d", SslMode::Prefer, false, false),
            ("postgres://u@[::1]/d", SslMode::Prefer, false, false),
            ("postgres://u@%2Frun%2Fpg/d", SslMode::Prefer, false, false),
            ("postgres:///d?host=/run/pg&user=u", SslMode::Prefer, false, false),
            ("postgres://u@/d", SslMode::Prefer, false, false),
            ("postgres://u@localhost/d?sslmode=verify-full", SslMode::Require, true, false),
        ] {
            let url = parse(text);
            assert_eq!((url.config().get_ssl_mode(), url.is_verified()), (mode, is_verified), "{text}");
            assert_eq!(url.is_open_to_others(), is_open, "{text}");
        }
    }

    #[test]
    fn the_certificates_to_trust_are_the_systems_or_those_of_a_file() {
        assert_eq!(*parse("postgres://u@db/d").roots(), Roots::System);
        assert_eq!(*parse("postgres://u@db/d?sslrootcert=system").roots(), Roots::System);
        let url = parse("postgres://u@db/d?sslrootcert=%2Fetc%2Fca.pem");
        assert_eq!(*url.roots(), Roots::File("/etc/ca.pem".into()));
    }

    #[test]
    fn several_hosts_may_be_named_and_only_one_that_can_be_written_is_wanted() {
        let url = parse("postgres://ww:hunter2@a:5432,b:5433/ww?target_session_attrs=read-write");
        assert_eq!(url.config().get_hosts(), [Host::Tcp("a".into()), Host::Tcp("b".into())]);
        assert_eq!(url.config().get_ports(), [5432, 5433]);
        assert_eq!(url.to_string(), "postgres://ww:***@a:5432,b:5433/ww?target_session_attrs=read-write");
        let refusal = "postgres://ww@a/ww?target_session_attrs=any".parse::<PostgresUrl>().unwrap_err().to_string();
        assert!(refusal.contains("read-write"), "{refusal}");
    }
}
