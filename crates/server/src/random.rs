//! The only source of randomness: the operating system's generator through the cryptographic library.

/// `N` fresh random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random generator works");
    bytes
}

/// A number from 0 up to and without `bound`, for jitter. Not for secrets: it is slightly biased.
pub fn below(bound: i64) -> i64 {
    (i64::from(u32::from_le_bytes(bytes())) * bound) >> 32
}
