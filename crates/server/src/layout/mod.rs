//! What all pages share: the frame around them, the stylesheet, and how a page becomes a response.

mod assets;

use std::sync::Arc;

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::failure::Failure;
use crate::memory::Known;
use crate::proofs::Csrf;

pub use assets::{asset, favicon};

/// The frame of a page for one visitor.
pub struct Base {
    /// Who is logged in.
    pub signed_in: Option<Person>,
    /// The token for the forms on the page.
    pub csrf: String,
    /// The stylesheet's URL.
    pub stylesheet: &'static str,
    /// The logo's URL.
    pub logo: &'static str,
    /// The icon's URL.
    pub favicon: &'static str,
    /// Whether people may sign up.
    pub signup_open: bool,
    set_cookie: Option<HeaderValue>,
}

/// The person at the other end, as the frame shows them.
pub struct Person {
    /// Their username.
    pub username: String,
    /// The first letter or two of it.
    pub initials: String,
}

impl Base {
    /// The frame for a visitor with these headers and, perhaps, this live session.
    pub fn of(app: &App, headers: &HeaderMap, session: Option<&Arc<Known>>) -> Self {
        let csrf = Csrf::of(app, headers, session);
        Self {
            signed_in: session.map(|known| Person::of(known.account.username.as_str())),
            csrf: csrf.token.0,
            stylesheet: assets::url("stylesheet.css"),
            logo: assets::url("logo.svg"),
            favicon: assets::url("favicon.svg"),
            signup_open: app.config.signup.enabled,
            set_cookie: csrf.new_cookie.map(|nonce| app.cookies.set_csrf(&nonce)),
        }
    }

    /// The page as a response. `page` is the template that this frame is part of.
    pub fn respond(&self, status: StatusCode, page: &impl Template) -> Response {
        let html = match page.render() {
            Ok(html) => html,
            Err(error) => return Failure::internal(&error).into_response(),
        };
        let mut response = (status, [(header::CONTENT_TYPE, HTML)], html).into_response();
        if let Some(cookie) = &self.set_cookie {
            response.headers_mut().append(header::SET_COOKIE, cookie.clone());
        }
        response
    }
}

impl Person {
    fn of(username: &str) -> Self {
        let initials = username.split(['.', '_', '-']).filter_map(|word| word.chars().next()).take(2);
        Self { username: username.to_owned(), initials: initials.collect::<String>().to_uppercase() }
    }
}

/// What went wrong with the fields of a form, each text beside its field.
#[derive(Default)]
pub struct FieldErrors(Vec<(&'static str, String)>);

impl FieldErrors {
    /// From (field, text) pairs; the field `form` means the form as a whole.
    pub fn new(errors: Vec<(&'static str, String)>) -> Self {
        Self(errors)
    }

    /// The text for one field.
    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }

    /// The text for the form as a whole.
    pub fn general(&self) -> Option<&str> {
        self.get("form")
    }
}

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
