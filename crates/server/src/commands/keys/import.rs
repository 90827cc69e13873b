//! `watchword keys import`: a private key that was made elsewhere.

use std::io::Read;
use std::path::Path;

use token::{Algorithm, SigningKey};
use zeroize::Zeroizing;

use super::Desk;
use crate::app::StartError;
use crate::commands::start::wrong;

impl Desk<'_> {
    pub(super) async fn import(&self, file: &Path) -> Result<(), StartError> {
        let text = read(file)?;
        let key = parse(&text).map_err(wrong)?;
        let (its, ours) = (key.algorithm().name(), &self.schedule.algorithm);
        if its != ours {
            return Err(wrong(format!(
                "this is a key for {its}, but tokens are signed with {ours}; set tokens.algorithm to {its} first, or bring \
                 a key for {ours}"
            )));
        }
        let new = self.seal(&key).await?;
        self.publish(new).await
    }
}

fn read(file: &Path) -> Result<Zeroizing<String>, StartError> {
    let failed = |e: std::io::Error| wrong(format!("cannot read {}: {e}", file.display()));
    // Enough from the start: a text that grows leaves copies of itself behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST + 1));
    let read = if file == Path::new("-") {
        std::io::stdin().take(LONGEST as u64 + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(LONGEST as u64 + 1).read_to_string(&mut text))
    };
    if read.map_err(failed)? > LONGEST {
        return Err(wrong(format!("{} is too long for a private key", file.display())));
    }
    Ok(text)
}

/// One private key in one of the two forms. The error says what to do.
fn parse(text: &str) -> Result<SigningKey, String> {
    let text = text.trim();
    if text.starts_with('{') {
        return SigningKey::from_jwk(text.as_bytes())
            .map_err(|refused| format!("this JWK cannot be taken as a private key: {refused}"));
    }
    let Some(rest) = text.strip_prefix("-----BEGIN ") else {
        return Err(
            "this is neither a private key in PEM nor a private JWK; make one with: openssl genpkey -algorithm \
                    ed25519"
                .to_owned(),
        );
    };
    let (label, rest) = rest.split_once("-----").unwrap_or((rest, ""));
    match label {
        "PRIVATE KEY" => {}
        "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
            return Err(
                "this key is in an older form; convert it with: openssl pkcs8 -topk8 -nocrypt -in FILE".to_owned()
            );
        }
        "ENCRYPTED PRIVATE KEY" => {
            return Err("this key is encrypted; decrypt it with: openssl pkcs8 -in FILE".to_owned());
        }
        _ => return Err("this is not a private key".to_owned()),
    }
    let body = rest.strip_suffix("-----END PRIVATE KEY-----").filter(|body| !body.contains('-'));
    let body = body.ok_or_else(|| "there must be one private key in the file and nothing else".to_owned())?;
    let packed: Zeroizing<Vec<u8>> = Zeroizing::new(body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
    let der = base64_simd::STANDARD.decode_to_vec(&*packed).map(Zeroizing::new);
    let der = der.map_err(|_| "the PEM is damaged: it is not base64".to_owned())?;
    let asymmetric = [Algorithm::EdDSA, Algorithm::Es256, Algorithm::Rs256];
    let read = asymmetric.into_iter().find_map(|algorithm| SigningKey::from_pkcs8(algorithm, &der).ok());
    read.ok_or_else(|| "this is not a fit key for signing: Ed25519, P-256, or RSA of 2048 to 8192 bits".to_owned())
}

/// The longest file that is read, in bytes; an RSA key of 8192 bits as a JWK has about 7,000.
const LONGEST: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(algorithm: Algorithm) -> String {
        let der = SigningKey::generate(algorithm).unwrap().to_pkcs8().unwrap();
        let text = base64_simd::STANDARD.encode_to_string(&*der);
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    #[test]
    fn one_private_key_is_read_and_nothing_else() {
        for algorithm in [Algorithm::EdDSA, Algorithm::Es256, Algorithm::Rs256] {
            let good = pem(algorithm);
            assert_eq!(parse(&good).unwrap().algorithm(), algorithm);
            assert!(parse(&good.replace('\n', "\r\n")).is_ok());
            for bad in [
                format!("{good}{good}"),
                format!("{good}x"),
                good.replace("END PRIVATE KEY", "END PUBLIC KEY"),
                good[..good.len() / 2].to_owned(),
                good.replacen("MI", "M!", 1).replacen("MC", "M!", 1),
            ] {
                assert!(parse(&bad).is_err(), "{bad}");
            }
        }
    }

    #[test]
    fn what_is_not_taken_says_what_to_do() {
        for (text, advice) in [
            ("", "openssl genpkey"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", "-topk8 -nocrypt"),
            ("-----BEGIN EC PRIVATE KEY-----\nMII\n-----END EC PRIVATE KEY-----", "-topk8 -nocrypt"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII\n-----END ENCRYPTED PRIVATE KEY-----", "decrypt it"),
            ("-----BEGIN PUBLIC KEY-----\nMII\n-----END PUBLIC KEY-----", "not a private key"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "2048 to 8192"),
            ("{\"kty\":\"OKP\"}", "cannot be taken"),
            ("{}", "cannot be taken"),
        ] {
            let error = parse(text).err().unwrap();
            assert!(error.contains(advice), "{text}: {error}");
        }
    }
}
