//! Another key: one that takes over once every verifier knows it, or at once.

use domain::KeyState;
use domain::signing_keys::JWKS_MAX_AGE;
use store::NewKey;

use super::{Desk, changed};
use crate::app::StartError;
use crate::commands::output::line;
use crate::commands::start::wrong;
use crate::moments::{moment, until};

impl Desk<'_> {
    pub(super) async fn rotate(&self) -> Result<(), StartError> {
        let new = self.new_key().await?;
        self.publish(new).await
    }

    /// Adds a key that is to sign later, and says when that is.
    pub(super) async fn publish(&self, new: NewKey) -> Result<(), StartError> {
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

    pub(super) async fn danger_rotate_now(&self) -> Result<(), StartError> {
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
