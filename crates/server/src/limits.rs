//! How often something may be tried. The counters are rows, so they hold over restarts and nodes.

use aws_lc_rs::hmac;
use domain::throttle::Limit;
use store::ThrottleKey;

use crate::app::App;
use crate::failure::Failure;
use crate::proofs::ClientIp;

/// The tries that an attempt has used up, to be given back if it succeeds.
pub type Charged = Vec<(ThrottleKey, Limit)>;

/// Charges one login attempt to the name and to the network it comes from, before any password is looked at. To the name
/// rather than the account: a limit that a username and an address share would tell whose address it is.
pub async fn login(app: &App, name: &str, from: ClientIp) -> Result<Charged, Failure> {
    let config = &app.config.throttle;
    let charged = vec![
        (key(app, b"login name", name.to_lowercase().as_bytes()), config.account()),
        (key(app, b"login network", &from.network()), config.address()),
    ];
    charge(app, &charged).await?;
    Ok(charged)
}

/// Charges one sign-up, or one try at a one-time link, to the network it comes from.
pub async fn network(app: &App, from: ClientIp) -> Result<(), Failure> {
    charge(app, &[(key(app, b"other network", &from.network()), app.config.throttle.address())]).await
}

async fn charge(app: &App, keys: &[(ThrottleKey, Limit)]) -> Result<(), Failure> {
    match app.store.charge(keys.to_vec(), app.clock.now()).await? {
        None => Ok(()),
        Some(wait) => Err(Failure::TooMany { retry_after: wait.whole_seconds() }),
    }
}

/// A keyed hash, so that the database does not hold what people typed as their name: some type their password there.
fn key(app: &App, what: &[u8], about: &[u8]) -> ThrottleKey {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &*app.keys.throttle);
    let tag = hmac::sign(&key, &[what, b":", about].concat());
    ThrottleKey(tag.as_ref()[..16].try_into().expect("32 bytes have 16"))
}
