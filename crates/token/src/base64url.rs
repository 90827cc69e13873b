//! Strict base64url without padding (RFC 7515 §2): one byte string has exactly one text, and one text one byte string.

use std::mem::MaybeUninit;

use base64_simd::{Out, URL_SAFE_NO_PAD};

/// The text is not canonical unpadded base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not canonical unpadded base64url")]
pub struct NotBase64Url;

/// Encodes without padding.
///
/// ```
/// assert_eq!(token::base64url::encode(b"\xff\xef"), "_-8");
/// ```
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Decodes. Padding, whitespace, `+`, `/` and non-zero trailing bits are refused (RFC 4648 §3.5).
///
/// ```
/// use token::base64url::decode;
/// assert_eq!(decode("_-8"), Ok(b"\xff\xef".to_vec()));
/// assert!(decode("_-9").is_err());
/// assert!(decode("_-8=").is_err());
/// ```
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, NotBase64Url> {
    URL_SAFE_NO_PAD.decode_to_vec(text).map_err(|_| NotBase64Url)
}

/// Encodes to the end of a text.
pub(crate) fn encode_to(text: &mut String, bytes: impl AsRef<[u8]>) {
    URL_SAFE_NO_PAD.encode_append(bytes, text);
}

/// Decodes into memory that is there already, and gives back what it did not need. Too little of it refuses the text.
pub(crate) fn decode_into<'a>(text: &str, room: &'a mut [MaybeUninit<u8>]) -> Result<Decoded<'a>, NotBase64Url> {
    let (here, rest) = room.split_at_mut_checked(text.len() / 4 * 3 + text.len() % 4).ok_or(NotBase64Url)?;
    let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes(), Out::from_uninit_slice(here)).map_err(|_| NotBase64Url)?;
    Ok((bytes, rest))
}

/// The bytes, and the rest of the memory.
type Decoded<'a> = (&'a [u8], &'a mut [MaybeUninit<u8>]);

/// Decodes exactly `N` bytes.
///
/// ```
/// assert_eq!(token::base64url::decode_array::<2>("_-8"), Ok(*b"\xff\xef"));
/// assert!(token::base64url::decode_array::<3>("_-8").is_err());
/// ```
pub fn decode_array<const N: usize>(text: impl AsRef<[u8]>) -> Result<[u8; N], NotBase64Url> {
    let text = text.as_ref();
    // Judged by length first, so that a long hostile text costs nothing.
    if text.len() != (N * 4).div_ceil(3) {
        return Err(NotBase64Url);
    }
    let mut buffer = [0; N];
    let written = URL_SAFE_NO_PAD.decode(text, Out::from_slice(&mut buffer)).map_err(|_| NotBase64Url)?;
    if written.len() == N { Ok(buffer) } else { Err(NotBase64Url) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_text_decodes() {
        assert_eq!(decode("AA"), Ok(vec![0]));
        assert_eq!(decode("AAA"), Ok(vec![0, 0]));
        assert_eq!(decode(""), Ok(vec![]));
        for wrong in
            ["A", "AB", "A_", "AAB", "AA=", "AA==", "AAA=", "AAAAA", " AA", "AA ", "A A", "AA\n", "+A", "/A", "é"]
        {
            assert_eq!(decode(wrong), Err(NotBase64Url), "{wrong:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_byte_string_reads_back(bytes: Vec<u8>) {
            proptest::prop_assert_eq!(decode(encode(&bytes)), Ok(bytes));
        }

        #[test]
        fn whatever_decodes_is_the_text_that_encoding_writes(text in "[A-Za-z0-9_=+/ -]{0,24}") {
            if let Ok(bytes) = decode(&text) {
                proptest::prop_assert_eq!(encode(bytes), text);
            }
        }

        #[test]
        fn decoding_into_memory_is_decoding(text in "[A-Za-z0-9_=-]{0,24}", room in 0..24_usize) {
            let mut room = vec![MaybeUninit::uninit(); room];
            let size = room.len();
            match (decode(&text), decode_into(&text, &mut room)) {
                (Ok(bytes), Ok((same, rest))) => {
                    proptest::prop_assert_eq!(same, bytes);
                    proptest::prop_assert!(rest.len() + same.len() <= size);
                }
                (Ok(bytes), Err(_)) => proptest::prop_assert!(size <= bytes.len()),
                (refused, same) => proptest::prop_assert!(refused.is_err() && same.is_err()),
            }
        }

        #[test]
        fn arrays_decode_as_vectors_do(bytes: [u8; 17]) {
            proptest::prop_assert_eq!(decode_array(encode(bytes)), Ok(bytes));
        }
    }
}
