//! What a client says about itself: its name, and whether it wants to read a page or data.

use axum::http::{HeaderMap, header};

/// What a client calls itself; empty if it does not say.
pub fn user_agent(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// HTML, for people.
    Page,
    /// JSON, for programs.
    Data,
}

impl Wants {
    /// Browsers name `text/html` in `Accept` (RFC 9110 §12.5.1) whenever they navigate; programs do not.
    pub fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if accept.contains("text/html") { Self::Page } else { Self::Data }
    }
}
