//! The examples that the standards print: RFC 7515 A.1–A.5, RFC 7520 §4.1–4.4, RFC 7638 §3.1, RFC 8037 A.

use serde_json::json;
use token::jws::verify;
use token::{Algorithm, Jwk, Refused, SigningKey, VerifyingKey, base64url};

fn key(jwk: &serde_json::Value) -> VerifyingKey {
    let jwk = Jwk::parse(jwk.to_string().as_bytes()).expect("a JWK");
    VerifyingKey::from_jwk(&jwk).expect("a fit key")
}

/// Accepts the token as printed, and no token with another payload.
fn accepts(key: &VerifyingKey, token: &str, payload: &str) {
    assert_eq!(verify(token, key).expect("a valid signature").payload, payload.as_bytes());
    let (header, rest) = token.split_once('.').expect("a header");
    let (_, signature) = rest.split_once('.').expect("a signature");
    let other = format!("{header}.{}.{signature}", base64url::encode(format!("{payload} ")));
    assert_eq!(verify(&other, key), Err(Refused::Signature));
}

#[test]
fn rfc_7515_a_1_hs256() {
    let key = key(&json!({ "kty": "oct", "k": A1_K }));
    accepts(&key, A1, PAYLOAD);
}

#[test]
fn rfc_7515_a_2_rs256() {
    accepts(&key(&json!({ "kty": "RSA", "n": A2_N, "e": "AQAB" })), A2, PAYLOAD);
}

#[test]
fn rfc_7515_a_3_es256() {
    accepts(&key(&json!({ "kty": "EC", "crv": "P-256", "x": A3_X, "y": A3_Y })), A3, PAYLOAD);
}

#[test]
fn rfc_7515_a_4_es512() {
    accepts(&key(&json!({ "kty": "EC", "crv": "P-521", "x": A4_X, "y": A4_Y })), A4, "Payload");
}

#[test]
fn rfc_7515_a_5_unsecured_is_refused() {
    let key = key(&json!({ "kty": "oct", "k": A1_K }));
    let (_, payload) = A1.split_once('.').expect("a payload");
    let (payload, _) = payload.split_once('.').expect("a signature");
    assert_eq!(verify(&format!("eyJhbGciOiJub25lIn0.{payload}."), &key), Err(Refused::Segments));
    assert_eq!(verify(&format!("eyJhbGciOiJub25lIn0.{payload}.AAAA"), &key), Err(Refused::Algorithm));
}

#[test]
fn rfc_7520_4_1_rs256() {
    accepts(
        &key(&json!({ "kty": "RSA", "kid": BILBO, "use": "sig", "n": BILBO_N, "e": "AQAB" })),
        &bilbo("RS256", S1),
        FRODO,
    );
}

#[test]
fn rfc_7520_4_2_ps384() {
    let jwk = json!({ "kty": "RSA", "kid": BILBO, "use": "sig", "alg": "PS384", "n": BILBO_N, "e": "AQAB" });
    accepts(&key(&jwk), &bilbo("PS384", S2), FRODO);
}

#[test]
fn rfc_7520_4_3_es512() {
    let jwk = json!({ "kty": "EC", "kid": BILBO, "use": "sig", "crv": "P-521", "x": BILBO_X, "y": BILBO_Y });
    accepts(&key(&jwk), &bilbo("ES512", S3), FRODO);
}

#[test]
fn rfc_7520_4_4_hs256() {
    let kid = "018c0ae5-4d9b-471b-bfd6-eef314bc7037";
    let jwk = json!({ "kty": "oct", "kid": kid, "use": "sig", "alg": "HS256", "k": "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg" });
    accepts(&key(&jwk), &cookbook("HS256", kid, S4), FRODO);
}

#[test]
fn rfc_7638_3_1_thumbprint() {
    let jwk = json!({ "kty": "RSA", "n": THUMB_N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
    let jwk = Jwk::parse(jwk.to_string().as_bytes()).expect("a JWK");
    assert_eq!(jwk.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn rfc_8037_a_3_thumbprint_and_a_4_ed25519() {
    let key = key(&json!({ "kty": "OKP", "crv": "Ed25519", "x": ED_X }));
    assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    accepts(&key, ED, "Example of Ed25519 signing");
}

#[test]
fn rfc_8037_a_1_private_key_gives_a_2_public_key() {
    let seed = base64url::decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").expect("base64url");
    // RFC 8410 §7: the PKCS #8 form of an Ed25519 seed.
    let header = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let key = SigningKey::from_pkcs8(Algorithm::EdDSA, &[&header[..], &seed].concat()).expect("a private key");
    assert_eq!(key.jwk().expect("a public key").to_value()["x"], ED_X);
    assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

fn bilbo(alg: &str, signature: &str) -> String {
    cookbook(alg, BILBO, signature)
}

/// RFC 7520 §4 prints the same payload each time.
fn cookbook(alg: &str, kid: &str, signature: &str) -> String {
    let header = base64url::encode(format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#));
    format!("{header}.{}.{signature}", base64url::encode(FRODO))
}

const PAYLOAD: &str = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
const A1_K: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const A3_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const A3_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const A4_X: &str = "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk";
const A4_Y: &str = "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2";
const ED_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const BILBO: &str = "bilbo.baggins@hobbiton.example";
const BILBO_X: &str = "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt";
const BILBO_Y: &str = "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1";
const FRODO: &str = "It’s a dangerous business, Frodo, going out your door. You step onto the road, and if you don't keep \
                     your feet, there’s no knowing where you might be swept off to.";

const A1: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9\
    leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const A2: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19\
    yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt\
    _O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb\
    1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI\
    8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const A2_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR\
    T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXB\
    dQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia\
    GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const A3: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19\
    yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU\
    1Q";
const A4: &str = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2\
    SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXo\
    lLzeO_Jn";
const ED: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6\
    dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
const BILBO_N: &str = "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRB\
    SFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD\
    1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_\
    qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw";
const S1: &str = "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi8\
    4wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocS\
    adnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJu\
    shZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg";
const S2: &str = "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItl\
    lVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0\
    TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0\
    uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw";
const S3: &str = "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_\
    sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2";
const S4: &str = "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0";
const THUMB_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB\
    ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8\
    KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_\
    xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
