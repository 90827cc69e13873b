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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_ids_are_all_different_and_every_bit_is_as_often_set_as_not() {
        let ids: Vec<[u8; 16]> = (0..10_000).map(|_| bytes()).collect();
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        for bit in 0..128 {
            let set = ids.iter().filter(|id| id[bit / 8] >> (bit % 8) & 1 == 1).count();
            // Ten standard deviations of 50 either way.
            assert!((4_500..5_500).contains(&set), "bit {bit} was set {set} times");
        }
    }

    #[test]
    fn jitter_stays_below_its_bound() {
        assert!((0..1000).all(|_| (0..7).contains(&below(7))));
        assert_eq!(below(0), 0);
    }
}
