//! The static files, inside the binary. Their names carry a hash of their content, so browsers may keep them for ever.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};

use crate::failure::Failure;
use crate::proofs::InPath;

/// `GET /static/{file}`.
pub async fn asset(InPath(file): InPath<String>) -> Result<Response, Failure> {
    let asset =
        ASSETS.iter().find(|asset| asset.url.strip_prefix("/static/") == Some(&file)).ok_or(Failure::NotFound)?;
    let headers =
        [(header::CONTENT_TYPE, asset.media_type), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.content).into_response())
}

/// `GET /favicon.ico`, for browsers that ask without having been told of the other one.
pub async fn favicon() -> Redirect {
    Redirect::to(url("favicon.svg"))
}

/// The URL of the file with this plain name.
pub(super) fn url(name: &str) -> &'static str {
    &ASSETS.iter().find(|asset| asset.name == name).expect("the name is one of ours").url
}

struct Asset {
    name: &'static str,
    url: String,
    media_type: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(name: &'static str, media_type: &'static str, content: &'static str) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content.as_bytes());
        let (stem, extension) = name.split_once('.').expect("each asset has an extension");
        let hash = token::base64url::encode(&digest.as_ref()[..9]);
        Self { name, url: format!("/static/{stem}.{hash}.{extension}"), media_type, content }
    }
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        Asset::new("stylesheet.css", "text/css; charset=utf-8", include_str!("stylesheet.css")),
        Asset::new("logo.svg", "image/svg+xml", include_str!("logo.svg")),
        Asset::new("favicon.svg", "image/svg+xml", include_str!("favicon.svg")),
    ]
});
