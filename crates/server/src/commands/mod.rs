//! The command line: what can be said, and what each command does.

mod accounts;
mod backup;
mod clock;
mod compare;
mod config;
mod demo;
mod doctor;
mod history;
mod keys;
mod migrate;
mod output;
mod progress;
mod receipt;
mod relay;
mod restore;
mod serve;
mod sessions;
mod start;
mod throwaway;
mod token;
mod verifiers;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use rustix::process::{Resource, Rlimit, setrlimit};
use token::TokenCommand;

use crate::app::StartError;
use crate::config::{Config, Overrides};

/// One login, two credentials, one truth: an authentication server.
///
/// Without a command it serves, on http://127.0.0.1:8080 and with a SQLite file in the current folder.
#[derive(Parser)]
#[command(name = "watchword", version, propagate_version = true, max_term_width = 100)]
struct CommandLine {
    #[command(flatten)]
    overrides: Overrides,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (what happens without a command)
    Serve,
    /// Serve a throwaway database with two accounts, and print how to use them
    Demo(demo::Demo),
    /// Measure on this machine what it costs to know who is asking, in five ways, and how soon each heeds a logout
    Compare(compare::Compare),
    /// Manage accounts
    #[command(subcommand)]
    User(accounts::User),
    /// Look at sessions and end them
    #[command(subcommand)]
    Session(sessions::SessionCommand),
    /// Look after the keys that sign tokens
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Programs that may follow the revocations
    #[command(subcommand)]
    Verifier(verifiers::Verifier),
    /// Serve the revocations of another server on to verifiers, without a database, so that not all of them need reach it
    Relay(relay::RelayCommand),
    /// Look into tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Move this installation to another database, from SQLite to PostgreSQL or back; nobody is logged out
    Migrate(migrate::Migrate),
    /// Open a database again that `migrate` has closed, because the installation is to stay there
    Reopen(migrate::Reopen),
    /// Write a copy of the database to a file; the server may go on meanwhile
    Backup(backup::Backup),
    /// Put a backup in place of the database; stop the server first. All sessions end
    Restore(restore::Restore),
    /// Look at everything the installation depends on, change nothing, and say what to do
    Doctor(doctor::Doctor),
    /// Print the effective configuration, secrets masked
    Config,
    /// Forget the latest time that the database has seen, after a clock was wrong. Stop the server first; what expired by
    /// the wrong time may revive
    DangerResetClock,
    /// Go on with a PostgreSQL database after a failover lost writes that had been acknowledged. Stop every node first; what
    /// was revoked or used up by those writes may be valid again
    DangerAcceptLostWrites,
    /// Print a script that completes commands in your shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Runs the program. Exit code 0 is success, 1 is "no", 2 is a mistake on the command line, 3 is done although not everybody has
/// acknowledged it.
pub fn run() -> ExitCode {
    let line = CommandLine::parse();
    if let Err(error) = forbid_core_dumps() {
        output::error(&error);
        return ExitCode::FAILURE;
    }
    let env =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let env: Vec<(String, String)> = env.filter(|(name, _)| name.starts_with("WATCHWORD_")).collect();
    match dispatch(line, env) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// No memory of this process on any disk: it holds keys and passwords. On Linux, nobody but root may look into it, either.
fn forbid_core_dumps() -> Result<(), StartError> {
    let failed = |e| StartError::System(format!("cannot switch core dumps off: {e}"));
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(failed)?;
    // The limit does not hold for a dump that goes to a program, as with systemd-coredump.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).map_err(failed)?;
    Ok(())
}

fn dispatch(mut line: CommandLine, env: Vec<(String, String)>) -> Result<ExitCode, StartError> {
    if let Some(Command::Completions { shell }) = line.command {
        clap_complete::generate(shell, &mut CommandLine::command(), "watchword", &mut std::io::stdout());
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(Command::Relay(relay)) = &line.command {
        // It stands for the issuer, and has no address of its own that people would type.
        line.overrides.public_url.get_or_insert_with(|| relay.issuer().to_owned());
    }
    let config = Config::load(&line.overrides, &env);
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = threads.map_err(|e| StartError::System(format!("cannot start threads: {e}")))?;
    runtime.block_on(async {
        if let Some(Command::Doctor(doctor)) = line.command {
            return Ok(doctor::run(doctor, config, &line.overrides, &env).await);
        }
        if let Some(Command::Compare(compare)) = line.command {
            return compare::run(compare, &line.overrides).await;
        }
        let config = config?;
        match line.command {
            None | Some(Command::Serve) => serve::run(config, env).await,
            Some(Command::Demo(demo)) => demo::run(demo, &line.overrides, config, env).await,
            Some(Command::User(user)) => accounts::run(user, &config).await,
            Some(Command::Session(session)) => sessions::run(session, &config).await,
            Some(Command::Keys(keys)) => keys::run(keys, &config, &env).await,
            Some(Command::Verifier(verifier)) => verifiers::run(verifier, &config).await,
            Some(Command::Relay(relay)) => relay::run(relay, &config).await,
            Some(Command::Token(TokenCommand::Inspect(inspect))) => token::run(inspect, &config, &env).await,
            Some(Command::Migrate(migrate)) => migrate::run(migrate, &config, &env).await,
            Some(Command::Reopen(reopen)) => migrate::reopen(reopen, &config).await,
            Some(Command::Backup(backup)) => backup::run(&backup, &config, &env),
            Some(Command::Restore(restore)) => restore::run(restore, &config, &env).await,
            Some(Command::Config) => config::run(&config),
            Some(Command::DangerResetClock) => clock::run(&config).await,
            Some(Command::DangerAcceptLostWrites) => history::run(config).await,
            Some(Command::Completions { .. } | Command::Doctor(_) | Command::Compare(_)) => Ok(ExitCode::SUCCESS),
        }
    })
}
