//! What a command says that ended something: who refuses it by now, and who is late.

use std::process::ExitCode;

use domain::revocation::{Receipt, keep_until};
use domain::{Span, UnixMillis};
use serde::Serialize;
use store::Store;

use super::output::{line, table};
use crate::app::StartError;
use crate::clock::Clock;
use crate::config::Config;
use crate::listeners::{Acknowledgement, Listeners};
use crate::moments::second;

/// A receipt, and what was told while waiting.
#[derive(Serialize)]
pub struct Told {
    revoked_at: i64,
    effective_by: i64,
    position: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verifiers: Option<Vec<Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<usize>,
    /// Whether somebody was to be waited for, and it cannot be told who.
    #[serde(skip)]
    is_unknown: bool,
}

#[derive(Serialize)]
struct Row {
    name: String,
    instance: String,
    acknowledged_at: Option<i64>,
}

/// Waits, if that is asked for, until every connected verifier has acknowledged what was ended.
///
/// It has ended, whatever this says: that the database does not tell who follows is no error.
pub async fn told(
    receipt: &Receipt,
    waits: bool,
    config: &Config,
    store: &Store,
    clock: &Clock,
) -> Result<Told, StartError> {
    let listeners = Listeners::default();
    // The write may have waited: whoever is cut off counts from its commit.
    let committed_by = receipt.revoked_at.max(clock.now());
    let is_read = listeners.read(store, clock.now()).await.is_ok();
    let effective_by = if is_read {
        committed_by + listeners.longest_bound(config.session.bound, clock.now())
    } else {
        keep_until(committed_by)
    };
    let verifiers = match &receipt.place {
        Some(place) if waits && is_read => {
            let all = listeners.wait(place, effective_by, store, clock).await;
            Some(all.into_iter().map(Row::of).collect::<Vec<_>>())
        }
        _ => None,
    };
    Ok(Told {
        revoked_at: receipt.revoked_at.0,
        effective_by: effective_by.0,
        position: receipt.place.as_ref().map(ToString::to_string),
        late: verifiers.as_ref().map(|all| all.iter().filter(|row| row.acknowledged_at.is_none()).count()),
        verifiers,
        is_unknown: waits && !is_read && receipt.place.is_some(),
    })
}

impl Told {
    /// Says that whoever is late may accept it for so long, where that is longer than its bound.
    pub fn or_after(mut self, span: Span) -> Self {
        self.effective_by = self.effective_by.max(self.revoked_at + span.0);
        self
    }

    /// Prints who refuses since when, and who is late. Nothing, if nobody was waited for.
    pub fn print(&self) {
        if self.is_unknown {
            let by = second(UnixMillis(self.effective_by));
            line(format!("The database does not tell which verifiers are connected. All refuse it from {by} on."));
        }
        let (Some(verifiers), Some(late)) = (&self.verifiers, self.late) else { return };
        if verifiers.is_empty() {
            line("No verifier is connected that would have to be told.");
            return;
        }
        let since = |at: i64| format!("+{} ms", at - self.revoked_at);
        let cells = |row: &Row| {
            let refused = row.acknowledged_at.map_or_else(|| "late".to_owned(), since);
            [row.name.clone(), row.instance.clone(), refused]
        };
        line("");
        table(["VERIFIER", "INSTANCE", "REFUSED FROM"], &verifiers.iter().map(cells).collect::<Vec<_>>());
        line("");
        if late == 0 {
            line("Every connected verifier refuses it.");
        } else {
            let by = second(UnixMillis(self.effective_by));
            line(format!(
                "{late} of {} are late. Whatever became of them, they refuse it from {by} on.",
                verifiers.len()
            ));
        }
    }

    /// 0, but 3 if somebody who was waited for is late, or may be.
    pub fn code(&self) -> ExitCode {
        if self.late.unwrap_or(0) == 0 && !self.is_unknown { ExitCode::SUCCESS } else { ExitCode::from(3) }
    }
}

impl Row {
    fn of(Acknowledgement { name, at }: Acknowledgement) -> Self {
        Self { name: name.verifier, instance: name.instance, acknowledged_at: at.map(|at| at.0) }
    }
}
