//! The shape of a JSON text, checked before its meaning: one object, bounded depth and size, no duplicate member anywhere.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::text::Text;

/// How large a JSON text may be in structure.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Objects and arrays inside each other; the outermost counts as one.
    pub(crate) depth: u8,
    /// Members and elements in the whole text.
    pub(crate) items: u32,
}

/// A JOSE header: flat, with room for hostile members so that they are refused by name.
pub(crate) const HEADER: Limits = Limits { depth: 4, items: 32 };
/// The claims of a token.
pub(crate) const CLAIMS: Limits = Limits { depth: 8, items: 1_024 };
/// A key or a set of keys.
pub(crate) const KEYS: Limits = Limits { depth: 8, items: 16_384 };

/// The text is not within the limits, not one JSON object, or has a duplicate member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Misshapen;

/// Checks that `json` is one object within `limits`, and that no object in it names a member twice.
pub(crate) fn check(json: &[u8], limits: Limits) -> Result<(), Misshapen> {
    // serde reads a struct from an array as well; here only an object will do.
    if json.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Misshapen);
    }
    let left = Cell::new(limits.items);
    let mut text = serde_json::Deserializer::from_slice(json);
    Value { depth: limits.depth, left: &left }.deserialize(&mut text).map_err(|_| Misshapen)?;
    text.end().map_err(|_| Misshapen)
}

#[derive(Clone, Copy)]
struct Value<'a> {
    depth: u8,
    left: &'a Cell<u32>,
}

impl Value<'_> {
    fn enter<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("too deep"))?;
        Ok(Self { depth, ..self })
    }

    fn count<E: Error>(self) -> Result<(), E> {
        self.left.set(self.left.get().checked_sub(1).ok_or_else(|| E::custom("too many items"))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.enter()?;
        let mut names: Vec<Text<'de>> = Vec::with_capacity(16);
        while let Some(name) = members.next_key()? {
            self.count()?;
            // Quadratic, and therefore bounded.
            if names.len() >= MEMBERS_PER_OBJECT || names.contains(&name) {
                return Err(A::Error::custom("duplicate or too many members"));
            }
            names.push(name);
            members.next_value_seed(inner)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let inner = self.enter()?;
        while elements.next_element_seed(inner)?.is_some() {
            self.count()?;
        }
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

const MEMBERS_PER_OBJECT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Limits = Limits { depth: 2, items: 4 };

    #[test]
    fn only_one_object_within_the_limits_passes() {
        for good in
            ["{}", " {\"a\":1} ", r#"{"a":[1,2,null]}"#, r#"{"a":{"b":true},"c":-1.5}"#, "\n\t{\"\u{e9}\":\"x\"}"]
        {
            assert_eq!(check(good.as_bytes(), SMALL), Ok(()), "{good}");
        }
        for bad in [
            "",
            " ",
            "[]",
            "1",
            "null",
            "\"a\"",
            "{",
            "{}{}",
            "{} x",
            "\u{feff}{}",
            "[{}]",
            r#"{"a":1,}"#,
            r"{'a':1}",
            r#"{"a":[[1]]}"#,
            r#"{"a":[1,2,3,4]}"#,
            r#"{"a":1,"b":2,"c":3,"d":4,"e":5}"#,
            r#"{"a":01}"#,
            r#"{"a":1e999}"#,
        ] {
            assert_eq!(check(bad.as_bytes(), SMALL), Err(Misshapen), "{bad}");
        }
        assert_eq!(check(b"{\"a\":\"\xff\"}", SMALL), Err(Misshapen));
    }

    #[test]
    fn a_duplicate_member_is_found_at_every_depth_and_under_every_escape() {
        for bad in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":{"a":1,"a":1}}"#, r#"{"x":[{"a":1,"a":1}]}"#] {
            assert_eq!(check(bad.as_bytes(), CLAIMS), Err(Misshapen), "{bad}");
        }
        assert_eq!(check(br#"{"a":{"a":1},"A":1}"#, CLAIMS), Ok(()));
    }

    #[test]
    fn deep_nesting_costs_no_stack() {
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert_eq!(check(deep.as_bytes(), KEYS), Err(Misshapen));
    }
}
