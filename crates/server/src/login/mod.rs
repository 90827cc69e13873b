//! Login with a password: the page, the form behind it, and the same step for JSON clients.

use askama::Template;
use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use domain::login::{PasswordCheck, Verdict};
use domain::{LoginName, SessionId};
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::issue::{self, Issued, Tokens};
use crate::layout::Base;
use crate::limits;
use crate::proofs::{self, ClientIp, Credential, InQuery, LocalPath, Posted, Sent};

/// A name and a password.
#[derive(Deserialize, ToSchema)]
pub struct Login {
    /// Username or e-mail address.
    #[schema(example = "kavya")]
    username: String,
    /// Exactly as typed.
    #[schema(value_type = String, example = "correct horse battery staple")]
    password: Zeroizing<String>,
    /// Where to go afterwards; a path on this origin. For the form only.
    #[serde(default, deserialize_with = "LocalPath::lenient")]
    #[schema(ignore)]
    next: Option<LocalPath>,
    /// Whether a JSON client also wants the cookie.
    #[serde(default)]
    cookie: bool,
}

#[derive(Template)]
#[template(path = "login/page.html")]
struct LoginPage {
    page: Base,
    name: String,
    next: Option<String>,
    error: Option<String>,
    retry_after: Option<i64>,
}

/// What the login page may be asked for.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default, deserialize_with = "LocalPath::lenient")]
    next: Option<LocalPath>,
}

/// `GET /login`. Somebody who is logged in already is sent on.
pub async fn page(InQuery(asked): InQuery<Asked>, headers: HeaderMap, app: App) -> Result<Response, Failure> {
    let session = Credential::of(&headers, &app).await.ok().flatten();
    let known = session.as_ref().and_then(Credential::cookie);
    if known.is_some() {
        return Ok(Redirect::to(after(asked.next.as_ref())).into_response());
    }
    let next = asked.next.map(|path| path.as_str().to_owned());
    let view =
        LoginPage { page: Base::of(&app, &headers, None), name: String::new(), next, error: None, retry_after: None };
    Ok(view.page.respond(StatusCode::OK, &view))
}

/// `POST /login`: a form gets a cookie and is sent on, a JSON client gets tokens.
#[utoipa::path(post, path = "/login", tag = "Login",
    summary = "Log in",
    description = "Opens a session. The answer carries an access token and a refresh token; with \"cookie\": true \
                   also the session cookie. The same URL takes the login page's form.",
    request_body = Login,
    responses(
        (status = 200, description = "Logged in", body = Tokens),
        (status = 401, description = "The name and password do not belong together", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many failed tries; see Retry-After", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn submit(from: ClientIp, headers: HeaderMap, app: App, sent: Sent<Login>) -> Result<Response, Failure> {
    match sent {
        Sent::Form(posted) => form(posted, from, &headers, &app).await,
        Sent::Json(login) => json(login, from, &headers, &app).await,
    }
}

async fn form(posted: Posted<Login>, from: ClientIp, headers: &HeaderMap, app: &App) -> Result<Response, Failure> {
    let Posted { form: login, session } = posted;
    let replaces = session.as_ref().map(|known| known.session.session_id);
    let way = Way { cookie: true, tokens: false, replaces };
    match attempt(&login, way, from, headers, app).await {
        Ok(issued) => {
            let cookie = issued.cookie.map(|cookie| AppendHeaders([(header::SET_COOKIE, cookie)]));
            Ok((cookie, Redirect::to(after(login.next.as_ref()))).into_response())
        }
        Err(Failure::InvalidCredentials) => {
            Ok(again(login, "The username or password is not right.", None, headers, app))
        }
        Err(Failure::TooMany { retry_after }) => {
            Ok(again(login, "Too many failed tries.", Some(retry_after), headers, app))
        }
        Err(failure) => Err(failure),
    }
}

async fn json(login: Login, from: ClientIp, headers: &HeaderMap, app: &App) -> Result<Response, Failure> {
    let before = if login.cookie { Credential::by_cookie(headers, app).await? } else { None };
    let replaces = before.map(|known| known.session.session_id);
    let way = Way { cookie: login.cookie, tokens: true, replaces };
    let issued = attempt(&login, way, from, headers, app).await?;
    let cookie = issued.cookie.map(|cookie| AppendHeaders([(header::SET_COOKIE, cookie)]));
    Ok((cookie, Json(issued.tokens)).into_response())
}

/// Which views of the session are wanted.
struct Way {
    cookie: bool,
    tokens: bool,
    replaces: Option<SessionId>,
}

/// One try at a password. Costs the same time whether or not the account exists.
async fn attempt(login: &Login, way: Way, from: ClientIp, headers: &HeaderMap, app: &App) -> Result<Issued, Failure> {
    // Longer ones cannot be anybody's, and hashing them would be work for an attacker to order.
    if login.password.len() > domain::password::LONGEST_BYTES {
        return Err(Failure::field("password", "A password has at most 1024 bytes."));
    }
    let typed = login.username.trim();
    let charged = limits::login(app, typed, from).await?;
    // A name that nobody can have is treated like one that nobody has.
    let stored = match typed.parse::<LoginName>() {
        Ok(name) => app.store.account_for_login(&name).await?,
        Err(_) => None,
    };
    let (account, hash) = stored.map_or((None, None), |login| (Some(login.account), login.password));
    let check: PasswordCheck = match app.passwords.check(login.password.clone(), hash).await {
        Ok(check) => check,
        Err(failure) => {
            // Nothing was tried, so nothing is held against anybody.
            app.store.refund(charged, app.clock.now()).await?;
            return Err(failure);
        }
    };
    let Verdict::Admit { account, rehash } = domain::login::judge(account, check) else {
        tracing::info!(ip = %from.0, "login refused");
        return Err(Failure::InvalidCredentials);
    };
    // While the server is busy, the new hash can wait for the next login.
    let rehash = if rehash { app.passwords.hash(login.password.clone()).await.ok() } else { None };
    let issued = issue::open(
        app,
        issue::Login {
            account: &account,
            from,
            user_agent: proofs::user_agent(headers),
            replaces: way.replaces,
            rehash,
            refund: charged,
            cookie: way.cookie,
            tokens: way.tokens,
        },
    )
    .await?
    .ok_or(Failure::InvalidCredentials)?;
    tracing::info!(ip = %from.0, user_id = %account.user_id, session_id = %issued.live.session.session_id, "login");
    Ok(issued)
}

fn again(login: Login, error: &str, retry_after: Option<i64>, headers: &HeaderMap, app: &App) -> Response {
    let (status, wait) = match retry_after {
        Some(seconds) => (StatusCode::TOO_MANY_REQUESTS, Some([(header::RETRY_AFTER, HeaderValue::from(seconds))])),
        None => (StatusCode::UNAUTHORIZED, None::<[(HeaderName, HeaderValue); 1]>),
    };
    let view = LoginPage {
        page: Base::of(app, headers, None),
        name: login.username,
        next: login.next.map(|path| path.as_str().to_owned()),
        error: Some(error.to_owned()),
        retry_after,
    };
    (wait, view.page.respond(status, &view)).into_response()
}

fn after(next: Option<&LocalPath>) -> &str {
    next.map_or("/dashboard", LocalPath::as_str)
}
