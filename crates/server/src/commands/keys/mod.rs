//! `watchword keys`: the keys that sign tokens, from the command line. A running server on the same database notices
//! within 100 ms.

mod import;
mod list;
mod public;
mod rekey;
mod rotate;
mod withdraw;

use std::process::ExitCode;

use domain::KeyState;
use domain::signing_keys::{KeyLife, Schedule};
use store::{NewKey, Store, StoredKey};
use token::SigningKey;

use super::start::{existing, wrong};
use crate::app::StartError;
use crate::clock::Clock;
use crate::config::Config;
use crate::keyring::{self, Vault};

#[derive(clap::Subcommand)]
pub enum KeysCommand {
    /// List the keys, their states, and what happens to them next
    List {
        /// Those that are gone, too
        #[arg(long)]
        all: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new key, which takes over once every verifier knows it
    Rotate {
        /// Sign with it at once: verifiers that do not know it yet refuse its tokens for up to five minutes
        #[arg(long)]
        danger_now: bool,
    },
    /// Take back a key that is to come, or let the one that signs retire in favour of it
    Retire {
        /// The key's name, as the list shows it
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// In an emergency: make a key's signatures worthless at once. Clients refresh and go on
    Revoke {
        /// The key's name, as the list shows it
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// Wait until every connected verifier refuses it, and say since when; the exit code is 3 if one is late
        #[arg(long)]
        wait: bool,
    },
    /// Take a private key from elsewhere, which takes over once every verifier knows it
    Import {
        /// A file with a PKCS #8 private key in PEM or a private JWK; `-` reads standard input
        file: std::path::PathBuf,
    },
    /// Print the public keys, as they are published
    ExportPublic {
        /// As a JWK Set or as PEM
        #[arg(long, value_enum, default_value_t = public::Format::Jwks)]
        format: public::Format,
    },
    /// Encrypt everything under a new master key; nobody is logged out
    Rekey,
}

pub async fn run(command: KeysCommand, config: &Config, env: &[(String, String)]) -> Result<ExitCode, StartError> {
    if let KeysCommand::Rekey = command {
        return rekey::run(config, env).await;
    }
    let schedule = config.keys.schedule(&config.tokens).ok_or_else(|| wrong(SHARED))?;
    let store = existing(config).await?;
    let clock = Clock::of(&store).await?;
    let desk = Desk { store, clock, config, env, schedule };
    let mut code = ExitCode::SUCCESS;
    let done = match command {
        KeysCommand::List { all, json } => desk.list(all, json).await,
        KeysCommand::Rotate { danger_now: false } => desk.rotate().await,
        KeysCommand::Rotate { danger_now: true } => desk.danger_rotate_now().await,
        KeysCommand::Retire { kid } => desk.retire(&kid).await,
        KeysCommand::Revoke { kid, wait } => desk.revoke(&kid, wait).await.map(|told| code = told),
        KeysCommand::Import { file } => desk.import(&file).await,
        KeysCommand::ExportPublic { format } => desk.export_public(format).await,
        KeysCommand::Rekey => Ok(()),
    };
    desk.store.close().await;
    done.map(|()| code)
}

/// What an administrator at the command line works with.
struct Desk<'a> {
    store: Store,
    clock: Clock,
    config: &'a Config,
    env: &'a [(String, String)],
    schedule: Schedule,
}

impl Desk<'_> {
    async fn new_key(&self) -> Result<NewKey, StartError> {
        let algorithm = self.schedule.algorithm.parse().expect("the configuration has checked it");
        let key = keyring::generate(algorithm).await?;
        self.seal(&key).await
    }

    async fn seal(&self, key: &SigningKey) -> Result<NewKey, StartError> {
        let (vault, _) = Vault::open(self.config, self.env, &self.store).await?;
        Ok(vault.seal(key, self.clock.now()))
    }

    async fn keys(&self) -> Result<Vec<StoredKey>, StartError> {
        Ok(self.store.keys().await?)
    }

    /// The one key in a state that only one can be in.
    async fn find(&self, state: KeyState) -> Result<Option<KeyLife>, StartError> {
        Ok(self.keys().await?.into_iter().map(|key| key.life).find(|key| key.state == state))
    }

    async fn named(&self, kid: &str) -> Result<KeyLife, StartError> {
        let found = self.keys().await?.into_iter().map(|key| key.life).find(|key| key.kid == kid);
        found.ok_or_else(|| wrong(format!("there is no key `{kid}`; `watchword keys list` shows all")))
    }
}

fn changed() -> StartError {
    wrong("the keys were changed by somebody else meanwhile; look at them again: watchword keys list")
}

const SHARED: &str = "tokens.algorithm is HS256: tokens are signed with a secret that you share with their verifiers, so there \
    are no keys here to look after. To change the secret, set it anew here and at every verifier and restart; tokens signed \
    with the old one are worthless from then on";
