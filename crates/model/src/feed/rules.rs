//! What must hold at every moment, and what a verifier makes of a credential.

use super::{BOUND, Credential, Feed, LEEWAY, LIFE, MOST, World};
use crate::Bug;

/// What a verifier says of a credential.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    NotReady,
    Expired,
    Revoked,
    Stale,
    Accepted,
}

impl Feed {
    /// What the verifier would say now, by the rule of the protocol.
    pub(crate) fn verdict(&self, world: &World) -> Option<Verdict> {
        let held = world.held?;
        let Some(view) = world.verifier.view(self.local(world), self.bug) else { return Some(Verdict::NotReady) };
        let leeway = if self.setting.credential == Credential::Token { LEEWAY } else { 0 };
        let own_age = (held.rat <= view.now).then_some(view.now - held.rat);
        Some(if view.now >= held.until + leeway {
            Verdict::Expired
        } else if world.verifier.is_kept(held.session) {
            Verdict::Revoked
        } else if own_age.map_or(view.age, |own| own.min(view.age)) <= BOUND {
            Verdict::Accepted
        } else {
            Verdict::Stale
        })
    }

    /// The first rule that is broken.
    pub(crate) fn broken_rule(&self, world: &World) -> Option<&'static str> {
        let rules: [(&'static str, IsBroken); 7] = [
            (ACCEPTED_LATE, Self::accepts_late),
            (
                "in until_exp, nothing is accepted later than a life and the leeway after its end",
                Self::accepts_ended_for_life,
            ),
            (NOT_READY, Self::accepts_unready),
            (LIFE_FROM_READ, |_, world| world.held.is_some_and(|held| held.until > held.read + LIFE)),
            (KEPT, |_, world| world.drops_early()),
            (WATERMARK, |_, world| world.node_overtakes()),
            (PROOF, Self::follower_overtakes),
        ];
        let rules = rules.into_iter().filter(|(rule, _)| self.only.is_none_or(|only| only == *rule));
        rules.into_iter().find(|(_, is_broken)| is_broken(self, world)).map(|(rule, _)| rule)
    }

    fn accepts_late(&self, world: &World) -> bool {
        self.verdict(world) == Some(Verdict::Accepted) && world.since_end().is_some_and(|passed| passed > BOUND)
    }

    fn accepts_ended_for_life(&self, world: &World) -> bool {
        matches!(self.verdict(world), Some(Verdict::Accepted | Verdict::Stale))
            && world.since_end().is_some_and(|passed| passed >= LIFE + LEEWAY)
    }

    fn accepts_unready(&self, world: &World) -> bool {
        self.verdict(world) == Some(Verdict::Accepted) && !world.verifier.was_told_everything
    }

    fn follower_overtakes(&self, world: &World) -> bool {
        let relay = world.relay.as_ref().map(|relay| &relay.follower);
        // Where clocks differ, moments of one say nothing of moments of the other; what is accepted still tells.
        let verifier = world.clock.is_right().then_some(&world.verifier);
        relay.into_iter().chain(verifier).filter(|_| self.bug != Some(Bug::EmptyIsComplete)).any(|follower| {
            // Who takes the issuer's clock to be beyond the end of an entry refuses what that entry stops.
            let now = follower.view(world.now, self.bug).map_or(0, |view| view.now);
            let known = follower.known();
            known.is_some_and(|known| world.is_missing(known, now, |number| follower.was_told(number)))
        })
    }
}

type IsBroken = fn(&Feed, &World) -> bool;

impl World {
    /// How long ago the session ended whose credential is held.
    fn since_end(&self) -> Option<i8> {
        Some(self.now - self.database.committed(self.held?.session)?)
    }

    fn drops_early(&self) -> bool {
        (0..MOST).any(|number| {
            let ended = self.database.committed(number);
            ended.is_some_and(|at| self.database.keep_until(number) < at + LIFE + LEEWAY)
        })
    }

    fn node_overtakes(&self) -> bool {
        self.nodes.iter().any(|node| {
            node.known.is_some_and(|known| self.is_missing(known, self.now, |number| node.entries.has(number)))
        })
    }

    /// Whether something was committed before `known`, still matters, and is not there.
    fn is_missing(&self, known: i8, now: i8, is_there: impl Fn(usize) -> bool) -> bool {
        (0..MOST).any(|number| {
            let is_before = self.database.committed(number).is_some_and(|at| at < known);
            is_before && self.database.keep_until(number) > now && !is_there(number)
        })
    }
}

pub(crate) const ACCEPTED_LATE: &str = "nothing is accepted later than the bound after its end";
const NOT_READY: &str = "who was not told everything since the start accepts nothing";
const LIFE_FROM_READ: &str = "a credential's life is counted from when its session was read";
const KEPT: &str = "an entry is kept for a life and the leeway after the commit";
const WATERMARK: &str = "a node that says it knows everything up to a moment has everything up to then";
const PROOF: &str = "a follower that takes something for proven was told of it";
