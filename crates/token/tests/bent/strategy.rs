//! How often which bend is tried. Enough of them do no harm, so that both verdicts are common.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use token::{Algorithm, Claims};

use super::values::{ALGORITHMS, AUDIENCES, HEADER_MEMBERS, ISSUERS, NUMBERS, SESSIONS, TYPES, VALUES, WHOLES};
use super::{Bend, Case, Edge, Part};
use crate::support::{AUDIENCE, NOW, claims};

pub(crate) fn any_case() -> impl Strategy<Value = Case> {
    let bends = prop_oneof![
        1 => Just(Vec::new()),
        6 => prop::collection::vec(any_bend(), 1),
        3 => prop::collection::vec(any_bend(), 2..4),
    ];
    let now = (-1_i64..=1, select(vec![-1_i64, 0, 1, 499, 999])).prop_map(|(s, ms)| (NOW + s) * 1000 + ms);
    (select(Algorithm::ALL.to_vec()), any::<bool>(), any_claims(), select(vec![0, 1, 5, 60, 61, u32::MAX]), now, bends)
        .prop_map(|(algorithm, is_flask, claims, leeway_seconds, now_ms, bends)| {
            let leeway_seconds = u32::min(leeway_seconds, 60);
            Case { algorithm, is_flask, claims, leeway_seconds, now_ms, bends }
        })
}

fn any_claims() -> impl Strategy<Value = Claims> {
    let lists = (prop::collection::vec(".{0,6}", 0..3), prop::collection::vec("[a-z]{0,6}", 0..3));
    let others = (prop::option::of(".{0,9}"), prop::option::of(any::<i64>()), any::<u64>(), any::<[u8; 16]>());
    (".{1,12}", lists, others, any::<bool>()).prop_map(|(jti, (aud, roles), (name, auth_time, uep, sid), fresh)| {
        Claims {
            aud: aud.into_iter().chain([AUDIENCE.to_owned()]).collect(),
            jti,
            roles,
            preferred_username: name,
            auth_time,
            uep,
            sid,
            fresh,
            // Earlier than any moment at which it is judged.
            iat: NOW - 2,
            rat: (NOW - 2) * 1000,
            ..claims()
        }
    })
}

fn any_bend() -> impl Strategy<Value = Bend> {
    prop_oneof![
        5 => any_member_bend(),
        3 => any_header_bend(),
        5 => any_claim_bend(),
        3 => any_time_bend(),
        1 => any_size_bend(),
        1 => any_signer_bend(),
        2 => any_segment_bend(),
        1 => any_text_bend(),
        4 => any_harmless_bend(),
    ]
}

fn any_part() -> impl Strategy<Value = Part> {
    prop_oneof![1 => Just(Part::Header), 2 => Just(Part::Payload)]
}

fn any_member_bend() -> impl Strategy<Value = Bend> {
    let at = any::<Index>;
    prop_oneof![
        2 => (any_part(), at()).prop_map(|(part, at)| Bend::Remove(part, at)),
        1 => (any_part(), at(), select(VALUES)).prop_map(|(part, at, value)| Bend::Repeat(part, at, value)),
        4 => (any_part(), at(), select(VALUES)).prop_map(|(part, at, value)| Bend::Retype(part, at, value)),
        1 => (any_part(), at()).prop_map(|(part, at)| Bend::EscapeName(part, at)),
        1 => (any_part(), select(WHOLES)).prop_map(|(part, text)| Bend::Whole(part, text)),
    ]
}

fn any_header_bend() -> impl Strategy<Value = Bend> {
    let member = |name: &'static str, values: &'static [&'static str]| {
        select(values).prop_map(move |value| Bend::Set(Part::Header, name, value))
    };
    prop_oneof![
        2 => member("typ", TYPES),
        2 => member("alg", ALGORITHMS),
        1 => member("kid", &["\"\"", "\"x\"", "\"../../dev/null\"", "null", "1", "[\"x\"]"]),
        1 => (select(HEADER_MEMBERS), select(VALUES)).prop_map(|(name, value)| Bend::Add(Part::Header, name, value)),
        1 => select(Algorithm::ALL.to_vec()).prop_map(Bend::KidOf),
        1 => select(Algorithm::ALL.to_vec()).prop_map(Bend::AlgOf),
        1 => Just(Bend::BringsItsKey),
    ]
}

