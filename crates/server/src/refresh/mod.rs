//! Refresh: a used refresh token yields its successor and a new access token.

use axum::Json;
use domain::revocation::keep_until;
use domain::{GrantId, SessionId};
use serde::Deserialize;
use store::{RotateRequest, Rotated};
use token::RefreshToken;
use utoipa::ToSchema;

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::issue::{self, FIRST_PARTY, Tokens};
use crate::proofs::{BearerOr, ClientIp};

/// The refresh token, when it is not in the `Authorization` header.
#[derive(Deserialize, ToSchema)]
pub struct Refresh {
    /// As it was handed out.
    #[schema(example = "wwr_AQ…")]
    refresh_token: String,
}

/// `POST /refresh`.
#[utoipa::path(post, path = "/refresh", tag = "Login",
    summary = "Exchange a refresh token",
    description = "The refresh token goes into the body, or into Authorization: Bearer. It works once. Within ten \
                   seconds a repeat yields the same successor again, so a lost reply or a second tab does no harm; \
                   later, it is taken for theft and the session ends.",
    request_body = Option<Refresh>,
    responses(
        (status = 200, description = "The successor and a new access token", body = Tokens),
        (status = 401, description = "The token is not valid, or its session has ended", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn submit(from: ClientIp, app: App, sent: BearerOr<Refresh>) -> Result<Json<Tokens>, Failure> {
    let text = match &sent {
        BearerOr::Bearer(token) => token,
        BearerOr::Body(body) => &body.refresh_token,
    };
    let presented = RefreshToken::decode(text, &app.keys.refresh).map_err(|_| refused())?;
    let now = app.clock.now();
    // Before anything is used up, so that a failure here costs nothing.
    let keys = app.keys.confirmed(&app.store, &app.memory, now).await?;
    let session_id = SessionId(presented.session_id);
    let rotated = app
        .store
        .rotate(RotateRequest {
            session_id,
            grant_id: GrantId(presented.grant_id),
            presented: presented.rotation,
            client_id: FIRST_PARTY,
            grace: app.config.tokens.refresh_grace,
            now,
            timeouts: app.config.session.timeouts(),
            access_exp: now + app.config.tokens.access_lifetime,
            keep_until: keep_until(now),
        })
        .await?;
    match rotated {
        Rotated::Issued { live, grant, .. } => Ok(Json(issue::tokens(&app, &keys.signing, &live, &grant, false, now))),
        Rotated::Reused(receipt) => {
            app.memory.heed(&receipt);
            tracing::warn!(ip = %from.0, %session_id, "a used refresh token came back: its session has ended");
            Err(refused())
        }
        Rotated::Refused => Err(refused()),
    }
}

/// One answer for every reason: forged, used, expired or ended.
fn refused() -> Failure {
    Failure::Unauthenticated(Some(
        "the refresh token is not valid, was used before, or its session has ended".to_owned(),
    ))
}
