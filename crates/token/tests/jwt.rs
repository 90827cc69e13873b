//! What is promised about access tokens, one sentence a test.

mod support;

use serde_json::json;
use support::{
    AUDIENCE, ISSUER, KEYS, NOW, claims, ed25519_token, expectation, header_with, hmac_token, judge, judge_payload,
    judge_with, key, key_set, payload,
};
use token::{Algorithm, Claims, Expectation, KeySet, Profile, Refused, SigningKey, base64url, sign, verify};

#[test]
fn every_algorithm_signs_what_it_verifies() {
    for key in KEYS.iter() {
        assert_eq!(judge(&sign(key, Profile::Rfc9068, &claims())), Ok(claims()), "{}", key.algorithm());
    }
}

// JWT-01

#[test]
fn an_algorithm_that_is_not_on_the_list_is_refused() {
    let kid = key(Algorithm::Hs256).kid();
    for alg in
        ["none", "None", "NONE", "nOnE", "", " ", "HS384", "HS512", "hs256", "HS256 ", "PS256", "ES512", "RS1", "dir"]
    {
        let header = json!({ "alg": alg, "typ": "at+jwt", "kid": kid });
        let signed = hmac_token(&header, &payload().to_string(), b"9bT!kq2v#Lw8zR4mXc7pY0sNd5fHg1jU");
        assert_eq!(judge(&signed), Err(Refused::Algorithm), "{alg:?} with a signature");
        let (unsigned, _) = signed.rsplit_once('.').expect("a signature");
        assert_eq!(judge(&format!("{unsigned}.")), Err(Refused::Segments), "{alg:?} without a signature");
        assert_eq!(judge(unsigned), Err(Refused::Segments), "{alg:?} without the segment");
    }
    for header in [
        json!({ "typ": "at+jwt", "kid": kid }),
        json!({ "alg": null, "typ": "at+jwt", "kid": kid }),
        json!({ "alg": ["HS256"], "typ": "at+jwt", "kid": kid }),
        json!({ "alg": 1, "typ": "at+jwt", "kid": kid }),
    ] {
        let token = hmac_token(&header, &payload().to_string(), b"9bT!kq2v#Lw8zR4mXc7pY0sNd5fHg1jU");
        assert_eq!(judge(&token), Err(Refused::Header), "{header}");
    }
}

#[test]
fn a_key_allows_its_own_algorithm_and_no_other() {
    for key in KEYS.iter() {
        for other in Algorithm::ALL.into_iter().filter(|other| *other != key.algorithm()) {
            let token = sign(key, Profile::Rfc9068, &claims());
            let (_, rest) = token.split_once('.').expect("a header");
            let header = json!({ "alg": other.name(), "typ": "at+jwt", "kid": key.kid() }).to_string();
            let token = format!("{}.{rest}", base64url::encode(header));
            assert_eq!(judge(&token), Err(Refused::AlgorithmMismatch), "{other} under a key for {}", key.algorithm());
        }
    }
}

// JWT-02 is in keys.rs: `a_public_key_is_never_an_hmac_secret`.

// JWT-04

