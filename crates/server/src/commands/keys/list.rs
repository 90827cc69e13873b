//! `watchword keys list`.

use domain::signing_keys::{Due, KeyLife, Step, agenda};
use domain::{KeyState, UnixMillis};
use serde::Serialize;

use super::Desk;
use crate::app::StartError;
use crate::commands::output::{json, line, table};
use crate::moments::{ago, moment, until};

#[derive(Serialize)]
struct Row<'a> {
    kid: &'a str,
    algorithm: &'a str,
    state: &'static str,
    created_at: i64,
    activated_at: Option<i64>,
    retired_at: Option<i64>,
    /// When something happens to it by itself.
    next_step_at: Option<i64>,
    /// What.
    next_step: Option<&'static str>,
}

impl Desk<'_> {
    pub(super) async fn list(&self, all: bool, as_json: bool) -> Result<(), StartError> {
        let keys: Vec<KeyLife> = self.keys().await?.into_iter().map(|key| key.life).collect();
        let agenda = agenda(&keys, &self.schedule);
        let shown: Vec<&KeyLife> = keys.iter().filter(|key| all || key.state != KeyState::Gone).collect();
        if as_json {
            json(&shown.iter().map(|key| row(key, &agenda)).collect::<Vec<_>>());
            return Ok(());
        }
        if shown.is_empty() {
            line("There are no keys yet: the server makes one when it is started.");
            return Ok(());
        }
        let now = self.clock.now();
        let cells = |key: &&KeyLife| {
            let since = key.retired_at.or(key.activated_at).unwrap_or(key.created_at);
            let next = next_step(key, &agenda).map(|(at, what)| format!("{what} {}", until(at, now)));
            let since = format!("{}, {}", moment(since), ago(since, now));
            let next = next.unwrap_or_default();
            [key.state.as_str().to_owned(), key.algorithm.clone(), key.kid.clone(), since, next]
        };
        table(["STATE", "ALGORITHM", "KEY", "SINCE", "THEN"], &shown.iter().map(cells).collect::<Vec<_>>());
        Ok(())
    }
}

fn row<'a>(key: &'a KeyLife, agenda: &[Due]) -> Row<'a> {
    let next = next_step(key, agenda);
    Row {
        kid: &key.kid,
        algorithm: &key.algorithm,
        state: key.state.as_str(),
        created_at: key.created_at.0,
        activated_at: key.activated_at.map(|at| at.0),
        retired_at: key.retired_at.map(|at| at.0),
        next_step_at: next.map(|(at, _)| at.0),
        next_step: next.map(|(_, what)| what),
    }
}

/// What is going to happen to a key by itself.
fn next_step(key: &KeyLife, agenda: &[Due]) -> Option<(UnixMillis, &'static str)> {
    agenda.iter().find_map(|due| {
        let what = match (&due.step, key.state) {
            (Step::Prepare, KeyState::Active) => "gets a successor",
            (Step::Activate(_), KeyState::Active) => "retires",
            (Step::Activate(kid), KeyState::Next) if *kid == key.kid => "signs",
            (Step::Drop(kid, KeyState::Next), KeyState::Next) if *kid == key.kid => "is taken back",
            (Step::Drop(kid, KeyState::Retired), KeyState::Retired) if *kid == key.kid => "is gone",
            _ => return None,
        };
        Some((due.at, what))
    })
}