fn any_claim_bend() -> impl Strategy<Value = Bend> {
    let claim = |name: &'static str, values: &'static [&'static str]| {
        select(values).prop_map(move |value| Bend::Set(Part::Payload, name, value))
    };
    let numbers = select(&["exp", "iat", "nbf", "auth_time", "uep", "rat"][..]);
    prop_oneof![
        2 => claim("iss", ISSUERS),
        2 => claim("aud", AUDIENCES),
        2 => claim("sid", SESSIONS),
        1 => claim("sub", &["\"\"", "\"ada\"", "\"0190A5C4-7D2E-7000-8000-000000000001\"", "\"\\u0000\""]),
        1 => claim("jti", &["\"\"", "\" \"", "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\u{1f600}\""]),
        1 => claim("type", &["\"access\"", "\"refresh\"", "\"\"", "\"Access\"", "\"\\u0061ccess\"", "null"]),
        1 => claim("fresh", &["true", "false", "null", "1", "\"true\""]),
        1 => claim("roles", &["[]", "[\"admin\"]", "\"admin\"", "[\"a\",1]", "[[\"a\"]]", "null"]),
        4 => (numbers, select(NUMBERS)).prop_map(|(name, value)| Bend::Set(Part::Payload, name, value)),
    ]
}

fn any_time_bend() -> impl Strategy<Value = Bend> {
    let edge = select(vec![Edge::Exp, Edge::Nbf, Edge::Iat, Edge::Rat]);
    (edge, -2..=2_i64).prop_map(|(edge, by)| Bend::Time(edge, by))
}

fn any_size_bend() -> impl Strategy<Value = Bend> {
    prop_oneof![
        (5..10_usize).prop_map(Bend::Nested),
        (980..1_030_usize).prop_map(Bend::Elements),
        (60..68_usize).prop_map(Bend::Members),
        (930..990_usize).prop_map(|length| Bend::Long(Part::Header, length)),
        (4_000..7_000_usize).prop_map(|length| Bend::Long(Part::Payload, length)),
    ]
}

fn any_signer_bend() -> impl Strategy<Value = Bend> {
    prop_oneof![Just(Bend::Stranger), select(Algorithm::ALL.to_vec()).prop_map(Bend::OtherAlgorithm)]
}

fn any_segment_bend() -> impl Strategy<Value = Bend> {
    let which = || 0..3_usize;
    prop_oneof![
        (which(), any::<Index>(), 0..8_u8).prop_map(|(which, at, bit)| Bend::FlipBit(which, at, bit)),
        (which(), 1..5_usize).prop_map(|(which, by)| Bend::Truncate(which, by)),
        (which(), select(&["=", "==", "A", "AA", "AAAA", "\n", " ", "%3D", "\u{e9}"][..]))
            .prop_map(|(which, more)| Bend::Extend(which, more)),
        which().prop_map(Bend::TrailingBits),
        which().prop_map(Bend::Alphabet),
        which().prop_map(Bend::Empty),
        (which(), which()).prop_map(|(one, other)| Bend::Swap(one, other)),
    ]
}

fn any_text_bend() -> impl Strategy<Value = Bend> {
    let character = || select(".=-_+/ \n\0AZaz09\u{e9}".chars().collect::<Vec<_>>());
    let more = || select(&[".", "..", ".A", " ", "\n", ".e30.AA"][..]);
    prop_oneof![
        (any::<Index>(), character()).prop_map(|(at, character)| Bend::Replace(at, character)),
        (any::<Index>(), character()).prop_map(|(at, character)| Bend::Insert(at, character)),
        any::<Index>().prop_map(Bend::Cut),
        more().prop_map(Bend::Append),
        more().prop_map(Bend::Prepend),
    ]
}

fn any_harmless_bend() -> impl Strategy<Value = Bend> {
    let name = select(&["unknown", "Exp", "exp ", "nonce", "\u{e9}", "cnf"][..]);
    let value = select(&["null", "{}", "[[[]]]", "1e300", "-0", "0.5", "{\"a\":{\"a\":1}}", "\"\\u0000\""][..]);
    prop_oneof![
        2 => (name, value).prop_map(|(name, value)| Bend::Add(Part::Payload, name, value)),
        2 => (any_part(), any::<Index>()).prop_map(|(part, by)| Bend::Rotate(part, by)),
        2 => (any_part(), any::<Index>()).prop_map(|(part, at)| Bend::EscapeValue(part, at)),
        2 => (any_part(), any::<Index>()).prop_map(|(part, at)| Bend::EscapeName(part, at)),
        1 => select(&[" ", "\n", "\t\r\n ", "\u{c}", "\u{a0}", "\u{feff}"][..]).prop_map(Bend::Space),
    ]
}
