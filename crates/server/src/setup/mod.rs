//! The first administrator, created through a link that the server prints once and that works once.

use askama::Template;
use aws_lc_rs::hmac;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use domain::{OneTimeSecret, Roles, SecretHash, Span, UnixMillis};

use crate::app::{App, StartError};
use crate::failure::Failure;
use crate::layout::{Base, FieldErrors};
use crate::limits;
use crate::new_account::{NewAccount, admit, taken};
use crate::proofs::{ClientIp, Credential, InPath, Posted};

#[derive(Template)]
#[template(path = "setup/page.html")]
struct SetupPage {
    page: Base,
    action: String,
    username: String,
    email: Option<String>,
    errors: FieldErrors,
}

#[derive(Template)]
#[template(path = "setup/gone.html")]
struct SetupGone {
    page: Base,
}

/// The link, if there is no administrator yet: until it expires the same one on every node and after every restart.
pub async fn offer(app: &App) -> Result<Option<String>, StartError> {
    let now = app.clock.now();
    let key = app.keys.setup.clone();
    let until = app.store.offer_setup(move |until| secret(&key, until).hash(), now + LINK_LIFETIME, now).await?;
    Ok(until.map(|until| {
        let secret = token::base64url::encode(secret(&app.keys.setup, until).0);
        format!("{}/setup/{PREFIX}{secret}", app.public_url)
    }))
}

/// The secret of a link that expires at this moment. Made from a key, so that nodes need not tell each other.
fn secret(key: &[u8; 32], expires_at: UnixMillis) -> OneTimeSecret {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &expires_at.0.to_be_bytes());
    OneTimeSecret(tag.as_ref().try_into().expect("a SHA-256 has 32 bytes"))
}

/// `GET /setup/{secret}`. Looking at it uses nothing up.
pub async fn page(InPath(secret): InPath<String>, headers: HeaderMap, app: App) -> Result<Response, Failure> {
    let open = match parse(&secret) {
        Some(hash) => app.store.setup_is_open(hash, app.clock.now()).await?,
        None => false,
    };
    let session = Credential::by_cookie(&headers, &app).await?;
    let page = Base::of(&app, &headers, session.as_ref());
    if !open {
        return Ok(gone(page));
    }
    let empty = NewAccount { username: String::new(), email: String::new(), password: String::new().into() };
    Ok(form(empty, &secret, Vec::new(), page))
}

/// `POST /setup/{secret}`.
pub async fn submit(
    InPath(secret): InPath<String>,
    from: ClientIp,
    headers: HeaderMap,
    app: App,
    posted: Posted<NewAccount>,
) -> Result<Response, Failure> {
    limits::network(&app, from).await?;
    let session = posted.session.as_ref();
    let page = || Base::of(&app, &headers, session);
    let now = app.clock.now();
    let Some(hash) = parse(&secret) else { return Ok(gone(page())) };
    // Asked before the password is hashed, and decided again by the one statement that creates the account.
    if !app.store.setup_is_open(hash, now).await? {
        return Ok(gone(page()));
    }
    let user = match posted.form.check(Roles::admin(), &app).await {
        Err(Failure::Invalid(errors)) => return Ok(form(posted.form, &secret, errors, page())),
        checked => checked?,
    };
    let user_id = user.user_id;
    match app.store.create_first_admin(hash, user, now).await {
        Ok(true) => {}
        Ok(false) => return Ok(gone(page())),
        Err(store::Error::Taken(what)) => {
            let Failure::Invalid(errors) = taken(what) else { return Err(Failure::NotFound) };
            return Ok(form(posted.form, &secret, errors, page()));
        }
        Err(error) => return Err(error.into()),
    }
    tracing::info!(ip = %from.0, %user_id, "the first administrator was created");
    let account = app.store.account(user_id).await?.ok_or(Failure::NotFound)?;
    let issued = admit(&account, session.map(AsRef::as_ref), from, &headers, &app).await?;
    let cookie = issued.cookie.map(|cookie| AppendHeaders([(header::SET_COOKIE, cookie)]));
    Ok((cookie, Redirect::to("/dashboard")).into_response())
}

fn form(typed: NewAccount, secret: &str, errors: Vec<(&'static str, String)>, page: Base) -> Response {
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let view = SetupPage {
        page,
        action: format!("/setup/{secret}"),
        username: typed.username,
        email: Some(typed.email),
        errors: FieldErrors::new(errors),
    };
    view.page.respond(status, &view)
}

fn gone(page: Base) -> Response {
    let view = SetupGone { page };
    view.page.respond(StatusCode::NOT_FOUND, &view)
}

fn parse(secret: &str) -> Option<SecretHash> {
    let bytes = token::base64url::decode_array(secret.strip_prefix(PREFIX)?).ok()?;
    Some(OneTimeSecret(bytes).hash())
}

/// So that leak scanners know one when they see it.
const PREFIX: &str = "wws_";

/// How long a link works.
const LINK_LIFETIME: Span = Span::hours(24);
