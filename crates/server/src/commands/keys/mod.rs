//! `watchword keys`: the keys that sign tokens, from the command line. A running server on the same database notices
//! within 100 ms.

mod import;
mod list;
mod public;

use std::process::ExitCode;

use domain::revocation::keep_until;
use domain::signing_keys::{JWKS_MAX_AGE, KeyLife, SHORTEST_LEAD, Schedule};
use domain::{KeyState, Span};
use store::{NewKey, Store, StoredKey};
use token::SigningKey;

use super::output::line;
use super::receipt::told;
use super::start::{existing, wrong};
use crate::app::StartError;
use crate::clock::Clock;
use crate::config::Config;
use crate::keyring::{self, Exchanged, MASTER_KEY_VARIABLE, NEW_MASTER_KEY_VARIABLE, Vault};
use crate::moments::{moment, until};

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
        return rekey(config, env).await;
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

/// Works with a shared secret, too.
async fn rekey(config: &Config, env: &[(String, String)]) -> Result<ExitCode, StartError> {
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

/// What an administrator at the command line works with.
struct Desk<'a> {
    store: Store,
    clock: Clock,
    config: &'a Config,
    env: &'a [(String, String)],
    schedule: Schedule,
}

impl Desk<'_> {
    async fn rotate(&self) -> Result<(), StartError> {
        let new = self.new_key().await?;
        self.publish(new).await
    }

    /// Adds a key that is to sign later, and says when that is.
    async fn publish(&self, new: NewKey) -> Result<(), StartError> {
        let (kid, created_at) = (new.kid.clone(), new.created_at);
        let algorithm = new.algorithm.clone();
        match self.store.add_key(new).await {
            Ok(true) => {}
            Ok(false) => return Err(self.is_taken().await?),
            Err(store::Error::Taken(_)) => {
                return Err(wrong(format!(
                    "the key {kid} is or was here already; `watchword keys list --all` shows it"
                )));
            }
            Err(error) => return Err(error.into()),
        }
        line(format!("Published {kid} ({algorithm})."));
        let at = created_at + self.schedule.publish_ahead;
        line(match self.find(KeyState::Active).await? {
            Some(active) => {
                format!(
                    "It takes over {}, at {}. Until then {} goes on signing.",
                    until(at, created_at),
                    moment(at),
                    active.kid
                )
            }
            None => "It signs as soon as the server is started.".to_owned(),
        });
        Ok(())
    }

    async fn danger_rotate_now(&self) -> Result<(), StartError> {
        let next = self.find(KeyState::Next).await?.filter(|next| next.algorithm == self.schedule.algorithm);
        let kid = if let Some(next) = next {
            next.kid
        } else {
            let new = self.new_key().await?;
            let kid = new.kid.clone();
            if !self.store.add_key(new).await? {
                return Err(self.is_taken().await?);
            }
            kid
        };
        let now = self.clock.now();
        if !self.store.activate_key(&kid, now, now).await? {
            return Err(changed());
        }
        line(format!("{kid} signs now. A running server on this database notices within 100 ms."));
        line(format!(
            "Other programs that check tokens keep a copy of the published keys for up to {JWKS_MAX_AGE}: until they \
             fetch them again, they refuse the new tokens."
        ));
        Ok(())
    }

    async fn retire(&self, kid: &str) -> Result<(), StartError> {
        let key = self.named(kid).await?;
        let now = self.clock.now();
        match key.state {
            KeyState::Next => {
                if !self.store.drop_key(kid, KeyState::Next).await? {
                    return Err(changed());
                }
                line(format!("Took {kid} back. It never signed anything, and is gone."));
            }
            KeyState::Active => {
                let successor = self.successor().await?;
                if !self.store.activate_key(&successor, now - SHORTEST_LEAD, now).await? {
                    return Err(changed());
                }
                line(format!(
                    "{successor} signs now. {kid} is trusted until its last token has expired, and is then gone."
                ));
            }
            KeyState::Retired => {
                return Err(wrong(format!(
                    "{kid} is retired already and will be gone by itself. To make its tokens worthless at once: \
                     watchword keys revoke {kid}"
                )));
            }
            KeyState::Gone => return Err(gone(kid)),
        }
        Ok(())
    }

    /// The key that may take over now.
    async fn successor(&self) -> Result<String, StartError> {
        let Some(next) = self.find(KeyState::Next).await? else {
            return Err(wrong("there is no key to take over; make one first: watchword keys rotate"));
        };
        let now = self.clock.now();
        let known_at = next.created_at + SHORTEST_LEAD;
        if now < known_at {
            return Err(wrong(format!(
                "{} was published too lately for every verifier to know it; try again {}. If tokens may be refused \
                 meanwhile: watchword keys rotate --danger-now",
                next.kid,
                until(known_at, now)
            )));
        }
        Ok(next.kid)
    }

    async fn revoke(&self, kid: &str, waits: bool) -> Result<ExitCode, StartError> {
        let key = self.named(kid).await?;
        if key.state == KeyState::Gone {
            return Err(gone(kid));
        }
        let stand_in = self.new_key().await?;
        let now = self.clock.now();
        let revoked = self.store.revoke_key(kid, stand_in, keep_until(now), now).await?;
        let revoked = revoked.ok_or_else(|| gone(kid))?;
        line(format!("Revoked {kid}. A running server on this database refuses its tokens within 100 ms."));
        if let Some(successor) = revoked.successor {
            line(format!("{successor} signs now. Clients refresh and go on; nobody is logged out."));
        }
        line(format!(
            "Other programs that check tokens by themselves trust {kid} until they fetch the published keys again: up to \
             {JWKS_MAX_AGE}."
        ));
        let told = told(&revoked.receipt, waits, self.config, &self.store, &self.clock).await?;
        let told = told.or_after(KEYS_BELIEVED);
        told.print();
        Ok(told.code())
    }

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

    /// Why no other key can be made to take over.
    async fn is_taken(&self) -> Result<StartError, StartError> {
        let Some(next) = self.find(KeyState::Next).await? else { return Ok(changed()) };
        let at = next.created_at + self.schedule.publish_ahead;
        Ok(wrong(format!(
            "{} is to take over already, {}. To take it back first: watchword keys retire {}",
            next.kid,
            until(at, self.clock.now()),
            next.kid
        )))
    }
}

fn gone(kid: &str) -> StartError {
    wrong(format!("{kid} is gone already: nothing accepts it"))
}

fn changed() -> StartError {
    wrong("the keys were changed by somebody else meanwhile; look at them again: watchword keys list")
}

/// How long a verifier that is cut off believes what a withdrawn key signs.
const KEYS_BELIEVED: Span = Span::minutes(15);

const SHARED: &str = "tokens.algorithm is HS256: tokens are signed with a secret that you share with their verifiers, so there \
    are no keys here to look after. To change the secret, set it anew here and at every verifier and restart; tokens signed \
    with the old one are worthless from then on";
