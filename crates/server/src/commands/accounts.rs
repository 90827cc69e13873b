//! `watchword user`: accounts, from the command line. A running server on the same database notices within 100 ms.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use domain::revocation::{Receipt, keep_until};
use domain::{Account, Email, PasswordHash, Roles, UserId, Username};
use serde::Serialize;
use store::{NewUser, Store};
use zeroize::Zeroizing;

use super::output::{json, line, table};
use super::receipt::told;
use super::start::{account, existing, open, wrong};
use crate::app::StartError;
use crate::clock::Clock;
use crate::config::Config;
use crate::passwords::Passwords;

#[derive(clap::Subcommand)]
pub enum User {
    /// Make an account; a password is generated and printed unless one comes on standard input
    Add {
        /// The username
        name: String,
        /// The e-mail address
        #[arg(long)]
        email: Option<String>,
        /// Roles, separated by commas
        #[arg(long, value_delimiter = ',')]
        roles: Vec<String>,
        /// Read the password from standard input, up to the end of the first line
        #[arg(long)]
        password_stdin: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List accounts
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Keep somebody from logging in, and end all of their sessions
    Disable {
        /// Username or e-mail address
        name: String,
        /// Wait until every connected verifier refuses them, and say since when; the exit code is 3 if one is late
        #[arg(long)]
        wait: bool,
    },
    /// Let somebody log in again
    Enable {
        /// Username or e-mail address
        name: String,
    },
    /// Replace somebody's roles; tokens with the old ones are refused at once, and nobody is logged out
    SetRoles {
        /// Username or e-mail address
        name: String,
        /// Roles, separated by spaces or commas; none takes all away
        #[arg(value_delimiter = ',')]
        roles: Vec<String>,
        /// Wait until every connected verifier refuses what was issued before, and say since when; the exit code is 3 if one
        /// is late
        #[arg(long)]
        wait: bool,
    },
    /// Replace somebody's password and end all of their sessions
    SetPassword {
        /// Username or e-mail address
        name: String,
        /// Read the password from standard input, up to the end of the first line; else one is generated and printed
        #[arg(long)]
        password_stdin: bool,
        /// Wait until every connected verifier refuses what was issued before, and say since when; the exit code is 3 if one
        /// is late
        #[arg(long)]
        wait: bool,
    },
}

#[derive(Serialize)]
struct Row {
    user_id: String,
    username: String,
    email: Option<String>,
    roles: Vec<String>,
    disabled: bool,
    created_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

pub async fn run(command: User, config: &Config) -> Result<ExitCode, StartError> {
    let store = match command {
        User::Add { .. } => open(config).await?,
        _ => existing(config).await?,
    };
    let desk = Desk::over(store, config).await?;
    let (receipt, waits) = match command {
        User::Add { name, email, roles, password_stdin, json } => {
            desk.add(&name, email.as_deref(), &roles, password_stdin, json).await?;
            (None, false)
        }
        User::List { json } => {
            desk.list(json).await?;
            (None, false)
        }
        User::Disable { name, wait } => (Some(desk.set_disabled(&name, true).await?), wait),
        User::Enable { name } => (Some(desk.set_disabled(&name, false).await?), false),
        User::SetRoles { name, roles, wait } => (Some(desk.set_roles(&name, &roles).await?), wait),
        User::SetPassword { name, password_stdin, wait } => {
            (Some(desk.set_password(&name, password_stdin).await?), wait)
        }
    };
    let mut code = ExitCode::SUCCESS;
    if let Some(receipt) = receipt.filter(|_| waits) {
        let told = told(&receipt, waits, config, &desk.store, &desk.clock).await?;
        told.print();
        code = told.code();
    }
    desk.store.close().await;
    Ok(code)
}

/// What an administrator at the command line works with.
struct Desk {
    store: Store,
    clock: Clock,
    passwords: Passwords,
}

impl Desk {
    async fn over(store: Store, config: &Config) -> Result<Self, StartError> {
        let clock = Clock::of(&store).await?;
        let passwords = Passwords::new(&config.passwords);
        Ok(Self { store, clock, passwords })
    }

    async fn add(
        &self,
        name: &str,
        email: Option<&str>,
        roles: &[String],
        password_stdin: bool,
        as_json: bool,
    ) -> Result<(), StartError> {
        let username: Username = name.parse().map_err(wrong)?;
        let email: Option<Email> = email.map(str::parse).transpose().map_err(wrong)?;
        let roles = parse_roles(roles)?;
        let (hash, generated) = self.password(password_stdin, &username, email.as_ref()).await?;
        let created_at = self.clock.now();
        let user_id = UserId::new(created_at, &crate::random::bytes());
        let new = NewUser { user_id, username, email, password: Some(hash), roles, created_at };
        let account = match self.store.add_user(new).await {
            Err(store::Error::Taken(what)) => return Err(wrong(format!("another account has this {what} already"))),
            added => added?,
        };
        let name = account.username.to_string();
        if as_json {
            json(&Row { password: generated, ..Row::of(account) });
        } else {
            line(format!("Added {name}."));
            if let Some(password) = generated {
                line(format!("Password: {password}"));
            }
        }
        Ok(())
    }

