//! Texts and bytes of a fixed form: refresh tokens, the master key, sealed values, shared secrets, base64url.

use token::{MasterKey, RefreshKey, RefreshToken, SealingKey, Secret, base64url as ours};

use super::known::master_key as master;
use super::oracle::base64url as theirs;

/// Bytes as a refresh token; and as what one may say.
pub fn refresh_token(bytes: &[u8]) -> bool {
    let key = RefreshKey::derive(&master());
    if let Some((said, _)) = bytes.split_first_chunk::<36>() {
        let token = RefreshToken {
            session_id: *said.first_chunk().expect("16 of 36"),
            grant_id: *said[16..].first_chunk().expect("16 of 20"),
            rotation: u32::from_le_bytes(*said.last_chunk().expect("4 of 36")),
        };
        assert_eq!(RefreshToken::decode(&token.encode(&key), &key), Ok(token));
    }
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let Ok(token) = RefreshToken::decode(text, &key) else { return false };
    assert_eq!(token.encode(&key), text, "a token has one spelling");
    assert!(RefreshToken::decode(text, &RefreshKey::derive(&MasterKey::from_bytes([8; 32]))).is_err());
    true
}

/// Bytes as the file of a master key.
pub fn master_key(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let expected = theirs::decode(text.trim()).filter(|key| key.len() == 32 && *key != [0; 32]);
    let key = MasterKey::from_base64url(text);
    assert_eq!(key.is_ok(), expected.is_some());
    key.is_ok_and(|key| {
        assert_eq!(key.to_base64url().as_str(), text.trim());
        true
    })
}

/// Bytes as a sealed value; and as what is to be sealed.
pub fn sealed(bytes: &[u8]) -> bool {
    let key = SealingKey::derive(&master(), "fuzzing");
    let mut sealed = key.seal(bytes, bytes);
    assert_eq!(key.open(&sealed, bytes).as_deref().map(Vec::as_slice), Ok(bytes));
    assert!(key.open(&sealed, &[bytes, b"x"].concat()).is_err());
    let at = bytes.iter().fold(0, |at, byte| (at * 31 + usize::from(*byte)) % sealed.len());
    sealed[at] ^= 1 << (bytes.len() % 8);
    assert!(key.open(&sealed, bytes).is_err(), "no bit can be flipped");
    key.open(bytes, b"seed").is_ok()
}

/// Bytes as a shared secret.
pub fn secret(bytes: &[u8]) -> bool {
    let Ok(secret) = Secret::new(bytes.to_vec()) else { return false };
    assert_eq!(secret.expose(), bytes);
    let distinct: std::collections::BTreeSet<_> = bytes.iter().collect();
    assert!(bytes.len() >= 32 && distinct.len() >= 8);
    assert!(!bytes.windows(10).any(|part| part == b"-----BEGIN") || str::from_utf8(bytes).is_err());
    true
}

/// Bytes as base64url; and as what is to be encoded.
pub fn base64url(bytes: &[u8]) -> bool {
    let text = ours::encode(bytes);
    assert_eq!(text, theirs::encode(bytes));
    assert_eq!(ours::decode(&text).as_deref(), Ok(bytes));
    let decoded = ours::decode(bytes).ok();
    assert_eq!(decoded, str::from_utf8(bytes).ok().and_then(theirs::decode));
    assert_eq!(ours::decode_array::<16>(bytes).ok().map(Vec::from), decoded.clone().filter(|bytes| bytes.len() == 16));
    decoded.is_some()
}
