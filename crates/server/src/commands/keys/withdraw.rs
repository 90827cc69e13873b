//! The end of a key: in good order once another can sign, or at once because somebody else has it.

use std::process::ExitCode;

use domain::revocation::keep_until;
use domain::signing_keys::{JWKS_MAX_AGE, SHORTEST_LEAD};
use domain::{KeyState, Span};

use super::{Desk, changed};
use crate::app::StartError;
use crate::commands::output::line;
use crate::commands::receipt::told;
use crate::commands::start::wrong;
use crate::moments::until;

impl Desk<'_> {
    pub(super) async fn retire(&self, kid: &str) -> Result<(), StartError> {
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

    pub(super) async fn revoke(&self, kid: &str, waits: bool) -> Result<ExitCode, StartError> {
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
}

fn gone(kid: &str) -> StartError {
    wrong(format!("{kid} is gone already: nothing accepts it"))
}

/// How long a verifier that is cut off believes what a withdrawn key signs.
const KEYS_BELIEVED: Span = Span::minutes(15);