    async fn list(&self, as_json: bool) -> Result<(), StartError> {
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.accounts(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.username.clone());
            rows.extend(page.into_iter().map(Row::of));
        }
        if as_json {
            json(&rows);
            return Ok(());
        }
        if rows.is_empty() {
            line("There are no accounts yet. Make one: watchword user add NAME");
            return Ok(());
        }
        let cells = rows.iter().map(|row| {
            let state = if row.disabled { "disabled" } else { "" };
            [row.username.clone(), row.email.clone().unwrap_or_default(), row.roles.join(" "), state.to_owned()]
        });
        table(["USERNAME", "E-MAIL", "ROLES", ""], &cells.collect::<Vec<_>>());
        Ok(())
    }

    async fn set_disabled(&self, name: &str, disabled: bool) -> Result<Receipt, StartError> {
        let account = account(&self.store, name).await?;
        let now = self.clock.now();
        let receipt = self.store.set_disabled(account.user_id, disabled, keep_until(now), now).await?;
        let word = if disabled { "disabled; all of their sessions are over" } else { "enabled" };
        said(receipt, &account, word)
    }

    async fn set_roles(&self, name: &str, roles: &[String]) -> Result<Receipt, StartError> {
        let account = account(&self.store, name).await?;
        let roles = parse_roles(roles)?;
        let now = self.clock.now();
        let receipt = self.store.set_roles(account.user_id, &roles, keep_until(now), now).await?;
        let what = format!("has the roles: {roles}");
        let receipt = said(receipt, &account, &what)?;
        line("Tokens with the former roles are refused; sessions go on, with the new ones from their next refresh on.");
        Ok(receipt)
    }

    async fn set_password(&self, name: &str, password_stdin: bool) -> Result<Receipt, StartError> {
        let account = account(&self.store, name).await?;
        let (hash, generated) = self.password(password_stdin, &account.username, account.email.as_ref()).await?;
        let now = self.clock.now();
        let receipt = self.store.set_password(account.user_id, hash, keep_until(now), now).await?;
        let receipt = said(receipt, &account, "has a new password; all of their sessions are over")?;
        if let Some(password) = generated {
            line(format!("Password: {password}"));
        }
        Ok(receipt)
    }

    /// The password's hash, and the password itself if it was generated here.
    async fn password(
        &self,
        from_stdin: bool,
        username: &Username,
        email: Option<&Email>,
    ) -> Result<(PasswordHash, Option<String>), StartError> {
        let password = Zeroizing::new(if from_stdin { read_password()? } else { generated_password() });
        domain::password::judge(&password, username, email).map_err(wrong)?;
        let hash = self.passwords.hash(password.clone()).await;
        let hash = hash.map_err(|_| wrong("the password could not be hashed"))?;
        Ok((hash, (!from_stdin).then(|| password.to_string())))
    }
}

fn read_password() -> Result<String, StartError> {
    if std::io::stdin().is_terminal() {
        line("Type the password and press Enter. It is shown as you type.");
    }
    let mut text = String::new();
    if std::io::stdin().is_terminal() {
        std::io::stdin().read_line(&mut text).map_err(wrong)?;
    } else {
        std::io::stdin().take(4096).read_to_string(&mut text).map_err(wrong)?;
    }
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// 120 random bits as 24 letters and digits, in groups that can be read aloud.
pub fn generated_password() -> String {
    let random: [u8; 24] = crate::random::bytes();
    let letters: Vec<char> = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    letters.chunks(6).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

fn parse_roles(roles: &[String]) -> Result<Roles, StartError> {
    Roles::parse(roles.iter().flat_map(|role| role.split_whitespace())).map_err(wrong)
}

fn said(receipt: Option<Receipt>, account: &Account, what: &str) -> Result<Receipt, StartError> {
    let receipt = receipt.ok_or_else(|| wrong("the account was deleted meanwhile"))?;
    line(format!("{} {what}.", account.username));
    Ok(receipt)
}

impl Row {
    fn of(account: Account) -> Self {
        Self {
            user_id: account.user_id.to_string(),
            username: account.username.to_string(),
            email: account.email.map(|email| email.to_string()),
            roles: account.roles.as_slice().to_vec(),
            disabled: account.disabled_at.is_some(),
            created_at: account.created_at.0,
            password: None,
        }
    }
}

/// 32 letters and digits, so that each holds five bits; those that are mistaken for each other are left out.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Accounts read at a time.
const PAGE: u32 = 500;
