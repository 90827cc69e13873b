//! Opening a session and handing out its two views: the cookie and the tokens.

use axum::http::HeaderValue;
use domain::revocation::keep_until;
use domain::{Account, CookieSecret, Grant, GrantId, SessionId, Span, UnixMillis};
use serde::Serialize;
use store::{Live, NewGrant, NewSession};
use token::{Claims, RefreshToken, SigningKey};
use utoipa::ToSchema;

use crate::app::App;
use crate::failure::Failure;
use crate::limits::Charged;
use crate::proofs::ClientIp;

/// The client that our own login and pages are.
pub const FIRST_PARTY: &str = "first-party";

/// What a login is about to become.
pub struct Login<'a> {
    /// Who logs in.
    pub account: &'a Account,
    /// Where from.
    pub from: ClientIp,
    /// The client's `User-Agent`.
    pub user_agent: &'a str,
    /// The session that the browser had before, which ends.
    pub replaces: Option<SessionId>,
    /// A new password hash, if the old one's cost is outdated.
    pub rehash: Option<domain::PasswordHash>,
    /// Tries to give back.
    pub refund: Charged,
    /// Whether a cookie is wanted.
    pub cookie: bool,
    /// Whether tokens are wanted.
    pub tokens: bool,
}

/// What a login became.
pub struct Issued {
    /// The session.
    pub live: Live,
    /// `Set-Cookie`, if one was wanted.
    pub cookie: Option<HeaderValue>,
    /// The tokens, if they were wanted.
    pub tokens: Option<Tokens>,
}

/// The tokens of a login or refresh (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    /// A JWT for `Authorization: Bearer`.
    #[schema(example = "eyJhbGciOiJFZERTQSIs…")]
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 597)]
    expires_in: i64,
    /// For `POST /refresh`; works once and yields its successor.
    #[schema(example = "wwr_AQ…")]
    refresh_token: String,
    /// Seconds until the session ends at the latest, whatever is refreshed.
    #[schema(example = 1_209_600)]
    refresh_expires_in: i64,
    /// The session that both belong to; the `sid` claim.
    #[schema(example = "5f0c1c62-93ab-44ce-9d3b-0d6d4d0c8f3e")]
    session_id: String,
}

/// Opens the session. `None` if the account was disabled or changed since it was judged.
pub async fn open(app: &App, login: Login<'_>) -> Result<Option<Issued>, Failure> {
    let now = app.clock.now();
    let keys = app.keys.confirmed(&app.store, &app.memory, now).await?;
    let secret = login.cookie.then(|| CookieSecret(crate::random::bytes()));
    let grant_id = login.tokens.then(|| GrantId(crate::random::bytes()));
    let new_grant = |grant_id| NewGrant { grant_id, client_id: FIRST_PARTY.to_owned(), scope: String::new() };
    let opened = app
        .store
        .open_session(NewSession {
            session_id: SessionId::new(now, crate::random::bytes()),
            user_id: login.account.user_id,
            cookie_hash: secret.as_ref().map(CookieSecret::hash),
            now,
            timeouts: app.config.session.timeouts(),
            amr: vec!["pwd".to_owned()],
            user_agent: domain::device::marks(login.user_agent),
            ip: login.from.0,
            epoch: login.account.epoch,
            grant: grant_id.map(new_grant),
            replaces: login.replaces,
            rehash: login.rehash,
            refund: login.refund,
            max_access_exp: if login.tokens { now + app.config.tokens.access_lifetime } else { UnixMillis(0) },
            keep_until: keep_until(now),
        })
        .await?;
    let Some(opened) = opened else { return Ok(None) };
    if let Some(receipt) = &opened.replaced {
        app.memory.heed(receipt);
    }
    let live = opened.live;
    let session_id = live.session.session_id;
    let cookie = secret.map(|secret| app.cookies.set_session(session_id, &secret));
    let tokens = grant_id.map(|grant_id| {
        let NewGrant { client_id, scope, .. } = new_grant(grant_id);
        let grant = Grant { grant_id, session_id, client_id, scope, rotation: 0, rotated_at: now };
        tokens(app, &keys.signing, &live, &grant, true, now)
    });
    Ok(Some(Issued { live, cookie, tokens }))
}

/// The tokens of a grant whose session and user were read no earlier than `read_at`.
pub fn tokens(app: &App, key: &SigningKey, live: &Live, grant: &Grant, fresh: bool, read_at: UnixMillis) -> Tokens {
    let (session, account) = (&live.session, &live.account);
    // Counted from the read, never from the signing: what was read may be out of date by now. A little less than the
    // full life for most, so that a fleet started at once does not refresh at once.
    let lifetime = app.config.tokens.access_lifetime;
    let jitter = Span(crate::random::below(lifetime.0 / 20));
    let expires_at = (read_at + lifetime - jitter).min(session.expires_at);
    let issuer = app.public_url.as_str();
    let audience = app.config.tokens.audience.as_deref().unwrap_or(issuer);
    let claims = Claims {
        iss: issuer.to_owned(),
        sub: account.user_id.to_string(),
        aud: vec![audience.to_owned()],
        exp: expires_at.seconds(),
        iat: read_at.seconds(),
        jti: token::base64url::encode(crate::random::bytes::<16>()),
        nbf: None,
        sid: session.session_id.0,
        client_id: grant.client_id.clone(),
        scope: grant.scope.clone(),
        roles: account.roles.as_slice().to_vec(),
        auth_time: Some(session.authenticated_at.seconds()),
        amr: session.amr.clone(),
        preferred_username: Some(account.username.to_string()),
        fresh,
        uep: account.epoch,
        rat: read_at.0,
    };
    let refresh =
        RefreshToken { session_id: session.session_id.0, grant_id: grant.grant_id.0, rotation: grant.rotation };
    Tokens {
        access_token: token::sign(key, app.keys.profile, &claims),
        token_type: "Bearer",
        expires_in: expires_at.since(read_at).0 / 1000,
        refresh_token: refresh.encode(&app.keys.refresh),
        refresh_expires_in: session.expires_at.since(read_at).0 / 1000,
        session_id: session.session_id.to_string(),
    }
}
