//! The keys in force at one moment, as read from the database: one that signs, and all that are trusted.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::signing_keys::{KeyLife, trusted_until};
use domain::{KeyState, UnixMillis};
use store::StoredKey;
use token::{KeySet, SigningKey, VerifyingKey};

use super::{KeyError, Vault};

/// The keys in force.
pub struct InForce {
    /// Signs access tokens.
    pub signing: Arc<SigningKey>,
    /// Checks access tokens, and is published: the key that signs, the one to come, and those that were before.
    pub verifying: KeySet,
    pub(super) version: i64,
    /// Every key that is not gone.
    pub(super) lives: Vec<KeyLife>,
    /// By `kid`. A key that will not sign any more is not kept.
    signers: BTreeMap<String, Arc<SigningKey>>,
    /// Keys that could not be opened: sealed under a master key that is not at hand.
    pub(super) unopened: usize,
}

impl InForce {
    /// A secret that verifiers share.
    pub(super) fn shared(signing: SigningKey) -> Result<Self, KeyError> {
        let mut verifying = KeySet::new();
        trust(&mut verifying, signing.verifying_key())?;
        let signing = Arc::new(signing);
        Ok(Self { signing, verifying, version: 0, lives: Vec::new(), signers: BTreeMap::new(), unopened: 0 })
    }

    /// What was read. Keys that `before` had opened are not opened again: the master key may have been exchanged since.
    pub(super) fn read(
        stored: &[StoredKey],
        version: i64,
        vault: &Vault,
        before: Option<&Self>,
        now: UnixMillis,
    ) -> Result<Self, KeyError> {
        let (mut verifying, mut signers, mut unopened) = (KeySet::new(), BTreeMap::new(), 0);
        let live: Vec<&StoredKey> = stored.iter().filter(|key| is_trusted(&key.life, now)).collect();
        for key in &live {
            let kid = &key.life.kid;
            if key.life.state == KeyState::Retired
                && let Some(known) = before.and_then(|before| before.verifying.get(kid))
            {
                trust(&mut verifying, known.clone())?;
                continue;
            }
            let known = before.and_then(|before| before.signers.get(kid)).cloned();
            let Some(opened) = known.or_else(|| vault.open_key(key).map(Arc::new)) else {
                unopened += 1;
                continue;
            };
            trust(&mut verifying, opened.verifying_key())?;
            if key.life.state != KeyState::Retired {
                signers.insert(kid.clone(), opened);
            }
        }
        let active = live.iter().find(|key| key.life.state == KeyState::Active);
        let signing = active.and_then(|key| signers.get(&key.life.kid)).cloned();
        let signing = signing.ok_or_else(|| KeyError::Sealed(vault.name()))?;
        let lives = live.into_iter().map(|key| key.life.clone()).collect();
        Ok(Self { signing, verifying, version, lives, signers, unopened })
    }
}

/// Whether tokens signed by a key count.
fn is_trusted(key: &KeyLife, now: UnixMillis) -> bool {
    match (key.state, key.retired_at) {
        (KeyState::Gone, _) => false,
        (KeyState::Retired, Some(retired_at)) => now < trusted_until(retired_at),
        _ => true,
    }
}

fn trust(keys: &mut KeySet, key: VerifyingKey) -> Result<(), KeyError> {
    keys.insert(key).map_err(|e| KeyError::Library(e.to_string()))
}
