//! The refresh token: which session, which grant, which rotation, and a MAC that no copy of the database can forge.
//!
//! `wwr_` then base64url of version (1 byte) ‖ session (16) ‖ grant (16) ‖ rotation (4, big endian) ‖ MAC (16). The MAC is
//! HMAC-SHA-256 cut to 128 bits over everything before it, under a key of its own for each grant: HKDF-SHA-256 with the
//! grant's random id as salt. The same token is always the same text, so a reply that was lost can be given again.

use aws_lc_rs::{constant_time, hmac};
use zeroize::Zeroizing;

use crate::{MasterKey, base64url, master_key};

/// What a refresh token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RefreshToken {
    /// The session that it belongs to.
    pub session_id: [u8; 16],
    /// What one client holds under that session. Random: it salts the key of the MAC.
    pub grant_id: [u8; 16],
    /// How many times the grant has been refreshed before this token.
    pub rotation: u32,
}

impl RefreshToken {
    /// The prefix by which leak scanners find one.
    pub const PREFIX: &'static str = "wwr_";
    /// The length of every refresh token in characters.
    pub const LENGTH: usize = 4 + (BYTES * 4).div_ceil(3);

    /// The token as text. Deterministic.
    ///
    /// ```
    /// use token::{MasterKey, RefreshKey, RefreshToken};
    /// let key = RefreshKey::derive(&MasterKey::generate());
    /// let token = RefreshToken { session_id: [1; 16], grant_id: [2; 16], rotation: 3 };
    /// assert_eq!(RefreshToken::decode(&token.encode(&key), &key), Ok(token));
    /// ```
    pub fn encode(&self, key: &RefreshKey) -> String {
        let mut bytes = [0; BYTES];
        bytes[0] = VERSION;
        bytes[1..17].copy_from_slice(&self.session_id);
        bytes[17..33].copy_from_slice(&self.grant_id);
        bytes[33..37].copy_from_slice(&self.rotation.to_be_bytes());
        let mac = key.mac(&self.grant_id, &bytes[..SIGNED]);
        bytes[SIGNED..].copy_from_slice(&mac);
        let mut text = String::with_capacity(Self::LENGTH);
        text.push_str(Self::PREFIX);
        text.push_str(&base64url::encode(bytes));
        text
    }

    /// Reads a token back. The MAC is compared in constant time.
    ///
    /// ```
    /// use token::{MasterKey, RefreshKey, RefreshRefused, RefreshToken};
    /// let key = RefreshKey::derive(&MasterKey::generate());
    /// assert_eq!(RefreshToken::decode("wwr_", &key), Err(RefreshRefused::Malformed));
    /// ```
    pub fn decode(text: &str, key: &RefreshKey) -> Result<Self, RefreshRefused> {
        let text = text.strip_prefix(Self::PREFIX).ok_or(RefreshRefused::Malformed)?;
        let bytes: [u8; BYTES] = base64url::decode_array(text).map_err(|_| RefreshRefused::Malformed)?;
        if bytes[0] != VERSION {
            return Err(RefreshRefused::Malformed);
        }
        let token = Self {
            session_id: part(&bytes, 1),
            grant_id: part(&bytes, 17),
            rotation: u32::from_be_bytes(part(&bytes, 33)),
        };
        let mac = key.mac(&token.grant_id, &bytes[..SIGNED]);
        constant_time::verify_slices_are_equal(&mac, &bytes[SIGNED..]).map_err(|_| RefreshRefused::Forged)?;
        Ok(token)
    }
}

/// The key that all refresh tokens of an installation rest on. Wiped when dropped; has no `Debug`.
#[derive(Clone)]
pub struct RefreshKey(Zeroizing<[u8; 32]>);

impl RefreshKey {
    /// The refresh key under a master key.
    pub fn derive(master: &MasterKey) -> Self {
        Self(master.subkey("refresh tokens"))
    }

