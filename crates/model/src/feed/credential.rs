//! How a credential comes about: a session is read, and some time later it is made of what was read.

use super::steps::Step;
use super::{Credential, Feed, Held, LIFE, World};
use crate::Bug;

impl Feed {
    /// One credential is enough: there is a course of events for each that there could be.
    pub(super) fn mint(&self, step: Step, world: &mut World) -> Option<()> {
        match (step, world.read, world.held) {
            (Step::SessionIsRead(session), None, None) if world.database.committed(session).is_none() => {
                world.read = Some((session, world.now));
                // When it is made is not to be seen in it, so that the first moment stands for all.
                if !self.is_life_from_making() && self.bug != Some(Bug::RatFromSigning) {
                    return self.mint(Step::CredentialIsMade, world);
                }
            }
            (Step::CredentialIsMade, Some((session, read)), None) => {
                let from = if self.is_life_from_making() { world.now } else { read };
                let rat = if self.bug == Some(Bug::RatFromSigning) { world.now } else { read };
                world.held = Some(Held { session, read, rat, until: from + LIFE });
                world.read = None;
            }
            _ => return None,
        }
        Some(())
    }

    fn is_life_from_making(&self) -> bool {
        let mistake = match self.setting.credential {
            Credential::Token => Bug::LifeFromSigning,
            Credential::Row => Bug::LifeFromInsertion,
        };
        self.bug == Some(mistake)
    }
}
