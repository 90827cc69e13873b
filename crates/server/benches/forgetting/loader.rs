//! The load: a thread that checks tokens all the time, and notes until when each session was let in that is being ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use verifier::Verifier;

use crate::clock::{MILLISECOND, now};
use crate::words::{Schedule, Seen, Task, Watched};

pub struct Loader<'a> {
    task: &'a Task,
    watches: Vec<Watch<'a>>,
    /// So many sessions may have been ended by now.
    under_way: usize,
    random: Random,
    found: Watched,
}

/// One verifier, and what it makes of the sessions that are ended.
struct Watch<'a> {
    verifier: &'a Verifier,
    seen: Vec<Seen>,
    /// Which of them were refused because they had been revoked, rather than because too little was known.
    is_revoked: Vec<bool>,
    /// Those that are watched closely, because they are about to end.
    close: Vec<usize>,
}

impl<'a> Loader<'a> {
    pub fn new(verifiers: &'a [Verifier], task: &'a Task) -> Self {
        let count = task.ending.len();
        let watch = |verifier| Watch {
            verifier,
            seen: vec![Seen::default(); count],
            is_revoked: vec![false; count],
            close: Vec::new(),
        };
        let watches = verifiers.iter().map(watch).collect();
        Self { task, watches, under_way: 0, random: Random(now() as u64 | 1), found: Watched::default() }
    }

    /// Shows every token to every verifier once, so that signatures are out of the way.
    pub async fn meet_all(&mut self) {
        for watch in &self.watches {
            for token in self.task.staying.iter().chain(&self.task.ending) {
                // On a busy machine too little may be known for a moment.
                while let Err(rejection) = watch.verifier.verify(token).await {
                    assert_eq!(rejection.code(), "stale", "nothing has been withdrawn yet");
                    thread::park_timeout(Duration::from_millis(5));
                }
            }
        }
    }

    /// Checks until it is over.
    pub fn run(mut self, schedule: Schedule, runtime: &Handle, is_over: &AtomicBool) -> Watched {
        let began = now();
        while !is_over.load(Ordering::Relaxed) {
            let pass_began = now();
            runtime.block_on(self.pass(schedule));
            let idle = i64::from(100 - self.task.load) * (now() - pass_began) / i64::from(self.task.load);
            if idle > 0 {
                // Nobody wakes it.
                thread::park_timeout(Duration::from_nanos(idle as u64));
            }
        }
        self.found.span = now() - began;
        self.until_all_is_known();
        runtime.block_on(self.look_at_all());
        let mut sessions = self.watches.iter().map(|watch| watch.seen.clone());
        let first = sessions.next().unwrap_or_default();
        self.found.sessions =
            sessions.fold(first, |all, seen| all.into_iter().zip(seen).map(|(a, b)| a.and(b)).collect());
        self.found.entries = self.watches.iter().map(|watch| watch.verifier.checker().revoked().len()).collect();
        self.found
    }

    /// At each verifier: all that are about to end, and some of those that are not.
    async fn pass(&mut self, schedule: Schedule) {
        let soon = now() + AHEAD;
        let before = self.under_way;
        while self.under_way < self.task.ending.len() && schedule.due(self.under_way) < soon {
            self.under_way += 1;
        }
        for watch in &mut self.watches {
            watch.close.extend(before..self.under_way);
            for at in (0..watch.close.len()).rev() {
                let is_settled = watch.check(watch.close[at], self.task, &mut self.found).await;
                if is_settled {
                    watch.close.swap_remove(at);
                }
            }
            for _ in 0..STAYING {
                let (token, ends_at) = staying(self.task, self.under_way, schedule, &mut self.random);
                match watch.verifier.verify(token).await {
                    Err(rejection) if rejection.code() == "stale" => self.found.stale += 1,
                    // This thread may have had to wait for a processor since the pass began.
                    Err(rejection) if rejection.code() == "revoked" && ends_at.is_some_and(|at| at <= now()) => {}
                    verdict => drop(verdict.unwrap()),
                }
            }
            self.found.checks += STAYING;
        }
        // What was refused stays refused. It has to be verified anew each time, so not often.
        if self.under_way > 0 && self.random.below(SELDOM) == 0 {
            let (watch, session) = (self.random.below(self.watches.len()), self.random.below(self.under_way));
            self.watches[watch].check(session, self.task, &mut self.found).await;
        }
    }

    /// Until every verifier has heard of every end, however long it or this thread stood still before; or never will.
    fn until_all_is_known(&mut self) {
        self.under_way = self.task.ending.len();
        let give_up = now() + 60_000 * MILLISECOND;
        let knows_all = |watch: &Watch<'_>| watch.verifier.checker().revoked().len() >= watch.seen.len();
        while !self.watches.iter().all(knows_all) && now() < give_up {
            thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// At the end every session is tried once more everywhere.
    async fn look_at_all(&mut self) {
        for watch in &mut self.watches {
            for session in 0..self.under_way {
                let before = watch.seen[session].accepted;
                watch.check(session, self.task, &mut self.found).await;
                self.found.left += u64::from(watch.seen[session].accepted != before);
            }
        }
    }
}

impl Watch<'_> {
    /// Whether it has been refused as revoked, which settles it.
    async fn check(&mut self, session: usize, task: &Task, found: &mut Watched) -> bool {
        let began = now();
        let verdict = self.verifier.verify(&task.ending[session]).await;
        found.checks += 1;
        let seen = &mut self.seen[session];
        match verdict {
            Ok(_) => {
                found.revived += u64::from(self.is_revoked[session]);
                seen.accepted = Some(began);
                seen.refused = None;
            }
            Err(rejection) => {
                seen.refused.get_or_insert_with(now);
                self.is_revoked[session] |= rejection.code() == "revoked";
            }
        }
        self.is_revoked[session]
    }
}

/// The token of a session that stays, at least for now, and when it is to be ended.
fn staying<'a>(task: &'a Task, under_way: usize, schedule: Schedule, random: &mut Random) -> (&'a str, Option<i64>) {
    let still = &task.ending[under_way..];
    let at = random.below(task.staying.len() + still.len());
    let ending = || {
        let at = at - task.staying.len();
        (still[at].as_str(), Some(schedule.due(under_way + at)))
    };
    task.staying.get(at).map_or_else(ending, |token| (token, None))
}

/// An order that cannot be foreseen (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// For how long before its end a session is watched closely, in nanoseconds.
const AHEAD: i64 = 10 * MILLISECOND;

/// How many tokens of sessions that stay are checked at each verifier in a pass: few, so that the next pass is not far.
const STAYING: u64 = 2;

/// In one of so many passes a session is tried that may have been over for long.
const SELDOM: usize = 16;
