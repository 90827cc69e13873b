//! Sign-up: people make their own accounts, if the configuration lets them.

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use domain::Roles;
use store::NewUser;

use crate::app::App;
use crate::failure::Failure;
use crate::layout::{Base, FieldErrors};
use crate::limits;
use crate::new_account::{NewAccount, admit, taken};
use crate::proofs::{ClientIp, Credential, Posted};

#[derive(Template)]
#[template(path = "signup/page.html")]
struct SignupPage {
    page: Base,
    username: String,
    email: Option<String>,
    errors: FieldErrors,
}

/// `GET /signup`.
pub async fn page(headers: HeaderMap, app: App) -> Result<Response, Failure> {
    open(&app)?;
    let session = Credential::by_cookie(&headers, &app).await?;
    let view = SignupPage {
        page: Base::of(&app, &headers, session.as_ref()),
        username: String::new(),
        email: None,
        errors: FieldErrors::default(),
    };
    Ok(view.page.respond(StatusCode::OK, &view))
}

/// `POST /signup`: makes the account and logs in to it.
pub async fn submit(
    from: ClientIp,
    headers: HeaderMap,
    app: App,
    posted: Posted<NewAccount>,
) -> Result<Response, Failure> {
    open(&app)?;
    limits::network(&app, from).await?;
    match create(&posted, from, &headers, &app).await {
        Err(Failure::Invalid(errors)) => {
            let username = posted.form.username;
            let view = SignupPage {
                page: Base::of(&app, &headers, posted.session.as_ref()),
                username,
                email: None,
                errors: FieldErrors::new(errors),
            };
            Ok(view.page.respond(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
        answer => answer,
    }
}

async fn create(
    posted: &Posted<NewAccount>,
    from: ClientIp,
    headers: &HeaderMap,
    app: &App,
) -> Result<Response, Failure> {
    // Without mail nobody can show that an address is theirs, and one that is taken would keep its owner out.
    let user = NewUser { email: None, ..posted.form.check(Roles::default(), app).await? };
    let account = match app.store.add_user(user).await {
        Err(store::Error::Taken(what)) => return Err(taken(what)),
        added => added?,
    };
    let issued = admit(&account, posted.session.as_deref(), from, headers, app).await?;
    tracing::info!(ip = %from.0, user_id = %account.user_id, "sign-up");
    let cookie = issued.cookie.map(|cookie| AppendHeaders([(header::SET_COOKIE, cookie)]));
    Ok((cookie, Redirect::to("/dashboard")).into_response())
}

fn open(app: &App) -> Result<(), Failure> {
    if app.config.signup.enabled { Ok(()) } else { Err(Failure::NotFound) }
}
