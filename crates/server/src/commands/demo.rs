//! `watchword demo`: everything to play with, and nothing that stays.

use std::process::ExitCode;

use domain::Roles;
use serde::Serialize;

use super::output::{json, line};
use super::start::{Server, log};
use super::throwaway::{Folder, Person, add};
use crate::app::StartError;
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
    let folder = Folder::make("demo")?;
    config.database = Database::of_file(folder.path().join("watchword.db"));
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
