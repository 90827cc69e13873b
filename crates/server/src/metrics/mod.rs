//! `GET /metrics`, on a listener of its own: how the node and those who follow it are doing, in the text format of Prometheus.

use std::fmt::{Display, Write};
use std::sync::atomic::Ordering;

use axum::http::header::{self, HeaderName};

use crate::app::App;
use crate::listeners::Connected;

/// `GET /metrics`.
pub async fn show(app: App) -> ([(HeaderName, &'static str); 1], String) {
    let now = app.clock.now();
    // Without the database, what this node has heard is told.
    let _ = app.listeners.read(&app.store, now).await;
    let connected = app.listeners.connected(now);
    let traffic = &app.traffic;
    let mut text = Text(String::new());
    let revocations = app.memory.feed().log().len();
    text.one("watchword_revocations", "gauge", "Entries that verifiers must remember.", revocations);
    if let Some(age) = app.memory.age(now) {
        text.one(
            "watchword_revocations_age_seconds",
            "gauge",
            "How old this node's knowledge of them is.",
            seconds(age),
        );
    }
    text.one("watchword_verifiers", "gauge", "Processes that follow this installation, by any node.", connected.len());
    text.head(
        "watchword_verifier_age_seconds",
        "gauge",
        "How long ago a process that follows has asked, at most 500 of them.",
    );
    for Connected { name, asked_at, .. } in connected.iter().take(MOST_SERIES) {
        // Names have no character that would have to be escaped.
        let labels = format!("{{verifier=\"{}\",instance=\"{}\"}}", name.verifier, name.instance);
        text.value("watchword_verifier_age_seconds", &labels, seconds(now.since(*asked_at).0));
    }
    for (name, kind, help, count) in [
        ("watchword_feed_streams", "gauge", "Streams of revocations that are open here.", &traffic.streams),
        ("watchword_feed_questions_total", "counter", "Questions for revocations answered here.", &traffic.questions),
        (
            "watchword_feed_put_off_total",
            "counter",
            "Questions and streams answered 503 for want of room.",
            &traffic.put_off,
        ),
        ("watchword_feed_bytes_total", "counter", "Bytes of revocations sent from here.", &traffic.bytes),
    ] {
        text.one(name, kind, help, count.load(Ordering::Relaxed));
    }
    text.head("watchword_checks_total", "counter", "Credentials judged here.");
    for (outcome, count) in
        [("accepted", &traffic.accepted), ("refused", &traffic.refused), ("unsure", &traffic.unsure)]
    {
        let labels = format!("{{outcome=\"{outcome}\"}}");
        text.value("watchword_checks_total", &labels, count.load(Ordering::Relaxed));
    }
    text.one("watchword_commits_total", "counter", "Transactions committed from here.", app.store.commits());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text.0)
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn value(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.value(name, "", value);
    }
}

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1_000.0
}

/// Most processes that are told of one by one.
const MOST_SERIES: usize = 500;