#[test]
fn a_key_that_the_token_brings_along_is_refused() {
    let own = SigningKey::generate(Algorithm::EdDSA).expect("a key").jwk().expect("a public key").to_value();
    for (member, value) in [
        ("jwk", own),
        ("jku", json!("http://127.0.0.1:9/jwks.json")),
        ("x5u", json!("http://127.0.0.1:9/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
    ] {
        assert_eq!(judge(&ed25519_token(header_with(member, value))), Err(Refused::Header), "{member}");
    }
    assert_eq!(judge(&ed25519_token(header_with("typ", json!("at+jwt")))), Ok(claims()));
}

// JWT-05

#[test]
fn a_hostile_kid_only_ever_misses() {
    for kid in [
        "",
        "../../../dev/null",
        "/etc/passwd",
        "' or '1'='1",
        "x'; drop table keys; --",
        "a\u{0}b",
        "\u{1f511}",
        "${jndi:x}",
        "file:///dev/null",
        "http://127.0.0.1:9/",
        "%00",
        "*",
        &"k".repeat(900),
    ] {
        assert_eq!(judge(&ed25519_token(header_with("kid", json!(kid)))), Err(Refused::UnknownKey), "{kid:?}");
        let header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid });
        assert_eq!(judge(&hmac_token(&header, &payload().to_string(), b"")), Err(Refused::UnknownKey), "{kid:?}");
    }
    assert_eq!(judge(&ed25519_token(header_with("kid", json!("k".repeat(5_000))))), Err(Refused::Header));
    assert_eq!(judge(&ed25519_token(header_with("kid", json!("k".repeat(10_000))))), Err(Refused::TooLong));
    for kid in [json!(null), json!(1), json!(["a"]), json!({ "a": 1 })] {
        assert_eq!(judge(&ed25519_token(header_with("kid", kid))), Err(Refused::Header));
    }
    assert_eq!(judge(&ed25519_token(r#"{"alg":"EdDSA","typ":"at+jwt"}"#)), Err(Refused::UnknownKey));
}

// JWT-07

#[test]
fn a_critical_header_is_refused_whatever_it_names() {
    for crit in [
        json!(["x"]),
        json!([]),
        json!("exp"),
        json!(["exp", "exp"]),
        json!(["alg"]),
        json!(["b64"]),
        json!(null),
        json!({}),
    ] {
        assert_eq!(judge(&ed25519_token(header_with("crit", crit.clone()))), Err(Refused::Header), "{crit}");
    }
    let both = r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","crit":["b64"],"b64":false}"#;
    assert_eq!(judge(&ed25519_token(both)), Err(Refused::Header));
    for (member, value) in
        [("b64", json!(false)), ("b64", json!(true)), ("zip", json!("DEF")), ("cty", json!("JWT")), ("x", json!(1))]
    {
        assert_eq!(judge(&ed25519_token(header_with(member, value))), Err(Refused::Header), "{member}");
    }
}

#[test]
fn a_header_that_says_something_twice_is_refused() {
    let kid = key(Algorithm::EdDSA).kid();
    for header in [
        format!(r#"{{"alg":"EdDSA","alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","\u0061lg":"none","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}","kid":"{kid}"}}"#),
        format!(r#"["EdDSA","at+jwt","{kid}"]"#),
        format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}} {{}}"#),
    ] {
        assert_eq!(judge(&ed25519_token(&header)), Err(Refused::Header), "{header}");
    }
}

// JWT-09

#[test]
fn a_token_ends_at_exp_plus_leeway_to_the_millisecond() {
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims());
    let exp = claims().exp * 1000;
    for (leeway, tolerated) in [(0, 0), (5, 5_000), (60, 60_000), (61, 60_000), (u32::MAX, 60_000)] {
        let expect = expectation().with_leeway_seconds(leeway);
        let at = |now| verify(&token, &key_set(), &expect, now).map(|_| ());
        assert_eq!(at(exp + tolerated - 1), Ok(()), "leeway {leeway}");
        assert_eq!(at(exp + tolerated), Err(Refused::Expired), "leeway {leeway}");
    }
}

#[test]
fn a_token_expired_for_61_seconds_is_refused_under_every_leeway() {
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &Claims { exp: NOW - 61, ..claims() });
    for leeway in [0, 5, 60, 3600] {
        let expect = expectation().with_leeway_seconds(leeway);
        assert_eq!(verify(&token, &key_set(), &expect, NOW * 1000), Err(Refused::Expired));
    }
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &Claims { exp: NOW - 30, ..claims() });
    assert!(verify(&token, &key_set(), &expectation().with_leeway_seconds(60), NOW * 1000).is_ok());
    assert_eq!(verify(&token, &key_set(), &expectation(), NOW * 1000), Err(Refused::Expired));
}

#[test]
fn a_token_from_the_future_is_refused() {
    for (ahead, allowed) in [(60, true), (61, false)] {
        let expect = expectation().with_leeway_seconds(60);
        for later in [
            Claims { nbf: Some(NOW + ahead), ..claims() },
            Claims { iat: NOW + ahead, ..claims() },
            Claims { rat: (NOW + ahead) * 1000, ..claims() },
        ] {
            let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &later);
            let expected = if allowed { Ok(later) } else { Err(Refused::NotYetValid) };
            assert_eq!(verify(&token, &key_set(), &expect, NOW * 1000), expected);
        }
    }
}

#[test]
fn times_at_the_ends_of_the_number_line_do_not_overflow() {
    for exp in [i64::MIN, -1, 0] {
        assert_eq!(judge_with("exp", json!(exp)), Err(Refused::Expired));
    }
    assert!(judge_with("exp", json!(i64::MAX)).is_ok());
    for name in ["nbf", "iat", "rat"] {
        assert_eq!(judge_with(name, json!(i64::MAX)), Err(Refused::NotYetValid));
        assert!(judge_with(name, json!(i64::MIN)).is_ok());
    }
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims());
    assert_eq!(verify(&token, &key_set(), &expectation(), i64::MIN), Err(Refused::NotYetValid));
    assert_eq!(verify(&token, &key_set(), &expectation(), i64::MAX), Err(Refused::Expired));
}

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

