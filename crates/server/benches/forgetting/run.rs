//! One run, from an empty database to the figures.

use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::{MILLISECOND, millis, now};
use crate::ending::{self, until};
use crate::figures::{Figures, Outcome, lost};
use crate::group::Group;
use crate::options::Options;
use crate::place::Place;
use crate::sessions::Sessions;
use crate::traffic::{self, Traffic};
use crate::wire::{FAR, Wire};
use crate::words::{Schedule, Task};

pub async fn run(options: &Options) -> Outcome {
    let wire = if options.cut { Some(Wire::lay().await) } else { None };
    let place = Place::new(options.database, wire.as_ref().map(|wire| wire.address));
    if options.entries > 0 {
        place.fill(options.entries).await;
    }
    let server = place.serve();
    if let Some(wire) = &wire {
        wire.lead_to(server.address);
    }
    let known_by = wire.as_ref().map_or(server.address, |wire| wire.address);
    let sessions = Sessions::make(&place, server.address, options.sessions(), options.groups().len()).await;
    let sessions = Arc::new(sessions);
    let mut groups = start(options, &sessions, &format!("http://{known_by}"));
    let started_in = groups.iter_mut().flat_map(|group| group.until_ready().started_in).collect();

    let counting = traffic::listen(server.address, &sessions.credentials[0]).await;
    let schedule =
        Schedule { start: now() + 500 * MILLISECOND, interval: 1_000 * MILLISECOND / i64::from(options.rate) };
    for group in &mut groups {
        group.begin(schedule);
    }
    let (began, busy_before) = (now(), server.busy_seconds());
    // What is to be ended while the wire is cut must not be ended before, however long this process has to wait for a processor.
    let wanted = watch::Sender::new(if wire.is_some() { options.sessions() / 4 } else { usize::MAX });
    let calling = tokio::spawn({
        let (sessions, wanted) = (Arc::clone(&sessions), wanted.subscribe());
        async move { ending::all(server.address, &sessions, schedule, &wanted).await }
    });
    if let Some(wire) = &wire {
        let mut cut_for = 0;
        for (quarter, is_cut) in [(1, true), (3, false)] {
            until(schedule.due(options.sessions() * quarter / 4).max(now() + cut_for)).await;
            wire.is_cut.send_replace(is_cut);
            wanted.send_replace(if is_cut { options.sessions() * 3 / 4 } else { usize::MAX });
            cut_for = schedule.interval * (options.sessions() / 2) as i64;
        }
    }
    let calls = calling.await.unwrap();
    let server_busy = (server.busy_seconds() - busy_before) / (millis(now() - began) / 1e3);
    // Until then nothing could be a violation.
    until(now() + options.bound as i64 * MILLISECOND + 500 * MILLISECOND).await;
    groups.iter_mut().for_each(Group::end);
    let watched: Vec<_> = groups.iter_mut().map(|group| (group.is_cut, group.watched())).collect();
    let (everything, _) = traffic::everything(server.address, &sessions.credentials[0]).await;
    // What was answered before it was kept would be lost now.
    ending::last(server.address, &sessions).await;
    server.kill();
    let stream = Traffic { bytes: counting.await.unwrap(), entries: calls.len() };

    let (far, near): (Vec<_>, Vec<_>) = watched.into_iter().partition(|(is_cut, _)| *is_cut);
    let figures = [("connected", near), ("cut off", far)].into_iter().filter(|(_, watched)| !watched.is_empty());
    let figures = figures.map(|(name, watched)| {
        let watched: Vec<_> = watched.into_iter().map(|(_, watched)| watched).collect();
        let verifiers = watched.iter().map(|watched| watched.entries.len()).sum();
        Figures::new(name, verifiers, watched, &calls, options.bound)
    });
    Outcome {
        groups: figures.collect(),
        answered_in: calls.iter().enumerate().map(|(at, call)| call.acknowledged - schedule.due(at)).collect(),
        lost: lost(sessions.ending.iter().chain([&sessions.last]).map(|session| session.session_id), &place.ended()),
        calls,
        everything,
        stream,
        server_busy,
        started_in,
    }
}

/// Starts the processes. The last of them is the one to be cut off, if any is.
fn start(options: &Options, sessions: &Sessions, issuer: &str) -> Vec<Group> {
    let counts = options.groups();
    let start = |(at, &verifiers): (usize, &u32)| {
        let is_cut = options.cut && at + 1 == counts.len();
        let task = Task {
            issuer: issuer.to_owned(),
            credential: sessions.credentials[at].clone(),
            name: if is_cut { FAR.to_owned() } else { format!("near-{at}-") },
            verifiers,
            bound: options.bound,
            load: options.load,
            nice: options.nice,
            staying: sessions.staying.clone(),
            ending: sessions.ending.iter().map(|session| session.token.clone()).collect(),
        };
        Group::start(&task, is_cut)
    };
    counts.iter().enumerate().map(start).collect()
}
