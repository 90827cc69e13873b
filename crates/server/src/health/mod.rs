//! For whatever watches this process.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::jobs::CLOCK_OFF;
use crate::proofs::ClientIp;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// That all is well.
#[derive(Serialize, ToSchema)]
pub struct Health {
    #[schema(example = "ok")]
    status: &'static str,
    /// By how many milliseconds this machine's clock is ahead of the database's, which counts; said only when it is
    /// more than five seconds, either way.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_off: Option<i64>,
}

/// How a request arrived here.
#[derive(Serialize, ToSchema)]
pub struct Seen {
    /// The address that it is taken to come from, and throttled by.
    #[schema(example = "203.0.113.9")]
    client: String,
    /// Whether anybody on the way says where it comes from.
    forwarded: bool,
    /// Whether what the last one on the way says is believed.
    trusted: bool,
}

/// `GET /health/live`: the process answers.
#[utoipa::path(get, path = "/health/live", tag = "Operation",
    summary = "Whether the process answers",
    responses((status = 200, description = "It does", body = Health)))]
pub async fn live() -> Json<Health> {
    Json(Health { status: "ok", clock_off: None })
}

/// `GET /health/ready`: the database answers too.
#[utoipa::path(get, path = "/health/ready", tag = "Operation",
    summary = "Whether requests can be served",
    responses(
        (status = 200, description = "They can", body = Health),
        (status = 503, description = "The database does not answer", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn ready(app: App) -> Result<Json<Health>, Failure> {
    match tokio::time::timeout(PATIENCE, app.store.check()).await {
        Ok(Ok(())) => {
            let clock_off = app.clock.off().filter(|off| off.abs() > CLOCK_OFF.0);
            Ok(Json(Health { status: "ok", clock_off }))
        }
        _ => Err(Failure::Unavailable { retry_after: 1 }),
    }
}

/// `GET /health/seen`: whoever asks learns of their own request alone.
#[utoipa::path(get, path = "/health/seen", tag = "Operation",
    summary = "How this request arrived",
    description = "For `watchword doctor --url`: whether a proxy in front is set up as it must be.",
    responses((status = 200, description = "As the server sees it", body = Seen)))]
pub async fn seen(
    ClientIp(client): ClientIp,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    app: App,
) -> Json<Seen> {
    let peer = peer.ip().to_canonical();
    Json(Seen {
        client: client.to_string(),
        forwarded: headers.contains_key("x-forwarded-for"),
        trusted: app.config.trusted_proxies.iter().any(|net| net.contains(&peer)),
    })
}
