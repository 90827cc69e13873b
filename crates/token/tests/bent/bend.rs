//! The ways in which a token is bent.

use proptest::sample::Index;
use token::Algorithm;

use super::{Draft, Signer, quoted};
use crate::support::key;

/// Which JSON text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Header,
    Payload,
}

/// A time close to where it begins to matter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Edge {
    Exp,
    Nbf,
    Iat,
    Rat,
}

/// One way.
#[derive(Clone, Debug)]
pub(crate) enum Bend {
    // What is signed: any part.
    Remove(Part, Index),
    Repeat(Part, Index, &'static str),
    Retype(Part, Index, &'static str),
    Add(Part, &'static str, &'static str),
    Set(Part, &'static str, &'static str),
    EscapeName(Part, Index),
    EscapeValue(Part, Index),
    Rotate(Part, Index),
    Space(&'static str),
    Whole(Part, &'static [u8]),
    // What is signed: one claim or header member.
    Time(Edge, i64),
    Nested(usize),
    Elements(usize),
    Members(usize),
    Long(Part, usize),
    KidOf(Algorithm),
    AlgOf(Algorithm),
    BringsItsKey,
    // Who signs.
    Stranger,
    OtherAlgorithm(Algorithm),
    // The segments.
    FlipBit(usize, Index, u8),
    Truncate(usize, usize),
    Extend(usize, &'static str),
    TrailingBits(usize),
    Alphabet(usize),
    Empty(usize),
    Swap(usize, usize),
    // The text.
    Insert(Index, char),
    Replace(Index, char),
    Cut(Index),
    Append(&'static str),
    Prepend(&'static str),
}

impl Bend {
    pub(super) fn before_signing(&self, draft: &mut Draft) {
        match self {
            Self::Remove(part, at) => drop_at(draft.members(*part), *at),
            Self::Repeat(part, at, value) => {
                let members = draft.members(*part);
                let again = members.get(at.index(members.len().max(1))).map(|(name, _)| name.clone());
                members.extend(again.map(|name| (name, (*value).to_owned())));
            }
            Self::Retype(part, at, value) => change(draft, *part, *at, |member| (*value).clone_into(&mut member.1)),
            Self::Add(part, name, value) => draft.members(*part).push((quoted(name), (*value).to_owned())),
            Self::Set(part, name, value) => draft.set(*part, name, (*value).to_owned()),
            Self::EscapeName(part, at) => change(draft, *part, *at, |member| member.0 = escaped(&member.0)),
            Self::EscapeValue(part, at) => change(draft, *part, *at, |member| member.1 = escaped(&member.1)),
            Self::Rotate(part, by) => {
                let members = draft.members(*part);
                let by = by.index(members.len() + 1);
                members.rotate_left(by);
            }
            Self::Space(space) => draft.space = space,
            Self::Whole(Part::Header, text) => draft.whole[0] = Some(text.to_vec()),
            Self::Whole(Part::Payload, text) => draft.whole[1] = Some(text.to_vec()),
            _ => self.in_one_claim(draft),
        }
    }

    fn in_one_claim(&self, draft: &mut Draft) {
        match self {
            Self::Time(edge, by) => set_time(draft, *edge, *by),
            Self::Nested(depth) => {
                let value = format!("{}{}", "[".repeat(*depth), "]".repeat(*depth));
                draft.set(Part::Payload, "nested", value);
            }
            Self::Elements(count) => {
                let value = format!("[{}]", vec!["0"; *count].join(","));
                draft.set(Part::Payload, "elements", value);
            }
            Self::Members(count) => {
                let members: Vec<String> = (0..*count).map(|number| format!("\"m{number}\":0")).collect();
                draft.set(Part::Payload, "members", format!("{{{}}}", members.join(",")));
            }
            Self::Long(Part::Header, length) => draft.set(Part::Header, "typ", quoted(&"t".repeat(*length))),
            Self::Long(Part::Payload, length) => draft.set(Part::Payload, "scope", quoted(&"s".repeat(*length))),
            Self::KidOf(algorithm) => draft.set(Part::Header, "kid", quoted(key(*algorithm).kid())),
            Self::AlgOf(algorithm) => draft.set(Part::Header, "alg", quoted(algorithm.name())),
            Self::BringsItsKey => {
                let jwk = super::stranger(Algorithm::EdDSA).jwk().expect("a public key");
                draft.set(Part::Header, "jwk", jwk.to_value().to_string());
            }
            Self::Stranger => {
                if let Signer::Trusted(algorithm) = draft.signer {
                    draft.signer = Signer::Stranger(algorithm);
                }
            }
            Self::OtherAlgorithm(algorithm) => draft.signer = Signer::Trusted(*algorithm),
            _ => {}
        }
    }

    pub(super) fn after_signing(&self, segments: &mut [String; 3]) {
        match self {
            Self::FlipBit(which, at, bit) => {
                let mut bytes = crate::oracle::base64url::decode(&segments[*which]).unwrap_or_default();
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] ^= 1 << bit;
                }
                segments[*which] = crate::oracle::base64url::encode(&bytes);
            }
            Self::Truncate(which, by) => {
                let length = segments[*which].len().saturating_sub(*by);
                segments[*which].truncate(length);
            }
            Self::Extend(which, more) => segments[*which].push_str(more),
            Self::TrailingBits(which) => {
                // The neighbour differs in the lowest bit, which no byte uses unless the length is a multiple of four.
                let last = segments[*which].pop().and_then(|last| ALPHABET.find(last));
                segments[*which].extend(last.map(|last| char::from(ALPHABET.as_bytes()[last ^ 1])));
            }
            Self::Alphabet(which) => segments[*which] = segments[*which].replace('-', "+").replace('_', "/"),
            Self::Empty(which) => segments[*which].clear(),
            Self::Swap(one, other) => segments.swap(*one, *other),
            _ => {}
        }
    }

    pub(super) fn in_text(&self, token: &mut String) {
        match self {
            Self::Insert(at, character) => {
                let at = at.index(token.len() + 1);
                if token.is_char_boundary(at) {
                    token.insert(at, *character);
                }
            }
            Self::Replace(at, character) if !token.is_empty() => {
                let at = at.index(token.len());
                if token.is_char_boundary(at) && token.is_char_boundary(at + 1) {
                    token.replace_range(at..=at, &character.to_string());
                }
            }
            Self::Cut(at) => {
                let at = at.index(token.len() + 1);
                if token.is_char_boundary(at) {
                    token.truncate(at);
                }
            }
            Self::Append(more) => token.push_str(more),
            Self::Prepend(more) => token.insert_str(0, more),
            _ => {}
        }
    }
}

fn drop_at(members: &mut Vec<(String, String)>, at: Index) {
    if !members.is_empty() {
        members.remove(at.index(members.len()));
    }
}

fn change(draft: &mut Draft, part: Part, at: Index, with: impl FnOnce(&mut (String, String))) {
    let members = draft.members(part);
    if !members.is_empty() {
        let at = at.index(members.len());
        with(&mut members[at]);
    }
}

/// `by` is in the unit of the claim: at 0 it is the first value that is refused for `exp`, the last that is accepted for the others.
fn set_time(draft: &mut Draft, edge: Edge, by: i64) {
    let (now, leeway) = (draft.now_ms, i64::from(draft.leeway_seconds));
    let (name, value) = match edge {
        Edge::Exp => ("exp", now.div_euclid(1000) - leeway + by),
        Edge::Nbf => ("nbf", now.div_euclid(1000) + leeway + by),
        Edge::Iat => ("iat", now.div_euclid(1000) + leeway + by),
        Edge::Rat => ("rat", now + leeway * 1000 + by),
    };
    draft.set(Part::Payload, name, value.to_string());
}

/// Every character of a string as `\uXXXX`; anything else as it is.
fn escaped(text: &str) -> String {
    match serde_json::from_str::<String>(text) {
        Ok(text) => {
            format!("\"{}\"", text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat())
        }
        Err(_) => text.to_owned(),
    }
}

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
