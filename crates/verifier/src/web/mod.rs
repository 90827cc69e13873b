//! Between HTTP and a check: which credential a request shows, where it came from, and how a refusal is answered.

#[cfg(feature = "axum")]
mod extract;
#[cfg(feature = "tower")]
mod layer;
mod presented;
mod rejection;
#[cfg(all(feature = "axum", feature = "serve"))]
mod serve;
mod site;

#[cfg(feature = "tower")]
pub use layer::{Provide, Provided, Require, Required};
pub(crate) use presented::{Presented, is_cookie_value, presented};
pub use rejection::Rejection;
pub use site::is_by_own_page;
pub(crate) use site::refuse_cross_site;
