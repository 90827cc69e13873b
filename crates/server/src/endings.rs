//! Ending sessions. Once asked for, it is done, whether or not anybody waits for the answer: a browser may be closed right
//! after the click. And before it is answered, this node's memory knows.

use domain::revocation::{Receipt, keep_until};
use domain::{EndedWhy, SessionId, UserId};
use store::Error;

use crate::app::App;
use crate::failure::Failure;

/// Ends the session that somebody logs out of. The receipt is empty if it was over.
pub async fn logout(app: &App, session_id: SessionId) -> Result<Receipt, Failure> {
    let (store, now) = (app.store.clone(), app.clock.now());
    finish(app, async move { store.end_session(session_id, EndedWhy::Logout, keep_until(now), now).await }).await
}

/// Ends one of a user's sessions; not found if it is none of theirs.
pub async fn one(app: &App, user_id: UserId, session_id: SessionId) -> Result<Receipt, Failure> {
    let (store, now) = (app.store.clone(), app.clock.now());
    let ended = finish(app, async move {
        store.end_session_of(user_id, session_id, EndedWhy::EndedByUser, keep_until(now), now).await
    });
    ended.await?.ok_or(Failure::NotFound)
}

/// Ends all of a user's sessions but one.
pub async fn others(app: &App, user_id: UserId, own: SessionId) -> Result<Receipt, Failure> {
    let (store, now) = (app.store.clone(), app.clock.now());
    finish(
        app,
        async move { store.end_other_sessions(user_id, own, EndedWhy::EndedByUser, keep_until(now), now).await },
    )
    .await
}

/// Ends all of a user's sessions.
pub async fn all(app: &App, user_id: UserId) -> Result<Receipt, Failure> {
    let (store, now) = (app.store.clone(), app.clock.now());
    finish(app, async move { store.end_all_sessions(user_id, EndedWhy::EndedByUser, keep_until(now), now).await }).await
}

async fn finish<T: Receipts + Send + 'static>(
    app: &App,
    ending: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Failure> {
    let app = app.clone();
    let finished = tokio::spawn(async move {
        let ended = ending.await?;
        ended.receipt().into_iter().for_each(|receipt| app.memory.heed(receipt));
        Ok(ended)
    });
    finished.await.map_err(|e| Failure::internal(&e))?
}

/// An answer of the store that may carry a receipt.
trait Receipts {
    fn receipt(&self) -> Option<&Receipt>;
}

impl Receipts for Receipt {
    fn receipt(&self) -> Option<&Receipt> {
        Some(self)
    }
}

impl Receipts for Option<Receipt> {
    fn receipt(&self) -> Option<&Receipt> {
        self.as_ref()
    }
}
