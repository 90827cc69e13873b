//! What happens without a request: writing what was seen, learning what others revoked, rotating keys, sweeping.

use std::time::Duration;

use domain::{Span, UnixMillis};
use store::{Move, OpenError};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::app::App;
use crate::keyring::KeyError;

/// Starts all jobs. They end when the set is dropped.
pub fn start(app: &App) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    jobs.spawn(keep_time(app.clone(), ticks(LOOK)));
    jobs.spawn(learn(app.clone(), POLL));
    jobs.spawn(pass_on(app.clone(), ticks(POLL)));
    jobs.spawn(rotate(app.clone(), ticks(POLL)));
    jobs.spawn(write_behind(app.clone(), ticks(WRITE_BEHIND)));
    jobs.spawn(sweep(app.clone(), ticks(SWEEP)));
    jobs
}

/// Writes which sessions were used lately. Also called once at the end.
pub async fn write_seen(app: &App) -> Result<(), store::Error> {
    let touched = app.memory.take_touched();
    if touched.is_empty() { Ok(()) } else { app.store.touch(touched, app.config.session.idle).await }
}

/// Writes what listeners have acknowledged, as far as other nodes have to know by now.
pub async fn write_listeners(app: &App) -> Result<(), store::Error> {
    let due = app.listeners.due(app.memory.feed().log(), app.clock.now());
    if !due.is_empty() {
        app.store.note_listeners(due.clone()).await?;
        app.listeners.wrote(&due);
    }
    Ok(())
}

/// Learns which keys there are by now, and makes, activates or drops one if that is due.
pub async fn tend_keys(app: &App) -> Result<(), KeyError> {
    app.keys.tend(&app.store, &app.memory, app.clock.now()).await
}

/// Waits until the installation is no longer in this database, and answers why it cannot be served from here. While it
/// is only on the way, says so in the log: what would change something is refused by the database.
pub async fn departure(app: &App) -> OpenError {
    let mut ticks = ticks(WATCH);
    let mut is_leaving = false;
    loop {
        ticks.tick().await;
        // Trouble with the database is reported by the other jobs, which ask it too.
        let Ok(moving) = app.store.current_move().await else { continue };
        let was_leaving = std::mem::replace(&mut is_leaving, moving.is_some());
        match moving {
            None if was_leaving => tracing::info!("the installation stays here: changes are accepted again"),
            Some(Move::Leaving(place)) if !was_leaving => {
                tracing::warn!(place, "the installation is being moved: checks go on, changes are answered with 503");
            }
            None | Some(Move::Leaving(_)) => {}
            Some(gone) => return gone.refusal(app.config.database.to_string()),
        }
    }
}

/// Learns what others have revoked: whenever the database hints at it, and every so often in any case, because hints
/// get lost.
pub async fn learn(app: App, every: Duration) {
    let mut ticks = ticks(every);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.store.revocations_hinted() => {}
        }
        report("revocations", app.memory.catch_up(&app.store, app.clock.now()).await);
    }
}

/// Follows the clock that counts, and says so when this machine's own is another.
async fn keep_time(app: App, mut ticks: Interval) {
    let mut was_off = false;
    loop {
        ticks.tick().await;
        report("clock", app.clock.look(&app.store).await);
        let off = app.clock.off().filter(|off| off.abs() > CLOCK_OFF.0);
        if let Some(off) = off.filter(|_| !was_off) {
            let seconds = off / 1000;
            tracing::warn!(
                seconds,
                "this machine's clock is ahead of the database's by so much; the database's counts"
            );
        }
        was_off = off.is_some();
    }
}

/// Tells other nodes what listeners have acknowledged here, and learns from them who is connected there.
async fn pass_on(app: App, mut ticks: Interval) {
    let (mut quiet_until, mut read_at) = (UnixMillis(0), UnixMillis(0));
    loop {
        ticks.tick().await;
        let mut outcome = write_listeners(&app).await;
        let now = app.clock.now();
        if now.since(read_at) >= READ_LISTENERS {
            read_at = now;
            outcome = outcome.and(app.listeners.read(&app.store, now).await);
        }
        if now >= quiet_until && report("listeners", outcome).is_none() {
            quiet_until = now + COMPLAIN_EVERY;
        }
    }
}

/// Apart from [`learn`], so that revocations need not wait while a key is made.
async fn rotate(app: App, mut ticks: Interval) {
    let mut quiet_until = UnixMillis(0);
    loop {
        ticks.tick().await;
        let tended = tend_keys(&app).await;
        let now = app.clock.now();
        if now >= quiet_until && report("keys", tended).is_none() {
            quiet_until = now + COMPLAIN_EVERY;
        }
    }
}

async fn write_behind(app: App, mut ticks: Interval) {
    loop {
        ticks.tick().await;
        report("seen", write_seen(&app).await);
    }
}

async fn sweep(app: App, mut ticks: Interval) {
    loop {
        ticks.tick().await;
        let now = app.clock.now();
        app.memory.expire(now);
        report("clock floor", app.store.raise_clock_floor(now).await);
        while report("sweep", app.store.sweep(now, KEEP_ENDED).await).is_some_and(|swept| swept.is_full()) {}
    }
}

fn report<T, E: std::error::Error + 'static>(job: &'static str, result: Result<T, E>) -> Option<T> {
    let warn = |error: &E| {
        let error: &dyn std::error::Error = error;
        tracing::warn!(job, error, "a job failed and will be tried again");
    };
    result.inspect_err(warn).ok()
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// How soon a revocation or change of keys by another process, such as a command, is honoured here.
const POLL: Duration = Duration::from_millis(100);

/// How soon it is noticed that the installation was moved away. `watchword migrate` waits for eight times as long before
/// it opens the new database.
const WATCH: Duration = Duration::from_millis(250);

/// How often the database's clock is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// By how much this machine's clock may differ from the database's unmentioned. Nothing here depends on it; whoever checks
/// tokens elsewhere on this machine, or compares logs, does.
pub const CLOCK_OFF: Span = Span::seconds(5);

/// How often it is read who is connected to other nodes: so late may a receipt be with counting on a longer bound of theirs.
const READ_LISTENERS: Span = Span::seconds(1);

/// How often trouble with keys and listeners is logged while it lasts.
const COMPLAIN_EVERY: Span = Span::minutes(1);

/// How often `seen_at` is written.
const WRITE_BEHIND: Duration = Duration::from_secs(5);

/// How often what has expired is swept.
const SWEEP: Duration = Duration::from_mins(1);

/// How long ended sessions are kept, to answer what happened to them.
const KEEP_ENDED: Span = Span::days(30);
