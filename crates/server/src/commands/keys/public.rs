//! `watchword keys export-public`.

use domain::KeyState;
use domain::signing_keys::trusted_until;
use serde_json::{Value, json};
use token::Jwk;

use super::Desk;
use crate::app::StartError;
use crate::commands::output::line;
use crate::commands::start::wrong;

/// How public keys are written.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Format {
    /// A JWK Set (RFC 7517 §5)
    Jwks,
    /// One PEM block after the other (RFC 7468 §13)
    Pem,
}

impl Desk<'_> {
    pub(super) async fn export_public(&self, format: Format) -> Result<(), StartError> {
        let now = self.clock.now();
        let mut documents: Vec<Value> = Vec::new();
        for key in self.keys().await? {
            let is_over = key.life.retired_at.is_some_and(|retired_at| now >= trusted_until(retired_at));
            if key.life.state != KeyState::Gone && !is_over {
                let jwk = key.public_jwk.as_deref().map(serde_json::from_str);
                documents.extend(jwk.transpose().map_err(wrong)?);
            }
        }
        match format {
            Format::Jwks => line(json!({ "keys": documents })),
            Format::Pem => {
                for document in documents {
                    let jwk = Jwk::parse(document.to_string().as_bytes()).map_err(wrong)?;
                    let der = jwk.to_spki().ok_or_else(|| wrong("a key has no public half"))?;
                    line(format!("# {} {}", jwk.scheme().name(), jwk.kid().unwrap_or_default()));
                    line(pem(&der));
                }
            }
        }
        Ok(())
    }
}

fn pem(der: &[u8]) -> String {
    let text = base64_simd::STANDARD.encode_to_string(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| str::from_utf8(line).expect("base64 is ASCII")).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"))
}
