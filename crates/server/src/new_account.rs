//! Making an account from a form: the same fields and rules for sign-up and for the first administrator.

use axum::http::HeaderMap;
use domain::{Account, Email, Roles, UserId, Username};
use serde::Deserialize;
use store::NewUser;
use zeroize::Zeroizing;

use crate::app::App;
use crate::failure::Failure;
use crate::issue::{self, Issued};
use crate::memory::Known;
use crate::proofs::{self, ClientIp};

/// What was typed.
#[derive(Deserialize)]
pub struct NewAccount {
    /// The username.
    pub username: String,
    /// The e-mail address; empty for none.
    #[serde(default)]
    pub email: String,
    /// The password, exactly as typed.
    pub password: Zeroizing<String>,
}

impl NewAccount {
    /// The account to be stored, its password judged and hashed; or what is wrong with each field.
    pub async fn check(&self, roles: Roles, app: &App) -> Result<NewUser, Failure> {
        let mut wrong = Vec::new();
        let username = self.username.parse::<Username>().map_err(|e| wrong.push(("username", e.to_string()))).ok();
        let email = if self.email.is_empty() {
            None
        } else {
            self.email.parse::<Email>().map_err(|e| wrong.push(("email", e.to_string()))).ok()
        };
        // Judged against some name in any case, so that all that is wrong is said at once.
        let name = username.clone().unwrap_or_else(|| "user".parse().expect("a well-formed name"));
        if let Err(weakness) = app.passwords.judge(self.password.clone(), name, email.clone()).await? {
            wrong.push(("password", weakness.to_string()));
        }
        let (Some(username), true) = (username, wrong.is_empty()) else { return Err(Failure::Invalid(wrong)) };
        let created_at = app.clock.now();
        let password = Some(app.passwords.hash(self.password.clone()).await?);
        let user_id = UserId::new(created_at, &crate::random::bytes());
        Ok(NewUser { user_id, username, email, password, roles, created_at })
    }
}

/// What to say of a name or address that somebody else has.
pub fn taken(what: &'static str) -> Failure {
    let field = if what == "email" { "email" } else { "username" };
    Failure::field(field, "Somebody has this already. Choose another one.")
}

/// Logs a person in to the account that they have just made. The session that their browser had before ends.
pub async fn admit(
    account: &Account,
    before: Option<&Known>,
    from: ClientIp,
    headers: &HeaderMap,
    app: &App,
) -> Result<Issued, Failure> {
    let login = issue::Login {
        account,
        from,
        user_agent: proofs::user_agent(headers),
        replaces: before.map(|known| known.session.session_id),
        rehash: None,
        refund: Vec::new(),
        cookie: true,
        tokens: false,
    };
    issue::open(app, login).await?.ok_or(Failure::InvalidCredentials)
}
