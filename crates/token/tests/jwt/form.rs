//! Three segments in canonical base64url are a token, and nothing else is.

use token::{Algorithm, Profile, Refused, sign};

use crate::support::{claims, ed25519_token, judge, judge_payload, key};

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
