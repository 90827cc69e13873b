//! What is sealed under the master key: the private halves of signing keys, and the root key that everything else is
//! derived from. The root stays when the master key is exchanged, so nobody is logged out.

use domain::{KeyState, UnixMillis};
use store::{Master, NewKey, Rekey, Rekeyed, Resealed, Store, StoredKey};
use token::{Algorithm, MasterKey, SealingKey, SigningKey};

use super::KeyError;
use super::master::{NEW_MASTER_KEY_VARIABLE, Source, Unfinished, mark};
use crate::config::Config;

/// The master key, ready for use.
pub struct Vault {
    source: Source,
    sealing: SealingKey,
    check: i64,
}

impl Vault {
    /// Opens what is there; in a new database, makes it. With it comes the root key.
    pub async fn open(config: &Config, env: &[(String, String)], store: &Store) -> Result<(Self, MasterKey), KeyError> {
        let source = Source::of(config, env)?;
        let stands = store.master().await?;
        let master = source.load(stands.as_ref().map(|stands| stands.check))?;
        let check = mark(&master);
        let stands = match stands {
            Some(stands) if stands.root.is_some() => stands,
            // Before there was a root key, the master key was in its place.
            Some(_) => store.begin_master(check, seal_root(&master, &master)).await?,
            None => store.begin_master(check, seal_root(&MasterKey::generate(), &master)).await?,
        };
        let vault = Self { source, sealing: SealingKey::derive(&master, SIGNING_KEYS), check };
        let root = open_root(&stands, &master).filter(|_| stands.check == check);
        let root = root.ok_or_else(|| KeyError::Sealed(vault.name()))?;
        Ok((vault, root))
    }

    /// Goes over to the master key that is in force, if it was exchanged.
    pub fn follow(&mut self, check: i64) -> Result<(), KeyError> {
        if self.check != check {
            let master = self.source.load(Some(check))?;
            (self.sealing, self.check) = (SealingKey::derive(&master, SIGNING_KEYS), check);
        }
        Ok(())
    }

    /// The private half of a stored key. None if it was sealed under another master key or altered.
    pub fn open_key(&self, key: &StoredKey) -> Option<SigningKey> {
        let pkcs8 = self.sealing.open(&key.sealed, key.life.kid.as_bytes()).ok()?;
        let opened = SigningKey::from_pkcs8(key.life.algorithm.parse().ok()?, &pkcs8).ok()?;
        (opened.kid() == key.life.kid).then_some(opened)
    }

    /// A key as it is stored.
    pub fn seal(&self, key: &SigningKey, now: UnixMillis) -> NewKey {
        let pkcs8 = key.to_pkcs8().expect("only key pairs are stored");
        NewKey {
            kid: key.kid().to_owned(),
            algorithm: key.algorithm().name().to_owned(),
            public_jwk: key.jwk().expect("only key pairs are stored").to_value().to_string(),
            sealed: self.sealing.seal(&pkcs8, key.kid().as_bytes()),
            sealed_under: self.check,
            created_at: now,
        }
    }

    /// What a message calls the master key.
    pub fn name(&self) -> String {
        match &self.source {
            Source::File(path) => format!("a copy of {}", path.display()),
            Source::Variables(_) => format!("the value of {}", super::MASTER_KEY_VARIABLE),
        }
    }
}

/// A new signing key. May take a second: RSA looks for primes.
pub async fn generate(algorithm: Algorithm) -> Result<SigningKey, KeyError> {
    let made = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await;
    made.map_err(|e| KeyError::Library(e.to_string()))?.map_err(|e| KeyError::Library(e.to_string()))
}

/// How the master key was exchanged.
pub enum Exchanged {
    /// The file has a new one.
    File(std::path::PathBuf),
    /// The new variable's value is in force.
    Variable,
}

/// Makes or takes a new master key and seals everything under it.
pub async fn rekey(config: &Config, env: &[(String, String)], store: &Store) -> Result<Exchanged, KeyError> {
    let (vault, root) = Vault::open(config, env, store).await?;
    match &vault.source {
        Source::File(path) => {
            let new = Unfinished::write(path)?;
            match vault.exchange(&root, &new.key, store).await {
                Ok(true) => new.finish().map(|()| Exchanged::File(path.clone())),
                Ok(false) => {
                    new.discard();
                    Err(overtaken())
                }
                // Whether it was committed is not known. If it was, the next start finds the new key.
                Err(error) => Err(error),
            }
        }
        Source::Variables(keys) => {
            let new = keys.iter().find(|key| mark(key) != vault.check).ok_or_else(no_new_key)?;
            if vault.exchange(&root, new, store).await? { Ok(Exchanged::Variable) } else { Err(overtaken()) }
        }
    }
}

impl Vault {
    /// Seals everything under another master key. False if somebody else has exchanged it meanwhile.
    async fn exchange(&self, root: &MasterKey, new: &MasterKey, store: &Store) -> Result<bool, KeyError> {
        let sealing = SealingKey::derive(new, SIGNING_KEYS);
        loop {
            let stored = store.keys().await?;
            let live = stored.iter().filter(|key| key.life.state != KeyState::Gone);
            let reseal = |key: &StoredKey| {
                let aad = key.life.kid.as_bytes();
                let private = self.sealing.open(&key.sealed, aad).map_err(|_| KeyError::Sealed(self.name()))?;
                let (kid, was) = (key.life.kid.clone(), key.sealed.clone());
                Ok::<_, KeyError>(Resealed { kid, was, sealed: sealing.seal(&private, aad) })
            };
            let keys = live.map(reseal).collect::<Result<_, _>>()?;
            let rekey = Rekey { old: self.check, new: mark(new), root: seal_root(root, new), keys };
            match store.rekey(rekey).await? {
                Rekeyed::Done => return Ok(true),
                Rekeyed::OtherMaster => return Ok(false),
                // A key was rotated in between.
                Rekeyed::OtherKeys => {}
            }
        }
    }
}

fn seal_root(root: &MasterKey, master: &MasterKey) -> Vec<u8> {
    SealingKey::derive(master, ROOT_KEY).seal(root.to_base64url().as_bytes(), ROOT_KEY.as_bytes())
}

fn open_root(stands: &Master, master: &MasterKey) -> Option<MasterKey> {
    let opened = SealingKey::derive(master, ROOT_KEY).open(stands.root.as_ref()?, ROOT_KEY.as_bytes()).ok()?;
    MasterKey::from_base64url(str::from_utf8(&opened).ok()?).ok()
}

fn overtaken() -> KeyError {
    KeyError::Master("the master key was exchanged by another process meanwhile; this one changed nothing".to_owned())
}

fn no_new_key() -> KeyError {
    KeyError::Master(format!(
        "the master key is in {}, so the new one must be given too: set {NEW_MASTER_KEY_VARIABLE} to the output of \
         openssl rand -base64 32 | tr '+/' '-_' | tr -d '=' and run this again",
        super::MASTER_KEY_VARIABLE
    ))
}

/// What private halves are sealed for.
const SIGNING_KEYS: &str = "watchword signing keys";

/// What the root key is sealed for.
const ROOT_KEY: &str = "watchword root key";
