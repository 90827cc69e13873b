//! What a program shows that follows the revocations: `wwv_`, then base64url of 32 random bytes and 4 of a checksum.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::{SecretHash, VerifierSecret};

use crate::app::App;
use crate::failure::Failure;
use crate::proofs::bearer;

/// Whoever asks has shown the credential of a verifier.
pub struct Follower {
    /// Under which name the credential was made.
    pub name: String,
}

/// A new credential: what is shown, and what is stored of it.
pub fn new_credential() -> (String, SecretHash) {
    let secret = VerifierSecret(crate::random::bytes());
    let mut bytes = [0; SECRET + CHECKSUM];
    bytes[..SECRET].copy_from_slice(&secret.0);
    bytes[SECRET..].copy_from_slice(&checksum(&secret));
    (format!("{PREFIX}{}", token::base64url::encode(bytes)), secret.hash())
}

/// Whether a verifier may be called so.
pub fn is_name(name: &str) -> bool {
    let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(is_ours)
}

fn parse(text: &str) -> Option<SecretHash> {
    let bytes: [u8; SECRET + CHECKSUM] = token::base64url::decode_array(text.strip_prefix(PREFIX)?).ok()?;
    let (secret, rest) = bytes.split_first_chunk::<SECRET>()?;
    let secret = VerifierSecret(*secret);
    // It tells a typo from a stranger, and secrets from other text; it is no secret itself.
    (checksum(&secret) == rest).then(|| secret.hash())
}

/// The first bytes of the hash of the hash: so much of it may be known.
fn checksum(secret: &VerifierSecret) -> [u8; CHECKSUM] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &secret.hash().0);
    let mut checksum = [0; CHECKSUM];
    checksum.copy_from_slice(&digest.as_ref()[..CHECKSUM]);
    checksum
}

impl FromRequestParts<App> for Follower {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let shown = bearer(&parts.headers)?.ok_or(Failure::Unauthenticated(None))?;
        let unknown = || Failure::Unauthenticated(Some("this is not the credential of a verifier".to_owned()));
        let hash = parse(shown).ok_or_else(unknown)?;
        let name = app.store.verifier_by_secret(hash).await?.ok_or_else(unknown)?;
        Ok(Self { name })
    }
}

const PREFIX: &str = "wwv_";
const SECRET: usize = 32;
const CHECKSUM: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_read_back_and_any_typo_in_it_is_noticed() {
        let (shown, hash) = new_credential();
        assert!(parse(&shown).unwrap().matches(&hash));
        for at in PREFIX.len()..shown.len() {
            let mut typo = shown.clone();
            let other = if &shown[at..=at] == "A" { "B" } else { "A" };
            typo.replace_range(at..=at, other);
            assert!(parse(&typo).is_none(), "{at}");
        }
    }
}
