//! What is promised about a token that is verified without a copy.

mod support;

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::json;
use support::{AUDIENCE, KEYS, NOW, claims, expectation, judge, key, key_set, payload};
use token::{Algorithm, Claims, Profile, Refused, Room, jws, sign, verify_in, verify_with_kid};

#[test]
fn one_room_serves_tokens_of_all_sizes_one_after_the_other() {
    let (mut room, keys, expect) = (Room::new(), key_set(), expectation());
    for length in [0, 3_000, 1, 1_500, 0] {
        for key in KEYS.iter() {
            let claims = Claims { scope: "x".repeat(length), ..claims() };
            let token = sign(key, Profile::Rfc9068, &claims);
            let verified = verify_in(&mut room, &token, &keys, &expect, NOW * 1000).expect("a good token");
            assert_eq!(verified.key().kid(), key.kid());
            assert_eq!(verified.claims().user(), claims.user());
            let written = token.split('.').nth(1).expect("a payload");
            assert_eq!(token::base64url::encode(verified.payload()), written);
            assert_eq!(verified.into_claims(), claims);
            assert_eq!(
                verify_with_kid(&token, &keys, &expect, NOW * 1000),
                Ok((claims, key.kid().to_owned())),
                "the copy says the same"
            );
        }
    }
}

#[test]
fn what_is_refused_leaves_a_room_that_serves() {
    let (mut room, keys, expect) = (Room::new(), key_set(), expectation());
    let good = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims());
    for bad in ["", "a.b.c", &good[..good.len() - 1], &"x".repeat(9_000)] {
        assert!(verify_in(&mut room, bad, &keys, &expect, NOW * 1000).is_err());
        let verified = verify_in(&mut room, &good, &keys, &expect, NOW * 1000).expect("a good token");
        assert_eq!(verified.into_claims(), claims());
    }
}

#[test]
fn text_is_copied_only_where_it_is_escaped() {
    let (mut room, keys, expect) = (Room::new(), key_set(), expectation());
    let mut foreign = payload();
    foreign["roles"] = json!(["a\"b", "", "c"]);
    foreign["scope"] = json!("two\nlines");
    foreign["aud"] = json!([AUDIENCE, "\\"]);
    let token = jws::sign(key(Algorithm::EdDSA), "at+jwt", foreign.to_string().as_bytes());
    let verified = verify_in(&mut room, &token, &keys, &expect, NOW * 1000).expect("a good token");
    let seen = verified.claims();
    assert!(matches!(seen.iss, Cow::Borrowed(_)) && matches!(seen.scope, Cow::Owned(_)));
    assert_eq!(seen.roles.iter().collect::<Vec<_>>(), ["a\"b", "", "c"]);
    assert!(seen.roles.contains("") && seen.roles.contains("a\"b") && !seen.roles.contains("b"));
    assert!(seen.aud.contains("\\") && seen.aud.contains(AUDIENCE) && !seen.aud.is_empty());

    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims());
    let verified = verify_in(&mut room, &token, &keys, &expect, NOW * 1000).expect("a good token");
    let seen = verified.claims();
    for text in [&seen.iss, &seen.sub, &seen.jti, &seen.client_id, &seen.scope] {
        assert!(matches!(text, Cow::Borrowed(_)), "{text}");
    }
    assert_eq!(seen.amr.to_vec(), claims().amr);
    assert!(seen.amr.contains("otp") && !seen.amr.contains("pwd\",\"otp") && !seen.amr.contains(","));
}

fn lists() -> impl Strategy<Value = [Vec<String>; 3]> {
    let list = || prop::collection::vec("[a,\"\\[\\]\\\\ ü]{0,4}", 0..4);
    [list(), list(), list()]
}

proptest! {
    #[test]
    fn lists_read_as_they_were_written([aud, roles, amr] in lists(), is_own: bool) {
        let claims = Claims { aud: aud.into_iter().chain([AUDIENCE.to_owned()]).collect(), roles, amr, ..claims() };
        let own = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims);
        // The library sorts members, so that this is not what the fast reader knows.
        let foreign = jws::sign(key(Algorithm::EdDSA), "at+jwt", token::inspect(&own).unwrap().claims.to_string().as_bytes());
        let (mut room, keys, expect) = (Room::new(), key_set(), expectation());
        let verified = verify_in(&mut room, if is_own { &own } else { &foreign }, &keys, &expect, NOW * 1000).unwrap();
        let seen = verified.claims();
        for (list, was) in [(&seen.aud, &claims.aud), (&seen.roles, &claims.roles), (&seen.amr, &claims.amr)] {
            prop_assert_eq!(&list.to_vec(), was);
            prop_assert_eq!(list.to_vec().capacity(), was.len(), "no more memory than it needs");
            prop_assert_eq!(list.is_empty(), was.is_empty());
            prop_assert!(was.iter().all(|text| list.contains(text)) && !list.contains("elsewhere"));
        }
        prop_assert_eq!(verified.into_claims(), claims);
    }

    #[test]
    fn a_text_with_other_than_two_dots_or_an_empty_end_is_not_three_segments(
        which in 0..4_usize, dots in prop::collection::vec(any::<prop::sample::Index>(), 0..3), cut: Option<prop::sample::Index>,
    ) {
        let mut token = sign(&KEYS[which], Profile::Rfc9068, &claims());
        for at in dots {
            token.insert(at.index(token.len() + 1), '.');
        }
        if let Some(at) = cut {
            token.truncate(at.index(token.len() + 1));
        }
        let segments: Vec<&str> = token.split('.').collect();
        let is_compact = segments.len() == 3 && !segments[0].is_empty() && !segments[2].is_empty();
        prop_assert_eq!(judge(&token) == Err(Refused::Segments), !is_compact);
        prop_assert_eq!(jws::verify(&token, &KEYS[which].verifying_key()) == Err(Refused::Segments), !is_compact);
    }
}
