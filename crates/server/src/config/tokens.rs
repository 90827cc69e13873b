//! `[tokens]`: the algorithm, profile and lifetime of access tokens, and the grace of refresh tokens.

use std::path::PathBuf;

use domain::Span;
use domain::revocation::LONGEST_ACCESS_LIFETIME;
use serde::{Deserialize, Serialize};
use token::Secret;
use zeroize::Zeroizing;

use super::ConfigError;

/// How access and refresh tokens are made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    /// `EdDSA` (default), `ES256`, `RS256`, or `HS256` with a shared secret (RFC 7518 §3.1, RFC 8037 §3.1).
    pub algorithm: String,
    /// `rfc9068` (default), or `flask-jwt-extended` for Flask programs that use that library.
    pub profile: String,
    /// The `aud` claim; the public URL when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// How long an access token lasts: 1m to 15m.
    pub access_lifetime: Span,
    /// How long a used refresh token still yields the same successor: 0s to 60s.
    pub refresh_grace: Span,
    /// The file with the shared secret for HS256; or the variable `WATCHWORD_TOKENS_SECRET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
}

/// The variable that holds the shared secret.
pub(super) const SECRET_VARIABLE: &str = "WATCHWORD_TOKENS_SECRET";

const PROFILES: [(&str, token::Profile); 2] =
    [("rfc9068", token::Profile::Rfc9068), ("flask-jwt-extended", token::Profile::FlaskJwtExtended)];

impl Tokens {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refuse = |text: String| Err(ConfigError(text));
        if self.algorithm.parse::<token::Algorithm>().is_err() {
            return refuse(format!("tokens.algorithm: `{}` is none of EdDSA, ES256, RS256, HS256", self.algorithm));
        }
        if !PROFILES.iter().any(|(name, _)| *name == self.profile) {
            return refuse(format!("tokens.profile: `{}` is none of rfc9068, flask-jwt-extended", self.profile));
        }
        if !(Span::minutes(1)..=LONGEST_ACCESS_LIFETIME).contains(&self.access_lifetime) {
            return refuse(format!("tokens.access_lifetime: {} is not within 1m to 15m", self.access_lifetime));
        }
        if self.refresh_grace > Span::minutes(1) {
            return refuse(format!("tokens.refresh_grace: {} is not within 0s to 60s", self.refresh_grace));
        }
        Ok(())
    }

    /// Whether tokens are signed with a secret that verifiers share, rather than with keys of ours.
    pub fn is_shared_secret(&self) -> bool {
        self.algorithm == token::Algorithm::Hs256.name()
    }

    /// The dialect of access tokens.
    pub fn profile(&self) -> token::Profile {
        let known = PROFILES.iter().find(|(name, _)| *name == self.profile);
        known.expect("the configuration has been checked").1
    }

    /// The shared secret from the environment or the file. It must not be guessable: whoever knows it makes tokens.
    pub fn secret(&self, env: &[(String, String)]) -> Result<Secret, ConfigError> {
        let from_env = env.iter().find(|(name, _)| name == SECRET_VARIABLE);
        let (bytes, source) = match (from_env, &self.secret_file) {
            (Some((name, value)), _) => (Zeroizing::new(value.clone().into_bytes()), name.clone()),
            (None, Some(path)) => {
                let read = std::fs::read(path)
                    .map_err(|e| ConfigError(format!("tokens.secret_file: cannot read {}: {e}", path.display())))?;
                (Zeroizing::new(read), format!("tokens.secret_file {}", path.display()))
            }
            (None, None) => {
                return Err(ConfigError(format!(
                    "tokens.algorithm: HS256 needs a shared secret. Make one with `openssl rand -base64 48` and give it \
                     as {SECRET_VARIABLE} or in a file named by tokens.secret_file"
                )));
            }
        };
        // An editor ends the last line of a file; the secret does not include that.
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let secret = Secret::new(bytes.to_vec()).map_err(|e| ConfigError(format!("{source}: {e}")))?;
        if is_guessable(bytes) {
            return Err(ConfigError(format!(
                "{source}: the secret is easy to guess, and whoever guesses it can make tokens for anybody: \
                 generate one with `openssl rand -base64 48`"
            )));
        }
        Ok(secret)
    }
}

/// Whether a person could have thought of it: then it must not be a key (RFC 8725 §3.5).
fn is_guessable(secret: &[u8]) -> bool {
    // In pieces, because the estimate for a long text ends at 2^64, whatever the text is.
    let digits = |piece: &[u8]| {
        let text = Zeroizing::new(piece.iter().map(|byte| char::from(*byte)).collect::<String>());
        zxcvbn::zxcvbn(&text, &["watchword", "secret", "jwt"]).guesses_log10()
    };
    let digits: f64 = secret.chunks(16).map(digits).sum();
    // Random text takes about ten guesses for each character; words take less, so there must be more of them.
    digits < 40.0 && digits < 0.9 * secret.len() as f64
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            algorithm: "EdDSA".to_owned(),
            profile: "rfc9068".to_owned(),
            audience: None,
            access_lifetime: Span::minutes(10),
            refresh_grace: domain::grant::DEFAULT_GRACE,
            secret_file: None,
        }
    }
}
