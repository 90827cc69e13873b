//! `watchword session`: who is logged in where, and ending that.

use std::io::IsTerminal;
use std::process::ExitCode;

use domain::revocation::keep_until;
use domain::{EndedWhy, Session, SessionId};
use serde::Serialize;
use store::EndedUpTo;

use super::output::{json, line, table};
use super::receipt::{Told, told};
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
        /// Wait until every connected verifier refuses it, and say since when; the exit code is 3 if one is late
        #[arg(long)]
        wait: bool,
        /// End whatever the client of this `client_id` holds instead: refresh tokens and access tokens; cookies go on
        #[arg(long, value_name = "CLIENT_ID", value_parser = client_id)]
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
    #[serde(flatten)]
    receipt: Told,
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
        SessionCommand::End { everybody: true, yes, .. } if !yes && !is_meant()? => {
            line("Nothing was ended.");
            ExitCode::FAILURE
        }
        SessionCommand::End { everybody: true, wait, json: as_json, .. } => {
            let ended = ending_all::everybody(&store, &clock).await.map_err(wrong)?;
            say_ended(&ended, "session", as_json);
            ending_all::passed(&ended, &clock).await;
            let told = told(&ended.receipt, wait, config, &store, &clock).await?;
            tell_all(&ended, told, "Everybody is logged out, and may log in again.", as_json)
        }
        SessionCommand::End { client: Some(client_id), wait, json: as_json, .. } => {
            let ended = ending_all::client(&store, &clock, &client_id).await.map_err(wrong)?;
            say_ended(&ended, "grant", as_json);
            ending_all::passed(&ended, &clock).await;
            let told = told(&ended.receipt, wait, config, &store, &clock).await?;
            let code =
                tell_all(&ended, told, "Sessions go on; whoever used that client logs in with it again.", as_json);
            // A client_id that was mistyped ends nothing.
            if ended.count == 0 { ExitCode::FAILURE } else { code }
        }
        SessionCommand::End { session_id, user: name, wait, json: as_json, .. } => {
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
            if !as_json && ended == 0 {
                line("There was nothing to end: no such session is live.");
            } else if !as_json {
                line("Ended. A running server refuses its cookie and tokens within 100 ms.");
            }
            let receipt = told(&receipt, wait, config, &store, &clock).await?;
            let code = receipt.code();
            if as_json {
                json(&Ended { ended, receipt });
            } else {
                receipt.print();
            }
            if ended == 0 { ExitCode::FAILURE } else { code }
        }
    };
    store.close().await;
    Ok(code)
}

/// Says what was ended up to a moment, before anything else can fail.
fn say_ended(ended: &EndedUpTo, what: &str, as_json: bool) {
    if !as_json {
        let plural = if ended.count == 1 { "" } else { "s" };
        let count = ended.count;
        line(format!("Ended {count} {what}{plural}. A running server refuses what belongs to them within 100 ms."));
    }
}

/// Tells what is to be expected now.
fn tell_all(ended: &EndedUpTo, told: Told, next: &str, as_json: bool) -> ExitCode {
    let code = told.code();
    if as_json {
        json(&Ended { ended: usize::try_from(ended.count).unwrap_or(usize::MAX), receipt: told });
    } else {
        line(next);
        told.print();
    }
    code
}

/// What a client can be called: verifiers are told of it by this name.
fn client_id(text: &str) -> Result<String, String> {
    let most = verifier::Revocation::MAX_NAME_BYTES;
    let is_sound = (1..=most).contains(&text.len());
    if is_sound { Ok(text.to_owned()) } else { Err(format!("a client_id has 1 to {most} bytes")) }
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
