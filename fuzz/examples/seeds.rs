//! Writes the inputs from which fuzzing starts into `corpus/`: `cargo run --example seeds` in this folder, after what a token
//! or a key looks like has changed. Whatever is named `good-…` is accepted, whatever is named `bad-…` is refused.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use token::{Claims, Profile, RefreshKey, RefreshToken, SealingKey, jws, sign};
use watchword_fuzz::known::{KEY_SET, KEYS, NOW, SECRET, good_claims, master_key};

fn main() -> std::io::Result<()> {
    tokens()?;
    headers()?;
    payloads()?;
    keys()?;
    small()?;
    feed()
}

fn write(target: &str, name: &str, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

fn tokens() -> std::io::Result<()> {
    for key in KEYS.iter() {
        let name = key.algorithm().name().to_lowercase();
        write("access_token", &format!("good-{name}"), sign(key, Profile::Rfc9068, &good_claims()))?;
        write("access_token", &format!("good-{name}-flask"), sign(key, Profile::FlaskJwtExtended, &good_claims()))?;
    }
    let hs256 = &KEYS[3];
    write("access_token", "bad-other-type", jws::sign(hs256, "logout+jwt", b"{}"))?;
    let expired = Claims { exp: NOW - 600, ..good_claims() };
    write("access_token", "bad-expired", sign(hs256, Profile::Rfc9068, &expired))?;
    write("access_token", "bad-rfc-7515-a-1", RFC_7515_A_1)?;
    write("access_token", "bad-rfc-7519-6-1", RFC_7519_6_1)
}

fn headers() -> std::io::Result<()> {
    let kid = KEYS[3].kid();
    let of = |typ: &str| json!({ "alg": "HS256", "typ": typ, "kid": kid });
    write("header", "good-rfc9068", of("at+jwt").to_string())?;
    write("header", "good-flask", of("JWT").to_string())?;
    write("header", "good-media-type", of("application/AT+JWT").to_string())?;
    write("header", "good-escaped", format!(r#" {{"\u0061lg":"\u0048S256","kid":"{kid}","typ":"at+jwt"}}"#))?;
    write("header", "bad-none", r#"{"alg":"none"}"#)?;
    write("header", "bad-other-type", of("dpop+jwt").to_string())?;
    write("header", "bad-duplicate", format!(r#"{{"alg":"HS256","alg":"HS256","typ":"at+jwt","kid":"{kid}"}}"#))?;
    let mut asking = of("at+jwt");
    asking["crit"] = json!(["b64"]);
    asking["b64"] = json!(false);
    asking["jwk"] = json!({ "kty": "oct", "k": "AAAA" });
    write("header", "bad-asking", asking.to_string())
}

fn payloads() -> std::io::Result<()> {
    for (profile, name) in [(Profile::Rfc9068, "rfc9068"), (Profile::FlaskJwtExtended, "flask")] {
        let token = sign(&KEYS[3], profile, &good_claims());
        let payload = jws::verify(&token, &KEYS[3].verifying_key()).expect("it was signed").payload;
        write("claims", &format!("good-{name}"), &payload)?;
        write("claims", &format!("bad-{name}-cut"), &payload[..payload.len() - 1])?;
        let with = |members: &str| [&payload[..payload.len() - 1], members.as_bytes(), b"}"].concat();
        let deep = r#","a":{"b":[[[[[{"":-1}]]]]],"c":{}},"d":[null,true,false,"x",0]"#;
        write("claims", &format!("good-{name}-own"), with(deep))?;
        write("claims", &format!("bad-{name}-own-deeper"), with(&deep.replace("{}", "[[[[[[[]]]]]]]")))?;
        write("claims", &format!("bad-{name}-own-twice"), with(r#","a":{"b":1,"c":2,"b":3}"#))?;
        write("claims", &format!("bad-{name}-own-like-ours"), with(r#","a":1,"roles":["admin"]"#))?;
        let mut members: Value = serde_json::from_slice(&payload).expect("JSON");
        members["aud"] = json!(["https://other.example", "https://api.example"]);
        members["unknown"] = json!({ "list": [1, -0.5e3, null, true, "\u{1f511}\u{0}"] });
        write("claims", &format!("good-{name}-spaced"), serde_json::to_string_pretty(&members).expect("JSON"))?;
        members["roles"] = json!(null);
        write("claims", &format!("bad-{name}-null"), members.to_string())?;
    }
    write(
        "claims",
        "bad-rfc-7519-3-1",
        "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}",
    )?;
    write("claims", "bad-surrogate", r#"{"iss":"\ud83d\udd11\ud83d"}"#)?;
    write("claims", "bad-nested", format!("{{\"a\":{}{}}}", "[".repeat(9), "]".repeat(9)))
}

fn keys() -> std::io::Result<()> {
    write("jwks", "good-four-algorithms", KEY_SET.to_jwks())?;
    write("jwks", "bad-empty", r#"{"keys":[]}"#)?;
    let mut listed = Vec::new();
    for key in KEYS.iter() {
        let name = key.algorithm().name().to_lowercase();
        let Some(jwk) = key.jwk() else { continue };
        write("jwk", &format!("good-{name}"), jwk.to_value().to_string())?;
        let mut bare = jwk.to_value();
        let members = bare.as_object_mut().expect("an object");
        members.retain(|name, _| !["alg", "kid", "use"].contains(&name.as_str()));
        write("jwk", &format!("good-{name}-bare"), bare.to_string())?;
        bare["d"] = json!("AAAA");
        write("jwk", &format!("bad-{name}-private"), bare.to_string())?;
        listed.push(jwk.to_value());
    }
    let secret =
        json!({ "kty": "oct", "k": token::base64url::encode(&*SECRET), "alg": "HS256", "key_ops": ["verify"] });
    write("jwk", "good-secret", secret.to_string())?;
    for (name, jwk) in [
        ("good-p384", json!({ "kty": "EC", "crv": "P-384", "x": P384_X, "y": P384_Y, "alg": "ES384", "use": "sig" })),
        ("good-p521", json!({ "kty": "EC", "crv": "P-521", "x": P521_X, "y": P521_Y, "kid": "bilbo" })),
        ("bad-off-curve", json!({ "kty": "EC", "crv": "P-384", "x": P384_X, "y": P384_X })),
        ("bad-encryption", json!({ "kty": "EC", "crv": "P-521", "x": P521_X, "y": P521_Y, "use": "enc" })),
        ("bad-curve", json!({ "kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08" })),
    ] {
        write("jwk", name, jwk.to_string())?;
        listed.push(jwk);
    }
    listed.retain(|jwk| jwk["y"] != json!(P384_X));
    listed.push(secret);
    write("jwks", "good-among-others", json!({ "keys": listed, "other": 1 }).to_string())?;
    let twice = json!({ "keys": [listed[0], listed[0]] });
    write("jwks", "bad-twice", twice.to_string())
}

fn small() -> std::io::Result<()> {
    let token = RefreshToken { session_id: [1; 16], grant_id: [2; 16], rotation: 3 };
    let text = token.encode(&RefreshKey::derive(&master_key()));
    write("refresh_token", "good", &text)?;
    write("refresh_token", "bad-padded", format!("{text}="))?;
    write("refresh_token", "bad-forged", text.replace('A', "B"))?;
    let text = master_key().to_base64url();
    write("master_key", "good", text.as_bytes())?;
    write("master_key", "good-with-newline", format!("{}\r\n", *text))?;
    write("master_key", "bad-zeros", "A".repeat(43))?;
    let sealed = SealingKey::derive(&master_key(), "fuzzing").seal(b"a private key", b"seed");
    write("sealed", "good", &sealed)?;
    write("sealed", "bad-cut", &sealed[..sealed.len() - 1])?;
    write("secret", "good", &*SECRET)?;
    write(
        "secret",
        "bad-pem",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n",
    )?;
    write("secret", "bad-der-in-base64", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=")?;
    write("secret", "bad-pkcs8", include_bytes!("../keys/es256.pk8"))?;
    write("secret", "bad-repeating", "abcabc".repeat(9))?;
    write("base64url", "good", "_-8")?;
    write("base64url", "good-sixteen-bytes", "AAECAwQFBgcICQoLDA0ODw")?;
    write("base64url", "bad-trailing-bits", "_-9")?;
    write("base64url", "bad-padded", "_-8=")
}

/// The vectors that verifiers are held against, and what may be asked.
fn feed() -> std::io::Result<()> {
    let vectors =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/verifier/tests/vectors/feed/frames.json"))?;
    let vectors: Vec<Value> = serde_json::from_slice(&vectors).expect("JSON");
    for vector in vectors {
        let (name, hex) = (vector["name"].as_str().expect("a name"), vector["hex"].as_str().expect("digits"));
        let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let frames = vector["frames"].as_array().expect("a list");
        let is_good = vector["whole"] == true && !frames.is_empty() && !frames.contains(&json!("unknown"));
        let name = format!("{}-{}", if is_good { "good" } else { "bad" }, words.collect::<Vec<_>>().join("-"));
        let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("digits");
        write("feed_frames", &name, (0..hex.len()).step_by(2).map(digit).collect::<Vec<_>>())?;
    }
    for (name, position) in [
        ("good-of-sqlite", "1.db.747:0".to_owned()),
        ("good-with-what-is-missing", "1.db.747:4:2".to_owned()),
        ("good-the-beginning", "1.db.0:0".to_owned()),
        ("good-the-end", "1.db.18446744073709551614:1".to_owned()),
        ("good-much-missing", format!("1.db.7:900:{}", ["3"; 100].join(","))),
        ("bad-of-another-log", "1.r0123456789abcdef.7:0".to_owned()),
        ("bad-of-a-later-form", "2.db.747:0".to_owned()),
        ("bad-empty", "".to_owned()),
        ("bad-with-a-space", "1.db.747: 0".to_owned()),
        ("bad-beyond-the-last-number", "1.db.18446744073709551615:1".to_owned()),
        ("bad-missing-beyond-the-end", "1.db.747:4:2,9".to_owned()),
        ("bad-missing-twice", "1.db.747:4:2,0".to_owned()),
        ("bad-too-long", "a".repeat(2_049)),
    ] {
        write("feed_position", name, position)?;
    }
    for (name, query) in [
        ("good-nothing", ""),
        ("good-whole", "position=1.db.747:4:2&wait=1500&fresh=173209&name=orders-1"),
        ("good-escaped", "position=1.db.747%3A4%3A2&wait=25000"),
        ("good-with-what-comes-later", "later=%zz&wait=0"),
        ("bad-wait", "wait=25001"),
        ("bad-no-number", "wait=-1"),
        ("bad-twice", "wait=1&wait=1"),
        ("bad-position", "position=a%20b"),
        ("bad-name", "name=a/b"),
        ("bad-escape", "name=%f"),
    ] {
        write("feed_question", name, query)?;
    }
    Ok(())
}

const RFC_7515_A_1: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9\
    leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const RFC_7519_6_1: &str = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb\
    290Ijp0cnVlfQ.";
const P521_X: &str = "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt";
const P521_Y: &str = "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1";
const P384_X: &str = "qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3";
const P384_Y: &str = "NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f";
