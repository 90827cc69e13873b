//! The revocation feed: a database, nodes that read it, perhaps a relay, a verifier, and a network that loses, delays,
//! reorders and duplicates.

mod clock;
mod credential;
mod database;
mod follower;
mod node;
mod rules;
mod steps;

use crate::Bug;
use crate::checker::Model;
use clock::Clock;
use database::Database;
use follower::{Follower, Position, Telling};
use node::Node;
use rules::Verdict;
use steps::Step;

/// How much of everything there is.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// How many ticks pass.
    pub ticks: i8,
    /// How many sessions are ended, each by a transaction of its own: one or two.
    pub transactions: usize,
    /// How many ticks a commit may take after the entry was written. Without any it is written and committed in one step.
    pub patience: i8,
    /// How many nodes answer, any of them any question: one or two.
    pub nodes: usize,
    /// How many questions the verifier asks.
    pub questions: u8,
    /// How many questions a relay asks, which the verifier asks then instead of the nodes. There is none if it asks none.
    pub relay_questions: u8,
    /// Whether the relay has asked a node before everything begins, and listens to a stream of it.
    pub relay_listens: bool,
    /// How often the network delivers something and keeps it, to deliver it again.
    pub duplicates: u8,
    /// How many frames come on streams: to the relay, if there is one, else to the verifier.
    pub frames: u8,
    /// Whether time may pass between reading the log and taking in what was read.
    pub has_slow_nodes: bool,
    /// How often the verifier, a node or the relay is started anew.
    pub restarts: u8,
    /// What it is that the verifier judges.
    pub credential: Credential,
    /// For how many ticks the verifier's machine sleeps.
    pub sleeps: u8,
    /// How often its wall clock is set, each time by how much.
    pub set: (u8, i8),
}

impl Setting {
    /// In which nothing happens.
    pub const NOTHING: Self = Self {
        ticks: 0,
        transactions: 0,
        patience: 0,
        nodes: 0,
        questions: 0,
        relay_questions: 0,
        relay_listens: false,
        duplicates: 0,
        frames: 0,
        has_slow_nodes: false,
        restarts: 0,
        credential: Credential::Token,
        sleeps: 0,
        set: (0, 0),
    };
}

/// What a verifier is shown, and holds from then on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// A token, signed some time after its session was read.
    #[default]
    Token,
    /// What the issuer said of a session, remembered some time after it was read.
    Row,
}

/// A model of the feed.
#[derive(Clone, Copy, Debug)]
pub struct Feed {
    /// How much there is of everything.
    pub setting: Setting,
    /// What is done wrongly.
    pub bug: Option<Bug>,
    /// The only rule that is looked at, if it is not all of them.
    pub only: Option<&'static str>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct World {
    now: i8,
    database: Database,
    nodes: [Node; MOST],
    relay: Option<Relay>,
    verifier: Follower,
    clock: Clock,
    stream: Option<Stream>,
    /// Under way, in order only so that equal worlds look equal.
    messages: Vec<Message>,
    /// A session, and when it was read: alive.
    read: Option<(usize, i8)>,
    held: Option<Held>,
    spent: Spent,
}

/// What has happened as often as the setting says must not happen more often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Spent {
    duplicates: u8,
    frames: u8,
    restarts: u8,
    sleeps: u8,
    set: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Relay {
    follower: Follower,
    /// Whose numbers those in its positions are.
    source: u8,
    /// With a mistake only: what it has read on a stream and cannot tell yet.
    pending: Option<Telling>,
}

/// What a node has sent on a stream and the relay, or without one the verifier, has not read. A stream keeps its order and breaks whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Stream {
    node: usize,
    sent: Option<Position>,
    frames: Vec<Telling>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Asker {
    Verifier,
    Relay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Message {
    Question { by: Asker, asked: i8, since: Option<Position> },
    Answer { to: Asker, asked: i8, telling: Telling },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Held {
    session: usize,
    /// When its session was read, in truth.
    read: i8,
    /// The same, as it is said in it.
    rat: i8,
    until: i8,
}

impl Feed {
    /// The rule of the bound, for [`Self::only`].
    pub const ACCEPTED_LATE: &'static str = rules::ACCEPTED_LATE;

    /// Lets the relay know everything, and listen.
    fn listen(&self, world: &mut World) {
        let World { nodes, database, relay, stream, .. } = world;
        nodes[0].read(database, 0, self.bug);
        nodes[0].take_in(database);
        let told = nodes[0].tell(None, database, 0, self.bug).expect("it has read");
        let relay = relay.as_mut().expect("a relay that listens is there");
        relay.follower.heed(told);
        relay.follower.learn(0, told, 0, self.bug);
        *stream = Some(Stream { node: 0, sent: relay.follower.position, frames: Vec::new() });
    }

    /// What the verifier's clock shows.
    fn local(&self, world: &World) -> i8 {
        world.clock.local(world.now, self.bug)
    }
}

impl Model for Feed {
    type State = World;
    type Step = Step;

    fn start(&self) -> World {
        let mut world = World {
            relay: (self.setting.relay_questions > 0).then(|| Relay {
                follower: Follower::started(0, self.bug),
                source: node::DATABASE + 1,
                pending: None,
            }),
            verifier: Follower::started(0, self.bug),
            ..World::default()
        };
        if self.setting.relay_listens {
            self.listen(&mut world);
        }
        world
    }

    fn steps(&self, world: &World) -> Vec<(Step, World)> {
        let candidates = self.candidates(world).into_iter();
        candidates.filter_map(|step| Some((step, self.after(step, world.clone())?))).collect()
    }

    fn broken(&self, world: &World) -> Option<&'static str> {
        self.broken_rule(world)
    }

    fn example(&self, world: &World) -> Option<&'static str> {
        Some(match self.verdict(world)? {
            Verdict::NotReady => "not ready",
            Verdict::Expired => "expired",
            Verdict::Revoked => "revoked",
            Verdict::Stale => "stale",
            Verdict::Accepted => "accepted",
        })
    }
}

/// Most transactions, and most nodes.
const MOST: usize = 2;

/// How long a credential lives, in ticks, from when its session was read.
const LIFE: i8 = 2;

/// How long a token is accepted beyond that.
const LEEWAY: i8 = 1;

/// How old the knowledge may be by which something is accepted.
const BOUND: i8 = 1;
