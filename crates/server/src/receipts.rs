//! What a call that ended something answers with: from when on nobody accepts it any more, and who has said so already.

use domain::revocation::Receipt;
use domain::{Roles, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::listeners::Acknowledgement;

/// From when on what was ended is refused everywhere.
#[derive(Serialize, ToSchema)]
pub struct ReceiptView {
    /// As of when it has ended, in unix milliseconds: when the write began. Once there is this answer, the node that gives it refuses
    /// it, and every other node does within 100 ms.
    revoked_at: i64,
    /// From when on no verifier accepts it any more, whatever becomes of the network, in unix milliseconds; but for routes that
    /// were told to accept tokens until they expire.
    effective_by: i64,
    /// Where it stands in the log of revocations; opaque. Null if there was nothing left to end.
    #[schema(example = "3f2a.751")]
    position: Option<String>,
    /// With `wait=all`, and if something was ended: the verifiers that are connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    verifiers: Option<Vec<VerifierView>>,
    /// With them: how many of them are late. Each of these refuses it at `effective_by`.
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<usize>,
}

/// A process that checks credentials by itself.
#[derive(Serialize, ToSchema)]
pub struct VerifierView {
    /// The name of its credential. Only administrators are told names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "orders")]
    name: Option<String>,
    /// What the process calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "orders-1")]
    instance: Option<String>,
    /// When it had said that it refuses what was ended, in unix milliseconds. Null: it is late.
    acknowledged_at: Option<i64>,
}

/// What to wait for before answering.
#[derive(Clone, Copy, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Waiting {
    /// `all`: answer when every connected verifier has acknowledged it, at `effective_by`, or after 25 seconds, whichever is
    /// first; and say who has. When many wait already, the answer comes at once and says how far it is.
    #[param(inline)]
    wait: Option<WaitFor>,
}

/// Whom to wait for.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WaitFor {
    /// Every verifier that is connected.
    All,
}

impl ReceiptView {
    /// The answer to a call, after the wait that was asked for. Names are for those who have these roles only if one of them
    /// is the administrator's.
    pub async fn of(app: &App, receipt: &Receipt, Waiting { wait }: Waiting, roles: &[String]) -> Self {
        let effective_by = effective_by(app, receipt.revoked_at.max(app.clock.now()));
        let acknowledgements = match (wait, &receipt.place) {
            (Some(WaitFor::All), Some(place)) => {
                Some(app.listeners.wait(place, effective_by, &app.store, &app.clock).await)
            }
            _ => None,
        };
        let late = |all: &Vec<Acknowledgement>| all.iter().filter(|one| one.at.is_none()).count();
        let has_names = is_admin(roles);
        Self {
            revoked_at: receipt.revoked_at.0,
            effective_by: effective_by.0,
            position: receipt.place.as_ref().map(ToString::to_string),
            late: acknowledgements.as_ref().map(late),
            verifiers: acknowledgements
                .map(|all| all.into_iter().map(|one| VerifierView::of(one, has_names)).collect()),
        }
    }
}

impl VerifierView {
    fn of(Acknowledgement { name, at }: Acknowledgement, has_names: bool) -> Self {
        let (name, instance) = if has_names { (Some(name.verifier), Some(name.instance)) } else { (None, None) };
        Self { name, instance, acknowledged_at: at.map(|at| at.0) }
    }
}

/// From when on no verifier accepts what was committed by this moment. A write may have waited: it is the moment after it.
pub fn effective_by(app: &App, revoked_at: UnixMillis) -> UnixMillis {
    revoked_at + app.listeners.longest_bound(app.config.session.bound, app.clock.now())
}

/// Whether somebody with these roles is told the names of verifiers.
pub fn is_admin(roles: &[String]) -> bool {
    roles.iter().any(|role| role == Roles::ADMIN)
}