// JWT-10

#[test]
fn the_issuer_is_compared_byte_for_byte() {
    for iss in [
        "https://id.example/",
        "https://ID.example",
        "HTTPS://id.example",
        "https://id.example ",
        "id.example",
        "",
        "https://id.exampl\u{435}",
    ] {
        assert_eq!(judge_with("iss", json!(iss)), Err(Refused::Issuer), "{iss}");
    }
}

#[test]
fn keys_belong_to_their_issuer() {
    // The other issuer has a key of the same name, and its tokens say so.
    let ours = key(Algorithm::EdDSA);
    let theirs = SigningKey::generate(Algorithm::EdDSA).expect("a key");
    let header = base64url::encode(header_with("kid", json!(ours.kid())));
    for iss in [ISSUER, "https://other.example"] {
        let token = sign(&theirs, Profile::Rfc9068, &Claims { iss: iss.into(), ..claims() });
        assert_eq!(judge(&token), Err(Refused::UnknownKey));
        let (_, rest) = token.split_once('.').expect("a header");
        assert_eq!(judge(&format!("{header}.{rest}")), Err(Refused::Signature));
    }
}

#[test]
fn the_audience_must_contain_me() {
    for aud in [json!(AUDIENCE), json!([AUDIENCE]), json!(["https://other.example", AUDIENCE])] {
        assert!(judge_with("aud", aud).is_ok());
    }
    for aud in [
        json!("https://other.example"),
        json!([]),
        json!(""),
        json!([""]),
        json!("https://api.example/"),
        json!("https://API.example"),
        json!("https://api.example https://other.example"),
        json!("https://api"),
    ] {
        assert_eq!(judge_with("aud", aud.clone()), Err(Refused::Audience), "{aud}");
    }
}

#[test]
fn one_audience_is_written_as_a_string_and_several_as_an_array() {
    assert_eq!(payload()["aud"], json!(AUDIENCE));
    let both = Claims { aud: vec!["a".into(), AUDIENCE.into()], ..claims() };
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &both);
    assert_eq!(token::inspect(&token).expect("a token").claims["aud"], json!(["a", AUDIENCE]));
    assert_eq!(judge(&token), Ok(both));
}

// JWT-11

#[test]
fn an_access_token_must_say_that_it_is_one() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert_eq!(judge(&ed25519_token(header_with("typ", json!(typ)))), Ok(claims()), "{typ}");
    }
    for typ in [
        "JWT",
        "jwt",
        "",
        "logout+jwt",
        "dpop+jwt",
        "at+jwt ",
        " at+jwt",
        "application/jwt",
        "text/at+jwt",
        "application/application/at+jwt",
    ] {
        assert_eq!(judge(&ed25519_token(header_with("typ", json!(typ)))), Err(Refused::Type), "{typ}");
    }
    let without = json!({ "alg": "EdDSA", "kid": key(Algorithm::EdDSA).kid() }).to_string();
    assert_eq!(judge(&ed25519_token(without)), Err(Refused::Type));
}

#[test]
fn a_token_of_one_profile_is_none_of_the_other() {
    let flask = Expectation::new(Profile::FlaskJwtExtended, ISSUER, AUDIENCE);
    let key = key(Algorithm::Hs256);
    let rfc = sign(key, Profile::Rfc9068, &claims());
    assert_eq!(verify(&rfc, &key_set(), &flask, NOW * 1000), Err(Refused::MissingClaim("type")));
    assert_eq!(judge(&sign(key, Profile::FlaskJwtExtended, &claims())), Err(Refused::Type));
}

