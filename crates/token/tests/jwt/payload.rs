//! Which claims there must be, of which types, each once and within limits.

use serde_json::json;
use token::{Claims, Refused};

use crate::support::{AUDIENCE, claims, judge_payload, judge_with, payload};

// JWT-09

#[test]
fn a_required_claim_that_is_missing_is_named() {
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "sid", "client_id", "uep", "rat"] {
        let mut payload = payload();
        payload.as_object_mut().expect("an object").remove(name).expect("a claim");
        assert_eq!(judge_payload(payload.to_string()), Err(Refused::MissingClaim(name)));
    }
}

#[test]
fn a_claim_of_the_wrong_type_is_refused_and_never_counts_as_absent() {
    let texts = ["iss", "sub", "jti", "sid", "client_id", "scope", "preferred_username", "type"];
    let numbers = ["exp", "iat", "nbf", "auth_time", "uep", "rat"];
    let lists = ["roles", "amr"];
    let wrong = |names: &[&str], values: &[serde_json::Value]| {
        for name in names {
            for value in values {
                assert_eq!(judge_with(name, value.clone()), Err(Refused::Claims), "{name}: {value}");
            }
        }
    };
    wrong(&texts, &[json!(null), json!(1), json!(true), json!(["x"]), json!({})]);
    wrong(&numbers, &[json!(null), json!("1800000000"), json!(1.8e9), json!(1.5), json!(true), json!([1]), json!({})]);
    wrong(
        &lists,
        &[json!(null), json!("admin"), json!(1), json!([1]), json!([null]), json!([["x"]]), json!({ "0": "x" })],
    );
    wrong(&["aud"], &[json!(null), json!(1), json!([1]), json!([AUDIENCE, null]), json!({ "0": AUDIENCE })]);
    wrong(&["fresh"], &[json!(null), json!("true"), json!(1)]);
    wrong(&["uep"], &[json!(-1)]);
    wrong(&["sub", "jti"], &[json!("")]);
    wrong(
        &["sid"],
        &[json!(""), json!("BwcHBwcHBwcHBwcHBwcHBw=="), json!("BwcHBwcHBwcHBwcHBwcHBx"), json!("BwcHBwcHBwcHBwcHBwcH")],
    );
}

#[test]
fn a_payload_that_says_something_twice_is_refused() {
    let good = payload().to_string();
    let with = |more: &str| format!("{},{more}}}", &good[..good.len() - 1]);
    assert_eq!(judge_payload(with(r#""unknown":{"a":[1,{"b":null}]}"#)), Ok(claims()), "unknown claims are ignored");
    for twice in [
        r#""exp":9999999999"#,
        r#""\u0065xp":9999999999"#,
        r#""roles":["admin"]"#,
        r#""x":1,"x":1"#,
        r#""x":{"y":1,"y":2}"#,
    ] {
        assert_eq!(judge_payload(with(twice)), Err(Refused::Payload), "{twice}");
    }
}

#[test]
fn a_payload_beyond_the_limits_is_refused() {
    let good = payload().to_string();
    let with = |more: &str| format!("{},{more}}}", &good[..good.len() - 1]);
    assert_eq!(judge_payload(with(&format!(r#""x":{}1{}"#, "[".repeat(8), "]".repeat(8)))), Err(Refused::Payload));
    assert_eq!(judge_payload(with(&format!(r#""x":[{}1]"#, "1,".repeat(1_100)))), Err(Refused::Payload));
    let members: Vec<String> = (0..64).map(|n| format!(r#""m{n}":1"#)).collect();
    assert_eq!(judge_payload(with(&members.join(","))), Err(Refused::Payload));
    assert_eq!(judge_payload(with(&format!(r#""x":"{}""#, "x".repeat(9_000)))), Err(Refused::TooLong));
    for other in ["", "[]", "null", "\"x\"", "1", "\u{feff}{}", &format!("[{good}]"), &format!("{good}{good}")] {
        let refused = judge_payload(other).expect_err("not one object");
        assert!(matches!(refused, Refused::Payload | Refused::Segments), "{other}");
    }
    assert_eq!(judge_payload(b"{\"sub\":\"\xff\"}"), Err(Refused::Payload));
}

#[test]
fn a_user_has_one_spelling() {
    let user = |sub: &str| Claims { sub: sub.into(), ..claims() }.user();
    assert_eq!(user("abababab-abab-abab-abab-abababababab"), Some([0xab; 16]));
    assert_eq!(user(&claims().sub).map(|id| id[15]), Some(1));
    for other in [
        "",
        "shop",
        "ABABABAB-abab-abab-abab-abababababab",
        "abababababababababababababababab",
        "{abababab-abab-abab-abab-abababababab}",
        "abababab-abab-abab-abab-abababababag",
        "abababababab-abab-abab-abab-abababab",
        "abababab_abab_abab_abab_abababababab",
        "abababab-abab-abab-abab-ababababab\u{e9}",
    ] {
        assert_eq!(user(other), None, "{other}");
    }
}
