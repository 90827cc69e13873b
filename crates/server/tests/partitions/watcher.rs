//! A verifier as a process: it judges the tokens that it is given again and again, and tells when a verdict changes, and when it
//! accepted each of them last, by a clock that all processes share.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use verifier::{Verifier, WhenStale};

use crate::ledger::HEALED;

/// In which variable it is told whom to follow: `issuer`, `feed` or null, `credential`, `keys_from_relay`, `bound_ms`.
pub const VARIABLE: &str = "PARTITIONS_WATCHER";

/// How routes differ. All but the last keep the bound.
pub const MODES: [(&str, WhenStale); 4] = [
    ("fresh", WhenStale::Refresh),
    ("deny", WhenStale::Deny),
    ("introspect", WhenStale::Introspect),
    ("until_exp", WhenStale::UntilExp),
];

/// Microseconds of the clock that goes on while the machine sleeps.
pub fn now() -> i64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

pub fn run() -> ExitCode {
    let told: Value = serde_json::from_str(&std::env::var(VARIABLE).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(watch_all(&told));
    ExitCode::SUCCESS
}

async fn watch_all(told: &Value) {
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    let bound = Duration::from_millis(told["bound_ms"].as_u64().unwrap());
    let mut connect = Verifier::from_issuer(text("issuer")).bound(bound).retry_for(HEALED);
    connect = match told["feed"].as_str() {
        Some(url) => connect.follow_relay(url, text("credential")),
        None => connect.follow(text("credential")),
    };
    if told["keys_from_relay"] == true {
        connect = connect.keys_from_relay();
    }
    let verifier = connect.await.unwrap_or_else(|error| panic!("{error}"));
    // One writer, so that lines stay whole.
    let (say, mut said) = mpsc::unbounded_channel::<Value>();
    std::thread::spawn(move || {
        while let Some(line) = said.blocking_recv() {
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    });
    let _ = say.send(json!({ "ready": true }));
    // A number that grows whenever a report is wanted.
    let (report, reports) = watch::channel(0_u64);
    let (report, runtime) = (Arc::new(report), tokio::runtime::Handle::current());
    let reading = tokio::task::spawn_blocking(move || {
        // A line is a token after its name, or the wish for a report. The process ends with its input.
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let Some((name, token)) = line.split_once(' ') else {
                report.send_modify(|number| *number += 1);
                continue;
            };
            for (mode, when_stale) in MODES {
                let one = One { name: name.to_owned(), token: token.to_owned(), mode, when_stale };
                runtime.spawn(one.judge_on(verifier.clone(), say.clone(), reports.clone()));
            }
        }
    });
    let _ = reading.await;
}

/// A token on a route.
struct One {
    name: String,
    token: String,
    mode: &'static str,
    when_stale: WhenStale,
}

impl One {
    async fn judge_on(self, verifier: Verifier, say: mpsc::UnboundedSender<Value>, reports: watch::Receiver<u64>) {
        let (mut last_verdict, mut last_accepted, mut reported) = ("", None, 0);
        let [mut often, mut seldom] = [OFTEN, SELDOM].map(interval);
        often.set_missed_tick_behavior(MissedTickBehavior::Delay);
        seldom.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if matches!(last_verdict, "" | "accepted") {
                often.tick().await
            } else {
                seldom.tick().await
            };
            let wanted = *reports.borrow();
            // Before the check: whatever it decides, it decides later.
            let before = now();
            let verdict = match verifier.verify_for(&self.token, self.when_stale).await {
                Ok(_) => "accepted",
                Err(rejection) => rejection.code(),
            };
            if verdict == "accepted" {
                last_accepted = Some(before);
            }
            if verdict != last_verdict || wanted != reported {
                let line = json!({
                    "name": self.name, "mode": self.mode, "verdict": verdict, "accepted": last_accepted, "report": wanted,
                });
                if say.send(line).is_err() {
                    return;
                }
            }
            (last_verdict, reported) = (verdict, wanted);
        }
    }
}

/// How often a token is judged that was accepted.
const OFTEN: Duration = Duration::from_millis(4);

/// How often one is that was refused, which takes a whole verification.
const SELDOM: Duration = Duration::from_millis(20);
