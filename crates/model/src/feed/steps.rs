//! What may happen.

use super::follower::{Follower, Telling};
use super::{Asker, Credential, Feed, Message, Relay, Setting, Stream, World, node};
use crate::Bug;

/// One event.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Tick,
    TickAsleep,
    SetClock,
    Transaction(usize),
    NodeReads(usize),
    NodeTakesIn(usize),
    SessionIsRead(usize),
    CredentialIsMade,
    VerifierAsks,
    RelayAsks,
    NodeAnswers { node: usize, message: usize, again: bool },
    RelayAnswers { message: usize, again: bool },
    Arrives { message: usize, again: bool },
    StreamOpens(usize),
    StreamTells,
    StreamIsRead,
    StreamBreaks,
    RelayTakesIn,
    VerifierRestarts,
    NodeRestarts(usize),
    RelayRestarts,
}

impl Feed {
    /// What may happen next, and some of what may not: [`Self::after`] tells. To leave out here what never may saves time.
    pub(super) fn candidates(&self, world: &World) -> Vec<Step> {
        let Setting { transactions, nodes, relay_questions, frames, has_slow_nodes, .. } = self.setting;
        let mut steps = vec![Step::Tick];
        let mut may = |is_possible: bool, step| steps.extend(is_possible.then_some(step));
        may(world.spent.sleeps < self.setting.sleeps, Step::TickAsleep);
        may(world.spent.set < self.setting.set.0, Step::SetClock);
        may(world.read.is_some(), Step::CredentialIsMade);
        may(world.verifier.questions < self.setting.questions, Step::VerifierAsks);
        may(relay_questions > 0, Step::RelayAsks);
        let is_streaming = world.stream.is_some();
        may(is_streaming, Step::StreamTells);
        may(is_streaming, Step::StreamIsRead);
        may(is_streaming, Step::StreamBreaks);
        may(self.bug == Some(Bug::RelayTellsLate), Step::RelayTakesIn);
        let may_restart = world.spent.restarts < self.setting.restarts;
        may(may_restart, Step::VerifierRestarts);
        may(may_restart && relay_questions > 0, Step::RelayRestarts);
        for number in 0..transactions {
            may(true, Step::Transaction(number));
            may(world.read.is_none() && world.held.is_none(), Step::SessionIsRead(number));
        }
        for node in 0..nodes {
            may(true, Step::NodeReads(node));
            may(has_slow_nodes, Step::NodeTakesIn(node));
            may(may_restart, Step::NodeRestarts(node));
            may(frames > 0 && !is_streaming, Step::StreamOpens(node));
        }
        for (message, contents) in world.messages.iter().enumerate() {
            let is_question = matches!(contents, Message::Question { .. });
            for again in [false, true] {
                if again && world.spent.duplicates == self.setting.duplicates {
                    continue;
                }
                may(!is_question, Step::Arrives { message, again });
                may(is_question && relay_questions > 0, Step::RelayAnswers { message, again });
                (0..nodes).for_each(|node| may(is_question, Step::NodeAnswers { node, message, again }));
            }
        }
        steps
    }

    /// The world after a step; `None` if that may not happen.
    pub(super) fn after(&self, step: Step, mut world: World) -> Option<World> {
        match step {
            Step::Tick => self.tick(&mut world)?,
            Step::TickAsleep => {
                spend(&mut world.spent.sleeps, self.setting.sleeps)?;
                world.clock.sleep();
                self.tick(&mut world)?;
            }
            Step::SetClock => {
                spend(&mut world.spent.set, self.setting.set.0)?;
                world.clock.set(self.setting.set.1);
            }
            Step::Transaction(number) => self.transact(number, &mut world)?,
            Step::NodeReads(_) | Step::NodeTakesIn(_) => self.node_moves_on(step, &mut world)?,
            Step::SessionIsRead(_) | Step::CredentialIsMade => self.mint(step, &mut world)?,
            Step::VerifierAsks => {
                let asked = self.local(&world);
                let question = ask(Asker::Verifier, &mut world.verifier, asked, self.setting.questions)?;
                world.messages.push(question);
            }
            Step::RelayAsks => {
                let relay = &mut world.relay.as_mut()?.follower;
                let question = ask(Asker::Relay, relay, world.now, self.setting.relay_questions)?;
                world.messages.push(question);
            }
            Step::NodeAnswers { message, again, .. } | Step::RelayAnswers { message, again } => {
                let message = self.take(&mut world, message, again)?;
                let answer = self.answer(step, message, &world)?;
                world.messages.push(answer);
            }
            Step::Arrives { message, again } => {
                let message = self.take(&mut world, message, again)?;
                self.arrive(message, &mut world)?;
            }
            Step::StreamOpens(_) | Step::StreamTells | Step::StreamIsRead | Step::StreamBreaks => {
                self.stream(step, &mut world)?;
            }
            Step::RelayTakesIn => {
                let Relay { follower, pending, .. } = world.relay.as_mut()?;
                follower.take_in(pending.take()?);
            }
            Step::VerifierRestarts | Step::NodeRestarts(_) | Step::RelayRestarts => self.restart(step, &mut world)?,
        }
        self.settle(&mut world);
        Some(world)
    }

    fn tick(&self, world: &mut World) -> Option<()> {
        world.now += 1;
        (world.now <= self.setting.ticks).then_some(())
    }

    fn transact(&self, number: usize, world: &mut World) -> Option<()> {
        let Setting { transactions, patience, .. } = self.setting;
        let is_open = world.database.is_open(number);
        // What cannot be told apart is one step: a beginning matters for the order of two, and waiting needs patience.
        let at_once = match is_open {
            _ if patience > 0 => 1,
            false if transactions > 1 => 1,
            false => 3,
            true => 2,
        };
        for _ in 0..at_once {
            world.database = world.database.moved_on(number, world.now, patience, self.bug)?;
        }
        Some(())
    }

