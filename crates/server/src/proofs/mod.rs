//! What a handler may ask for. Holding one of these proves that its check has run.

mod accept;
mod authenticated;
mod client_ip;
mod cookies;
mod csrf;
mod form;
mod next;
mod sent;
mod url;

pub use accept::{Wants, user_agent};
pub use authenticated::{Authenticated, Credential, bearer};
pub use client_ip::{ClientIp, FromProxy};
pub use cookies::CookieNames;
pub use csrf::{Csrf, CsrfToken};
pub use form::{NoFields, Posted, Pressed};
pub use next::LocalPath;
pub use sent::{BearerOr, Sent};
pub use url::{InPath, InQuery};
