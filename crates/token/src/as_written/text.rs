//! A text that is read from its beginning, as far as it has the one spelling in which this crate writes.

use std::borrow::Cow;

use crate::{Strings, eight};

/// What is left to read. Each method takes the very bytes that have to come first; their length is known when this is
/// compiled, so that comparing them takes one or two instructions.
pub(super) struct Text<'a>(pub(super) &'a str);

impl<'a> Text<'a> {
    /// Text without escapes, so that a quotation mark always ends a string.
    pub(super) fn new(json: &'a [u8]) -> Option<Self> {
        // Without a branch, so that many bytes are compared at once.
        let special = json.iter().fold(0, |found, byte| found | u8::from(*byte < b' ') | u8::from(*byte == b'\\'));
        if json.len() > MAX_BYTES || special != 0 {
            return None;
        }
        str::from_utf8(json).ok().map(Self)
    }

    #[inline]
    pub(super) fn begins<const N: usize>(&self, name: &[u8; N]) -> bool {
        self.0.as_bytes().first_chunk() == Some(name)
    }

    #[inline]
    pub(super) fn skip<const N: usize>(&mut self, name: &[u8; N]) -> Option<()> {
        self.0 = self.0.get(N..).filter(|_| self.begins(name))?;
        Some(())
    }

    /// `Some(None)` if the member is not there, `None` if it is not readable here.
    #[expect(clippy::option_option, reason = "so that `?` leaves what cannot be read to the strict reader")]
    pub(super) fn optional<const N: usize, T>(
        &mut self,
        name: &[u8; N],
        read: impl FnOnce(&mut Self, &[u8; N]) -> Option<T>,
    ) -> Option<Option<T>> {
        if self.begins(name) { read(self, name).map(Some) } else { Some(None) }
    }

    /// A string; its first quotation mark is the last byte of `name`.
    pub(super) fn string<const N: usize>(&mut self, name: &[u8; N]) -> Option<&'a str> {
        self.skip(name)?;
        self.string_begun()
    }

    /// A string that is likely to be as long as an id: its length is guessed, and looked for only if that is wrong.
    pub(super) fn id<const N: usize>(&mut self, name: &[u8; N]) -> Option<&'a str> {
        self.skip(name)?;
        let ends = |text: &[u8; ID_BYTES]| text.iter().fold(0, |ends, byte| ends | u8::from(*byte == b'"')) != 0;
        let text = self.0.as_bytes();
        if text.get(ID_BYTES) != Some(&b'"') || text.first_chunk().is_none_or(ends) {
            return self.string_begun();
        }
        Some(self.take(ID_BYTES, 1))
    }

    pub(super) fn signed<const N: usize>(&mut self, name: &[u8; N]) -> Option<i64> {
        self.skip(name)?;
        self.integer()
    }

    pub(super) fn unsigned<const N: usize>(&mut self, name: &[u8; N]) -> Option<u64> {
        self.skip(name)?;
        self.digits()
    }

    // One for all names, so that there is little code to fetch and few branches to learn.
    #[inline(never)]
    fn string_begun(&mut self) -> Option<&'a str> {
        let end = eight::quotation_mark(self.0.as_bytes())?;
        Some(self.take(end, 1))
    }

    #[inline(never)]
    fn integer(&mut self) -> Option<i64> {
        if !self.begins(b"-") {
            return self.digits()?.try_into().ok();
        }
        self.skip(b"-")?;
        // The strict reader knows that `-0` is no integer.
        self.digits().filter(|digits| *digits != 0).and_then(|digits| 0_i64.checked_sub_unsigned(digits))
    }

    #[inline]
    pub(super) fn digits(&mut self) -> Option<u64> {
        let (value, length) = eight::digits(self.0.as_bytes())?;
        self.take(length, 0);
        Some(value)
    }

    /// The next bytes; then some more are left out.
    #[inline]
    fn take(&mut self, length: usize, more: usize) -> &'a str {
        let value = &self.0[..length];
        self.0 = &self.0[length + more..];
        value
    }

    pub(super) fn boolean<const N: usize>(&mut self, name: &[u8; N]) -> Option<bool> {
        self.skip(name)?;
        let value = self.begins(b"true");
        if value { self.skip(b"true") } else { self.skip(b"false") }.map(|()| value)
    }

    /// Strings in an array that is not empty; its bracket is the last byte of `name`.
    pub(super) fn many<const N: usize>(&mut self, name: &[u8; N]) -> Option<Strings<'a>> {
        self.skip(name)?;
        let array = self.0;
        self.string(b"\"")?;
        while self.begins(b",") {
            self.string(b",\"")?;
        }
        let array = &array[..array.len() - self.0.len()];
        self.skip(b"]")?;
        Some(Strings::written(array))
    }

    pub(super) fn one_or_many(&mut self) -> Option<Strings<'a>> {
        if self.begins(br#","aud":["#) {
            return self.many(br#","aud":["#);
        }
        Some(Strings::one(Cow::Borrowed(self.string(br#","aud":""#)?)))
    }
}

/// How long an id is where it is a UUID.
const ID_BYTES: usize = 36;

/// So short that it cannot have more items than the strict reader allows: an item takes two bytes.
pub(super) const MAX_BYTES: usize = 2_048;
