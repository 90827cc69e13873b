//! For whatever watches this process.

use std::time::Duration;

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::failure::{Failure, Problem};

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// That all is well.
#[derive(Serialize, ToSchema)]
pub struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// `GET /health/live`: the process answers.
#[utoipa::path(get, path = "/health/live", tag = "Operation",
    summary = "Whether the process answers",
    responses((status = 200, description = "It does", body = Health)))]
pub async fn live() -> Json<Health> {
    Json(Health { status: "ok" })
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
        Ok(Ok(())) => Ok(Json(Health { status: "ok" })),
        _ => Err(Failure::Unavailable { retry_after: 1 }),
    }
}
