//! `watchword demo`: everything to play with, and nothing that stays.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use domain::{Account, Roles, UserId};
use serde::Serialize;
use store::NewUser;
use zeroize::Zeroizing;

use super::output::{json, line};
use super::start::{Server, log};
use crate::app::{App, StartError};
use crate::config::{Config, Database, Overrides};

#[derive(clap::Args)]
pub struct Demo {
    /// Print one line of JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Printed {
    url: String,
    accounts: Vec<Person>,
}

#[derive(Serialize)]
struct Person {
    username: String,
    password: String,
    roles: Vec<String>,
}

pub async fn run(
    demo: Demo,
    overrides: &Overrides,
    mut config: Config,
    env: Vec<(String, String)>,
) -> Result<ExitCode, StartError> {
    if overrides.database.is_some() {
        return Err(StartError::System("demo makes a database of its own; leave --database away".to_owned()));
    }
    log(&config.log)?;
    let folder = Folder::make()?;
    config.database = Database::of_file(folder.0.join("watchword.db"));
    config.master_key_file = None;
    let server = Server::open(config, &env).await?;
    let people = vec![
        add(&server.app, "kavya", Roles::admin()).await?,
        add(&server.app, "arjun", Roles::parse(["user"]).expect("a well-formed role")).await?,
    ];
    let url = server.app.public_url.to_string();
    if demo.json {
        json(&Printed { url, accounts: people });
    } else {
        explain(&url, &people, &server.app.config.database);
    }
    server.run().await?;
    Ok(ExitCode::SUCCESS)
}

async fn add(app: &App, name: &str, roles: Roles) -> Result<Person, StartError> {
    let password = super::accounts::generated_password();
    let hash = app.passwords.hash(Zeroizing::new(password.clone())).await;
    let created_at = app.clock.now();
    let account: Account = app
        .store
        .add_user(NewUser {
            user_id: UserId::new(created_at, &crate::random::bytes()),
            username: name.parse().expect("a well-formed name"),
            email: None,
            password: Some(hash.map_err(|_| StartError::System("a password could not be hashed".to_owned()))?),
            roles,
            created_at,
        })
        .await?;
    Ok(Person { username: account.username.to_string(), password, roles: account.roles.as_slice().to_vec() })
}

fn explain(url: &str, people: &[Person], database: &Database) {
    line(format!("Watchword demo on {url}, with a database that is deleted at the end.\n"));
    for person in people {
        line(format!("  {:<8} {:<8} password  {}", person.username, person.roles.join(" "), person.password));
    }
    let Some(kavya) = people.first() else { return };
    let program = std::env::current_exe().map_or_else(|_| "watchword".to_owned(), |path| path.display().to_string());
    line(format!(
        "\nIn a browser, open {url}/login

From a terminal:

  # Log in: an access token and a refresh token.
  TOKENS=$(curl -s {url}/login --json '{{\"username\":\"{}\",\"password\":\"{}\"}}'); echo \"$TOKENS\"
  ACCESS=$(echo \"$TOKENS\" | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')
  REFRESH=$(echo \"$TOKENS\" | sed 's/.*\"refresh_token\":\"\\([^\"]*\\).*/\\1/')

  # Use the access token.
  curl {url}/dashboard -H \"Authorization: Bearer $ACCESS\"

  # See what it says, and that its signature is valid.
  echo \"$ACCESS\" | '{program}' token inspect --database '{}'

  # Renew both.
  curl -X POST {url}/refresh -H \"Authorization: Bearer $REFRESH\"

  # Log out. Then use the access token again: it is refused at once.
  curl -X POST {url}/logout -H \"Authorization: Bearer $ACCESS\"

Ctrl-C ends the demo.",
        kavya.username, kavya.password, database
    ));
}

/// A folder of its own for the database, deleted at the end.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, StartError> {
        use std::os::unix::fs::DirBuilderExt;
        let name = format!("watchword-demo-{}", token::base64url::encode(crate::random::bytes::<9>()));
        let path: PathBuf = std::env::temp_dir().join(name);
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|e| StartError::System(format!("cannot make the folder {}: {e}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let path: &Path = &self.0;
        if let Err(error) = std::fs::remove_dir_all(path) {
            tracing::warn!(%error, path = %path.display(), "the demo's folder could not be deleted");
        }
    }
}
