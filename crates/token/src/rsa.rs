//! Which RSA public keys are fit to be trusted.

/// Fewest bits of a modulus (RFC 7518 §3.3).
const MIN_BITS: usize = 2048;
/// Most bits: beyond, one check costs an attacker nothing and the verifier milliseconds.
const MAX_BITS: usize = 8192;

/// Whether a modulus and an exponent (big endian) make a fit key: 2048–8192 bits, odd, exponent odd and above one, and
/// not from the generator of CVE-2017-15361.
pub(crate) fn is_fit(modulus: &[u8], exponent: &[u8]) -> bool {
    let (modulus, exponent) = (strip(modulus), strip(exponent));
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    (MIN_BITS..=MAX_BITS).contains(&bits(modulus))
        && is_odd(modulus)
        && is_odd(exponent)
        && exponent != [1]
        && exponent.len() <= 4
        && !is_roca(modulus)
}

/// The number without leading zero bytes.
pub(crate) fn strip(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// Whether the modulus carries the fingerprint of the ROCA generator: modulo every small prime it is a power of 65537.
/// For a key made otherwise the chance is below one in a hundred million.
fn is_roca(modulus: &[u8]) -> bool {
    SMALL_PRIMES.iter().all(|&prime| {
        let residue = modulus.iter().fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % prime);
        let mut power = 1;
        for _ in 1..prime {
            if power == residue {
                return true;
            }
            power = power * (65_537 % prime) % prime;
        }
        false
    })
}

const SMALL_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_parity_and_exponent_are_judged() {
        let modulus = |bytes: usize| {
            let mut number = vec![0xf1; bytes];
            number[bytes - 1] = 0x0f;
            number
        };
        assert!(is_fit(&modulus(256), &[1, 0, 1]));
        assert!(is_fit(&modulus(256), &[3]));
        assert!(is_fit(&modulus(1024), &[1, 0, 1]));
        assert!(!is_fit(&modulus(128), &[1, 0, 1]));
        assert!(!is_fit(&modulus(255), &[1, 0, 1]));
        assert!(!is_fit(&modulus(1025), &[1, 0, 1]));
        for exponent in [&[][..], &[0], &[1], &[0, 1], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
            assert!(!is_fit(&modulus(256), exponent), "{exponent:?}");
        }
        let mut even = modulus(256);
        even[255] = 0x10;
        assert!(!is_fit(&even, &[1, 0, 1]));
    }

    #[test]
    fn size_is_counted_in_bits() {
        let modulus = |bytes: usize, first: u8| [vec![first], vec![0xf1; bytes - 1]].concat();
        for (bytes, first, is_within) in
            [(256, 0x80, true), (256, 0x7f, false), (257, 0x01, true), (1024, 0xff, true), (1025, 0x01, false)]
        {
            assert_eq!(is_fit(&modulus(bytes, first), &[1, 0, 1]), is_within, "{bytes} bytes from {first:#x} on");
        }
    }
    /// A power of 65537, big endian: the fingerprint of the ROCA generator modulo every prime at once.
    fn power_of_65537(exponent: u32) -> Vec<u8> {
        let mut number = vec![1];
        for _ in 0..exponent {
            // Little endian; 65537 times is once, and once more two bytes further up.
            let shifted = [vec![0, 0], number.clone()].concat();
            number.extend([0, 0]);
            let mut carry = 0;
            for (digit, more) in number.iter_mut().zip(shifted) {
                let sum = u16::from(*digit) + u16::from(more) + carry;
                (*digit, carry) = (sum as u8, sum >> 8);
            }
        }
        number.reverse();
        number
    }

    #[test]
    fn a_modulus_with_the_fingerprint_of_roca_is_unfit() {
        assert_eq!(power_of_65537(2), [1, 0, 2, 0, 1]);
        for exponent in [128, 129, 200] {
            let modulus = power_of_65537(exponent);
            assert!((MIN_BITS..=MAX_BITS).contains(&bits(&modulus)));
            assert!(!is_fit(&modulus, &[1, 0, 1]), "65537 to the {exponent}");
            for from_end in [1, 2] {
                // Still odd, but divisible by 3, as no power of 65537 is.
                let mut other = modulus.clone();
                other[modulus.len() - from_end] += if exponent % 2 == 0 { 2 } else { 4 };
                assert!(is_fit(&other, &[1, 0, 1]), "65537 to the {exponent}, and a little");
            }
        }
    }
}