    fn mac(&self, grant_id: &[u8; 16], message: &[u8]) -> [u8; MAC] {
        let key = master_key::expand(grant_id, &*self.0, b"watchword refresh 1");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*key), message);
        part(tag.as_ref(), 0)
    }
}

/// Why a text is not one of our refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefreshRefused {
    /// Not the form of a refresh token at all.
    #[error("not a refresh token")]
    Malformed,
    /// The form is right, the MAC is not ours.
    #[error("the refresh token was not issued here")]
    Forged,
}

const VERSION: u8 = 1;
const SIGNED: usize = 1 + 16 + 16 + 4;
const MAC: usize = 16;
const BYTES: usize = SIGNED + MAC;

/// `N` bytes from a fixed place.
fn part<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    bytes[from..from + N].try_into().expect("the range has that length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> RefreshKey {
        RefreshKey::derive(&MasterKey::from_bytes([7; 32]))
    }

    fn token(session_id: [u8; 16], grant_id: [u8; 16], rotation: u32) -> RefreshToken {
        RefreshToken { session_id, grant_id, rotation }
    }

    proptest::proptest! {
        #[test]
        fn every_token_reads_back_as_the_same_text(session: [u8; 16], grant: [u8; 16], rotation: u32) {
            let token = token(session, grant, rotation);
            let text = token.encode(&key());
            proptest::prop_assert_eq!(text.len(), RefreshToken::LENGTH);
            proptest::prop_assert_eq!(RefreshToken::decode(&text, &key()), Ok(token));
            proptest::prop_assert_eq!(token.encode(&key()), text);
        }

        #[test]
        fn no_bit_can_be_flipped(session: [u8; 16], grant: [u8; 16], rotation: u32, at in 0..BYTES, bit in 0..8u8) {
            let text = token(session, grant, rotation).encode(&key());
            let mut bytes = base64url::decode(&text[4..]).unwrap();
            bytes[at] ^= 1 << bit;
            let refused = if at == 0 { RefreshRefused::Malformed } else { RefreshRefused::Forged };
            let text = format!("wwr_{}", base64url::encode(bytes));
            proptest::prop_assert_eq!(RefreshToken::decode(&text, &key()), Err(refused));
        }

        #[test]
        fn foreign_texts_are_malformed(text in "(wwr_)?[A-Za-z0-9_=.-]{0,90}") {
            proptest::prop_assume!(text.len() != RefreshToken::LENGTH);
            proptest::prop_assert_eq!(RefreshToken::decode(&text, &key()), Err(RefreshRefused::Malformed));
        }
    }

    #[test]
    fn one_token_has_one_spelling() {
        let text = token([1; 16], [2; 16], 3).encode(&key());
        let last = text.chars().last().unwrap();
        let neighbour = char::from(last as u8 + 1);
        for other in [
            format!("{text}="),
            format!("{text} "),
            format!(" {text}"),
            text.replace("wwr_", "WWR_"),
            text[4..].to_owned(),
            format!("{}{neighbour}", &text[..text.len() - 1]),
        ] {
            assert_eq!(RefreshToken::decode(&other, &key()), Err(RefreshRefused::Malformed), "{other}");
        }
    }

    #[test]
    fn another_installation_cannot_issue_one() {
        let foreign = RefreshKey::derive(&MasterKey::from_bytes([8; 32]));
        let text = token([1; 16], [2; 16], 3).encode(&foreign);
        assert_eq!(RefreshToken::decode(&text, &key()), Err(RefreshRefused::Forged));
    }

    #[test]
    fn a_mac_of_one_grant_or_rotation_is_worth_nothing_for_another() {
        let mac = |text: &str| base64url::decode(&text[4..]).unwrap()[SIGNED..].to_vec();
        let one = mac(&token([1; 16], [2; 16], 3).encode(&key()));
        for other in [token([1; 16], [2; 16], 4), token([1; 16], [3; 16], 3), token([2; 16], [2; 16], 3)] {
            assert_ne!(mac(&other.encode(&key())), one);
        }
    }
}