    /// Whoever may drop an entry does so at once: to keep it for longer would only help.
    fn settle(&self, world: &mut World) {
        let local = self.local(world);
        world.verifier.drop_expired(local);
        if let Some(relay) = &mut world.relay {
            relay.follower.drop_expired(world.now);
        }
        world.messages.sort_unstable();
        world.messages.dedup();
    }

    fn node_moves_on(&self, step: Step, world: &mut World) -> Option<()> {
        match step {
            Step::NodeReads(at) => {
                let node = &mut world.nodes[at];
                if node.read.is_some() {
                    return None;
                }
                node.read(&world.database, world.now, self.bug);
                if !self.setting.has_slow_nodes {
                    node.take_in(&world.database);
                }
            }
            Step::NodeTakesIn(at) => {
                world.nodes[at].read?;
                world.nodes[at].take_in(&world.database);
            }
            _ => return None,
        }
        Some(())
    }

    /// Takes a message off the network, or only a copy of it.
    fn take(&self, world: &mut World, message: usize, again: bool) -> Option<Message> {
        if again {
            spend(&mut world.spent.duplicates, self.setting.duplicates)?;
            return world.messages.get(message).copied();
        }
        Some(world.messages.remove(message))
    }

    fn answer(&self, step: Step, message: Message, world: &World) -> Option<Message> {
        let Message::Question { by, asked, since } = message else { return None };
        let telling = match step {
            Step::NodeAnswers { node, .. } if world.relay.is_none() || by == Asker::Relay => {
                world.nodes[node].tell(since, &world.database, world.now, self.bug)?
            }
            Step::RelayAnswers { .. } if by == Asker::Verifier => {
                let Relay { follower, source, .. } = world.relay.as_ref()?;
                follower.tell(since, *source, world.now, self.bug)?
            }
            _ => return None,
        };
        Some(Message::Answer { to: by, asked, telling })
    }

    fn arrive(&self, message: Message, world: &mut World) -> Option<()> {
        let Message::Answer { to, asked, telling } = message else { return None };
        let local = self.local(world);
        let (follower, local) = match to {
            Asker::Verifier => (&mut world.verifier, local),
            Asker::Relay => (&mut world.relay.as_mut()?.follower, world.now),
        };
        follower.heed(telling);
        follower.learn(asked, telling, local, self.bug);
        Some(())
    }

    fn stream(&self, step: Step, world: &mut World) -> Option<()> {
        match step {
            Step::StreamOpens(node) if world.stream.is_none() && world.spent.frames < self.setting.frames => {
                let listener = world.relay.as_ref().map_or(&world.verifier, |relay| &relay.follower);
                world.stream = Some(Stream { node, sent: listener.position, frames: Vec::new() });
            }
            Step::StreamTells => {
                spend(&mut world.spent.frames, self.setting.frames)?;
                let Stream { node, sent, frames } = world.stream.as_mut()?;
                let telling = world.nodes[*node].tell(*sent, &world.database, world.now, self.bug)?;
                *sent = Some(telling.position);
                frames.push(telling);
            }
            Step::StreamIsRead => {
                let frames = &mut world.stream.as_mut()?.frames;
                let telling: Telling = (!frames.is_empty()).then(|| frames.remove(0))?;
                match &mut world.relay {
                    Some(relay) if self.bug == Some(Bug::RelayTellsLate) => {
                        relay.follower.position = Some(telling.position);
                        relay.pending = Some(telling);
                    }
                    Some(relay) => relay.follower.heed(telling),
                    None => world.verifier.heed(telling),
                }
                if self.bug == Some(Bug::StreamProves) {
                    let local = self.local(world);
                    world.verifier.learn(local, telling, local, self.bug);
                }
            }
            Step::StreamBreaks => drop(world.stream.take()?),
            _ => return None,
        }
        Some(())
    }

    fn restart(&self, step: Step, world: &mut World) -> Option<()> {
        spend(&mut world.spent.restarts, self.setting.restarts)?;
        let gone = match step {
            Step::VerifierRestarts => {
                let local = self.local(world);
                world.verifier.start_anew(local, self.bug);
                world.stream = world.stream.take().filter(|_| world.relay.is_some());
                if self.setting.credential == Credential::Row {
                    // What was remembered of sessions is gone, too.
                    (world.read, world.held) = (None, None);
                }
                Asker::Verifier
            }
            Step::RelayRestarts => {
                let Relay { follower, source, pending } = world.relay.as_mut()?;
                follower.start_anew(world.now, self.bug);
                *source += 1;
                *pending = None;
                world.stream = None;
                Asker::Relay
            }
            Step::NodeRestarts(at) => {
                world.nodes[at] = node::Node::default();
                world.stream = world.stream.take().filter(|stream| stream.node != at);
                return Some(());
            }
            _ => return None,
        };
        // Nobody is there any more to whom they could be answered.
        world.messages.retain(|message| match message {
            Message::Question { by, .. } => *by != gone,
            Message::Answer { to, .. } => *to != gone,
        });
        Some(())
    }
}

fn ask(by: Asker, follower: &mut Follower, asked: i8, most: u8) -> Option<Message> {
    spend(&mut follower.questions, most)?;
    Some(Message::Question { by, asked, since: follower.position })
}

fn spend(spent: &mut u8, most: u8) -> Option<()> {
    *spent += 1;
    (*spent <= most).then_some(())
}
