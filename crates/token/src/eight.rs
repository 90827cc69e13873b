//! Reading text eight bytes at a time: where a string ends, and what a number is.

/// Where the first quotation mark is.
pub(crate) fn quotation_mark(text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // A byte is zero where there is one; subtracting borrows from it, and the lowest such place is the first of them.
        let word = u64::from_le_bytes(*word) ^ each(b'"');
        let found = word.wrapping_sub(each(1)) & !word & each(0x80);
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    Some(text.len() - rest.len() + rest.iter().position(|byte| *byte == b'"')?)
}

/// The number that the text begins with and how long it is: an integer in its one spelling, so not `01`.
pub(crate) fn digits(text: &[u8]) -> Option<(u64, usize)> {
    let (mut value, mut length) = text.first_chunk().copied().and_then(all_digits).map_or((0, 0), |value| (value, 8));
    while let Some(digit @ 0..=9) = text.get(length).map(|byte| byte.wrapping_sub(b'0')) {
        value = value.checked_mul(10)?.checked_add(digit.into())?;
        length += 1;
    }
    let is_one_spelling = length > 0 && (length == 1 || text[0] != b'0');
    is_one_spelling.then_some((value, length))
}

/// The value of eight digits, added up in pairs, then pairs of pairs.
fn all_digits(text: [u8; 8]) -> Option<u64> {
    let digits = u64::from_le_bytes(text) ^ each(b'0');
    // A byte above nine has a high half, or gets one when six is added.
    if (digits | digits.wrapping_add(each(6))) & each(0xf0) != 0 {
        return None;
    }
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// A word of eight times this byte.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_one_spelling_is_a_number() {
        assert_eq!(digits(b"0"), Some((0, 1)));
        assert_eq!(digits(b"0,"), Some((0, 1)));
        assert_eq!(digits(b"18446744073709551615}"), Some((u64::MAX, 20)));
        for wrong in
            ["", "-1", "+1", "x", "00", "01", "00000000", "000000001", "18446744073709551616", "99999999999999999999"]
        {
            assert_eq!(digits(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn the_first_quotation_mark_is_found(text in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'#'), Just(b'!'), Just(0xa2), any::<u8>()], 0..40)) {
            prop_assert_eq!(quotation_mark(&text), text.iter().position(|byte| *byte == b'"'));
        }

        #[test]
        fn a_number_reads_as_the_library_reads_it(number: u64, shift in 0..64_u32, more in "[^0-9].{0,9}") {
            let number = number >> shift;
            let text = number.to_string();
            prop_assert_eq!(digits(text.as_bytes()), Some((number, text.len())));
            prop_assert_eq!(digits(format!("{text}{more}").as_bytes()), Some((number, text.len())));
        }

        #[test]
        fn what_is_no_digit_ends_a_number(text in "[1-9][0-9/:;.]{0,12}") {
            let length = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
            prop_assert_eq!(digits(text.as_bytes()), Some((text[..length].parse().unwrap(), length)));
        }

        #[test]
        fn eight_bytes_are_digits_only_if_each_of_them_is(digits in "[0-9]{8}", at in 0..8_usize, other: u8) {
            let mut bytes: [u8; 8] = digits.as_bytes().try_into().unwrap();
            prop_assert_eq!(all_digits(bytes), digits.parse().ok());
            bytes[at] = other;
            let text = str::from_utf8(&bytes).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            prop_assert_eq!(all_digits(bytes), text.and_then(|text| text.parse().ok()));
        }
    }
}
