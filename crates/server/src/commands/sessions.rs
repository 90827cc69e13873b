//! `watchword session`: who is logged in where, and ending that.

use std::io::IsTerminal;
use std::process::ExitCode;

use domain::revocation::keep_until;
use domain::{EndedWhy, Session, SessionId};
use serde::Serialize;
use store::{EndedUpTo, Store};

use super::output::{json, line, table};
use super::start::{account, existing, wrong};
use crate::app::StartError;
use crate::clock::Clock;
use crate::config::Config;
use crate::ending_all;
use crate::moments::ago;

#[derive(clap::Subcommand)]
pub enum SessionCommand {
    /// List somebody's sessions
    List {
        /// Username or e-mail address
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End one session, all of somebody's, whatever a client holds, or everything
    #[command(group = clap::ArgGroup::new("what").required(true).args(["session_id", "user", "client", "everybody"]))]
    End {
        /// Session id, as the list shows it
        session_id: Option<String>,
        /// End all sessions of this user instead
        #[arg(long)]
        user: Option<String>,
        /// End whatever the client of this `client_id` holds instead: refresh tokens and access tokens; cookies go on
        #[arg(long, value_name = "CLIENT_ID")]
        client: Option<String>,
        /// End everything that was issued to anybody before now instead
        #[arg(long)]
        everybody: bool,
        /// Do not ask whether everybody is meant
        #[arg(long, requires = "everybody", conflicts_with_all = ["session_id", "user", "client"])]
        yes: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Row {
    session_id: String,
    device: String,
    ip: String,
    kind: &'static str,
    created_at: i64,
    seen_at: i64,
    expires_at: i64,
}

#[derive(Serialize)]
struct Ended {
    ended: usize,
    revoked_at: i64,
}

pub async fn run(command: SessionCommand, config: &Config) -> Result<ExitCode, StartError> {
    let store = existing(config).await?;
    let clock = Clock::of(&store).await?;
    let now = clock.now();
    let code = match command {
        SessionCommand::List { name, json: as_json } => {
            let sessions = store.sessions_of(account(&store, &name).await?.user_id, now).await?;
            if as_json {
                json(&sessions.iter().map(Row::of).collect::<Vec<_>>());
            } else if sessions.is_empty() {
                line(format!("{name} is logged in nowhere."));
            } else {
                let cells = |session: &Session| {
                    let row = Row::of(session);
                    [row.session_id, row.device, row.ip, row.kind.to_owned(), ago(session.seen_at, now)]
                };
                let rows: Vec<_> = sessions.iter().map(cells).collect();
                table(["SESSION", "DEVICE", "ADDRESS", "KIND", "SEEN"], &rows);
            }
            ExitCode::SUCCESS
        }
        SessionCommand::End { everybody: true, yes, json: as_json, .. } => {
            end_everybody(&store, &clock, yes, as_json).await?
        }
        SessionCommand::End { client: Some(client_id), json: as_json, .. } => {
            end_client(&store, &clock, &client_id, as_json).await?
        }
        SessionCommand::End { session_id, user: name, json: as_json, .. } => {
            let keep_until = keep_until(now);
            let why = EndedWhy::EndedByAdmin;
            let receipt = match (session_id, name) {
                (Some(id), _) => {
                    let id: SessionId = id.parse().map_err(|_| wrong(format!("`{id}` is not a session id")))?;
                    store.end_session(id, why, keep_until, now).await?
                }
                (None, Some(name)) => {
                    store.end_all_sessions(account(&store, &name).await?.user_id, why, keep_until, now).await?
                }
                (None, None) => return Err(wrong("name a session, or a user with --user")),
            };
            let ended = receipt.revocations.len();
            if as_json {
                json(&Ended { ended, revoked_at: receipt.revoked_at.0 });
            } else if ended == 0 {
                line("There was nothing to end: no such session is live.");
            } else {
                line("Ended. A running server refuses its cookie and tokens within 100 ms.");
            }
            if ended == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
    };
    store.close().await;
    Ok(code)
}

async fn end_everybody(store: &Store, clock: &Clock, yes: bool, as_json: bool) -> Result<ExitCode, StartError> {
    if !yes && !is_meant()? {
        line("Nothing was ended.");
        return Ok(ExitCode::FAILURE);
    }
    let ended = ending_all::everybody(store, clock).await?;
    ending_all::passed(&ended, clock).await;
    tell_all(&ended, "session", "Everybody is logged out, and may log in again.", as_json);
    Ok(ExitCode::SUCCESS)
}

async fn end_client(store: &Store, clock: &Clock, client_id: &str, as_json: bool) -> Result<ExitCode, StartError> {
    let ended = ending_all::client(store, clock, client_id).await?;
    ending_all::passed(&ended, clock).await;
    tell_all(&ended, "grant", "Sessions go on; whoever used that client logs in with it again.", as_json);
    // A client_id that was mistyped ends nothing.
    Ok(if ended.count == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What was ended up to a moment, and what is to be expected.
fn tell_all(ended: &EndedUpTo, what: &str, next: &str, as_json: bool) {
    let (count, at) = (ended.count, ended.receipt.revoked_at);
    if as_json {
        json(&Ended { ended: usize::try_from(count).unwrap_or(usize::MAX), revoked_at: at.0 });
    } else {
        let plural = if count == 1 { "" } else { "s" };
        line(format!("Ended {count} {what}{plural}. A running server refuses what belongs to them within 100 ms."));
        line(next);
    }
}

/// Asks whether everybody is meant.
fn is_meant() -> Result<bool, StartError> {
    if !std::io::stdin().is_terminal() {
        return Err(wrong("this logs everybody out, on every device; say --yes if that is meant"));
    }
    line("This logs everybody out, on every device: people, and programs with their tokens. Type yes to go on.");
    let mut text = String::new();
    std::io::stdin().read_line(&mut text).map_err(wrong)?;
    Ok(text.trim() == "yes")
}

impl Row {
    fn of(session: &Session) -> Self {
        Self {
            session_id: session.session_id.to_string(),
            device: domain::device::name(&session.user_agent),
            ip: session.ip.to_string(),
            kind: session.views(),
            created_at: session.created_at.0,
            seen_at: session.seen_at.0,
            expires_at: session.expires_at.0,
        }
    }
}