#[test]
fn the_flask_profile_says_what_flask_jwt_extended_reads() {
    let flask = Expectation::new(Profile::FlaskJwtExtended, ISSUER, AUDIENCE);
    let issued = Claims { fresh: true, ..claims() };
    let token = sign(key(Algorithm::Hs256), Profile::FlaskJwtExtended, &issued);
    let seen = token::inspect(&token).expect("a token");
    assert_eq!(seen.header["typ"], "JWT");
    assert_eq!(
        (&seen.claims["type"], &seen.claims["fresh"], &seen.claims["nbf"]),
        (&json!("access"), &json!(true), &json!(NOW))
    );
    assert!(seen.claims["sub"].is_string() && seen.claims["jti"].is_string());
    assert_eq!(verify(&token, &key_set(), &flask, NOW * 1000), Ok(Claims { nbf: Some(NOW), ..issued.clone() }));

    let elsewhere = Claims { aud: vec!["https://other.example".into()], ..issued };
    let token = sign(key(Algorithm::Hs256), Profile::FlaskJwtExtended, &elsewhere);
    assert_eq!(verify(&token, &key_set(), &flask, NOW * 1000), Err(Refused::Audience));

    for (claim, value, refused) in [
        ("type", json!("refresh"), Refused::Type),
        ("type", json!(null), Refused::Claims),
        ("fresh", json!(1), Refused::Claims),
    ] {
        let mut payload = seen.claims.clone();
        payload[claim] = value;
        let token = token::jws::sign(key(Algorithm::Hs256), "JWT", payload.to_string().as_bytes());
        assert_eq!(verify(&token, &key_set(), &flask, NOW * 1000), Err(refused));
    }
}

// JWT-14

#[test]
fn only_canonical_base64url_is_read() {
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims());
    let segments: Vec<&str> = token.split('.').collect();
    for at in 0..3 {
        let segment = segments[at];
        for wrong in [
            format!("{segment}="),
            format!("{segment}=="),
            format!(" {segment}"),
            format!("{segment} "),
            format!("{segment}\n"),
            format!("{segment}\r\n"),
            format!("\t{segment}"),
            format!("{segment}A"),
            format!("{segment}+"),
            format!("{segment}/"),
            format!("{}?{}", &segment[..4], &segment[4..]),
            format!("{segment}\u{0}"),
            format!("{segment}é"),
        ] {
            let mut bent = segments.clone();
            bent[at] = &wrong;
            let refused = judge(&bent.join(".")).expect_err("not canonical");
            let is_by_form = matches!(refused, Refused::Encoding | Refused::Header | Refused::Signature);
            assert!(is_by_form, "{wrong:?} was refused as {refused:?}");
        }
    }
    // 64 bytes leave four unused bits in the last character: fifteen other spellings of the same signature.
    let (body, last) = token.split_at(token.len() - 1);
    let spellings = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars();
    let accepted = spellings.filter(|other| judge(&format!("{body}{other}")).is_ok()).collect::<String>();
    assert_eq!(accepted, last);
}

// JWT-15

#[test]
fn only_three_segments_in_compact_form_are_a_token() {
    let token = sign(key(Algorithm::EdDSA), Profile::Rfc9068, &claims());
    let [header, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three segments") };
    let shapes = [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        format!("{header}.{body}"),
        format!("{header}.{body}."),
        format!(".{body}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{header}.{body}.{body}.{signature}.{signature}"),
        format!("{token}\n{token}"),
        format!(r#"{{"protected":"{header}","payload":"{body}","signature":"{signature}"}}"#),
        format!(r#"{{"payload":"{body}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#),
        format!("\"{token}\""),
        format!("{{{token}}}"),
        format!("\u{feff}{token}"),
        format!("Bearer {token}"),
        format!(" {token}"),
        format!("{token} "),
        "a.b.c".into(),
        "\u{0}.\u{0}.\u{0}".into(),
        "x".repeat(8 * 1024 + 1),
        ".".repeat(8 * 1024),
    ];
    for shape in shapes {
        let refused = judge(&shape).expect_err(&shape);
        assert!(matches!(refused, Refused::Segments | Refused::Encoding | Refused::TooLong), "{shape:?}: {refused:?}");
    }
    assert_eq!(judge(&format!("{header}..{signature}")), Err(Refused::Signature));
    assert_eq!(judge_payload(""), Err(Refused::Payload), "although the signature of nothing is good");
    for header in [&b"\xef\xbb\xbf{\"alg\":\"EdDSA\"}"[..], b"\xff\xfe", b"{", b"", b"null", b"{\"alg\":\"EdDSA\"}x"] {
        let refused = judge(&ed25519_token(header)).expect_err("no header");
        assert!(matches!(refused, Refused::Header | Refused::Segments), "{header:?}");
    }
}

#[test]
fn a_refusal_never_repeats_the_token() {
    let token = sign(key(Algorithm::Hs256), Profile::Rfc9068, &claims());
    let refused = verify(&token, &KeySet::new(), &expectation(), NOW * 1000).expect_err("no keys");
    assert_eq!(refused.code(), "unknown_key");
    let text = format!("{refused} {refused:?}");
    assert!(token.split('.').all(|segment| !text.contains(segment)));
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
