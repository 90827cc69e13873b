//! `watchword keys`, also while a server runs on the same database.

use serde_json::Value;

use crate::support::{Http, Place, Server, soon};

#[test]
fn a_running_server_refuses_the_tokens_of_a_revoked_key_within_a_second_and_everybody_goes_on() {
    let place = Place::new();
    let server = running(&place);
    let http = server.http();
    let (used, unused) = (http.login("kavya"), http.login("kavya"));
    assert_eq!(http.get("/dashboard", &used.bearer("access_token")).status, 200);
    let old = used.kid();

    let said = place.run(&["keys", "revoke", &old]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains(&format!("Revoked {old}")) && said.out.contains("nobody is logged out"), "{said:?}");
    http.refused_soon(&used.bearer("access_token"));
    http.refused_soon(&unused.bearer("access_token"));
    soon(|| !published(http).contains(&old));
    let refreshed = http.post("/refresh", &used.bearer("refresh_token"));
    assert_ne!(refreshed.kid(), old);
    assert_eq!(published(http), [refreshed.kid()]);
    assert_eq!(http.get("/dashboard", &refreshed.bearer("access_token")).status, 200);
    assert_eq!(http.get("/dashboard", &[used.cookie()]).status, 200);

    assert!(place.run(&["keys", "revoke", &old]).complaint().contains("gone already"));
    assert!(place.run(&["keys", "revoke", "-nobody"]).complaint().contains("there is no key `-nobody`"));
    assert_eq!(place.json(&["keys", "list", "--json"]).as_array().unwrap().len(), 1);
    let all = place.json(&["keys", "list", "--all", "--json"]);
    assert!(all.as_array().unwrap().iter().any(|key| key["kid"] == old && key["state"] == "gone"), "{all}");
}

#[test]
fn keys_are_listed_rotated_and_retired_and_every_refusal_says_what_to_do() {
    let place = Place::new();
    assert!(place.run(&["keys", "list"]).complaint().contains("there is no database"));
    let server = running(&place);
    let http = server.http();
    let first = http.login("kavya").kid();
    assert_eq!(states(&place), [("active".to_owned(), first.clone())]);
    let table = place.run(&["keys", "list"]).out;
    assert!(table.lines().count() == 2 && table.contains(&first) && table.contains("gets a successor"), "{table}");
    assert!(place.run(&["keys", "retire", &first]).complaint().contains("watchword keys rotate"));

    let said = place.run(&["keys", "rotate"]);
    assert!(said.code == Some(0) && said.out.contains("It takes over in 1 hour"), "{said:?}");
    let second = in_state(&place, "next");
    soon(|| published(http).contains(&second));
    assert!(said.out.contains(&second) && said.out.contains(&format!("{first} goes on signing")), "{said:?}");
    assert_eq!(http.login("kavya").kid(), first, "it is only published");
    assert!(place.run(&["keys", "rotate"]).complaint().contains(&format!("watchword keys retire {second}")));
    assert!(place.run(&["keys", "retire", &first]).complaint().contains("too lately"));
    let said = place.run(&["keys", "retire", &second]);
    assert!(said.code == Some(0) && said.out.contains("never signed anything"), "{said:?}");
    soon(|| published(http) == [first.clone()]);

    let login = http.login("kavya");
    let said = place.run(&["keys", "rotate", "--danger-now"]);
    assert!(said.code == Some(0) && said.out.contains("they refuse the new tokens"), "{said:?}");
    let third = in_state(&place, "active");
    soon(|| http.login("kavya").kid() == third);
    assert_eq!(http.get("/dashboard", &login.bearer("access_token")).status, 200, "the old key is still trusted");
    assert_eq!(in_state(&place, "retired"), first);
    assert!(place.run(&["keys", "retire", &first]).complaint().contains(&format!("watchword keys revoke {first}")));
    assert!(place.run(&["keys", "retire", &second]).complaint().contains("gone already"));
    assert!(place.run(&["keys", "retire", "nobody"]).complaint().contains("there is no key `nobody`"));
}

#[test]
fn a_key_from_elsewhere_is_taken_as_a_jwk_or_pem_and_signs_after_it_was_published() {
    let place = Place::new();
    let server = running(&place);
    place.write("key.json", JWK);
    let said = place.run(&["keys", "import", "key.json"]);
    assert!(said.code == Some(0) && said.out.contains(JWK_KID) && said.out.contains("takes over in"), "{said:?}");
    assert_eq!(in_state(&place, "next"), JWK_KID);
    assert!(place.run(&["keys", "import", "key.json"]).code == Some(1), "twice");
    assert_eq!(place.run(&["keys", "rotate", "--danger-now"]).code, Some(0));
    soon(|| server.http().login("kavya").kid() == JWK_KID);

    let said = place.run_with_input(&["keys", "import", "-"], PEM);
    assert!(said.code == Some(0) && said.out.contains("(EdDSA)"), "{said:?}");
    let pem_kid = in_state(&place, "next");
    assert_eq!(place.run(&["keys", "retire", &pem_kid]).code, Some(0));
    let again = place.run_with_input(&["keys", "import", "-"], PEM);
    assert!(again.complaint().contains("is or was here already"), "{again:?}");
    server.stop();
    for file in ["watchword.db", "watchword.db-wal"].map(|name| place.path(name)).into_iter().filter(|f| f.exists()) {
        let bytes = std::fs::read(file).unwrap();
        assert!(!bytes.windows(JWK_SEED.len()).any(|window| window == JWK_SEED));
    }
}

#[test]
fn what_is_no_fit_private_key_is_refused_with_advice_and_never_repeated() {
    let place = Place::new();
    drop(running(&place));
    let public = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let long = "x".repeat(40_000);
    for (text, advice) in [
        ("garbage", "openssl genpkey"),
        ("", "openssl genpkey"),
        (public, "cannot be taken as a private key"),
        (&JWK.replace("11qY", "12qY"), "cannot be taken as a private key"),
        (WEAK_RSA, "RSA of 2048 to 8192 bits"),
        (&PEM.replace("PRIVATE", "PUBLIC"), "not a private key"),
        (&PEM.replace("PRIVATE", "EC PRIVATE"), "-topk8"),
        (&format!("{PEM}{PEM}"), "one private key"),
        (P256, "set tokens.algorithm to ES256"),
        (&long, "too long"),
    ] {
        let said = place.run_with_input(&["keys", "import", "-"], text);
        assert!(said.complaint().contains(advice), "`{advice}` is missing: {said:?}");
        assert!(!said.err.contains("nWGx") && !said.err.contains("MC4C"), "{said:?}");
    }
    assert!(place.run(&["keys", "import", "nowhere.pem"]).complaint().contains("cannot read nowhere.pem"));
    assert_eq!(states(&place).len(), 1);
}

#[test]
fn public_keys_are_exported_as_they_are_published() {
    let place = Place::new();
    let server = running(&place);
    place.write("key.json", JWK);
    assert_eq!(place.run(&["keys", "import", "key.json"]).code, Some(0));
    soon(|| published(server.http()).len() == 2);
    let exported = place.json(&["keys", "export-public"]);
    let sorted = |document: &Value| {
        let mut keys = document["keys"].as_array().unwrap().clone();
        keys.sort_by_key(|key| key["kid"].to_string());
        keys
    };
    assert_eq!(sorted(&exported), sorted(&server.http().get("/.well-known/jwks.json", &[]).json()));
    assert!(sorted(&exported).iter().all(|key| key.get("d").is_none()));
    let pem = place.run(&["keys", "export-public", "--format", "pem"]).out;
    assert!(pem.contains(&format!("# EdDSA {JWK_KID}\n{JWK_PUBLIC_PEM}")), "{pem}");
    assert_eq!(pem.matches("-----BEGIN PUBLIC KEY-----").count(), 2);
    assert!(!pem.contains("PRIVATE"));
    assert_eq!(place.run(&["keys", "export-public", "--format", "der"]).code, Some(2));
}

#[test]
fn with_a_shared_secret_there_are_no_keys_to_look_after() {
    let place = Place::new();
    place.add_user("kavya");
    let env =
        [("WATCHWORD_TOKENS_ALGORITHM", "HS256"), ("WATCHWORD_TOKENS_SECRET", "q8N0vX2mYw7ZtR4kLp9sBc1dEf3gHj5uK7aT")];
    for args in [
        &["list"][..],
        &["rotate"],
        &["rotate", "--danger-now"],
        &["retire", "x"],
        &["revoke", "x"],
        &["import", "x"],
        &["export-public"],
    ] {
        let said = place.run_with_env(&[&["keys"], args].concat(), &env);
        assert!(said.complaint().contains("tokens.algorithm is HS256"), "{args:?}: {said:?}");
    }
    let said = place.run_with_env(&["keys", "rekey"], &env);
    assert_eq!(said.code, Some(0), "what else is encrypted can have a new master key: {said:?}");
}

fn running(place: &Place) -> Server {
    place.add_user("kavya");
    place.serve()
}

/// State and name of every key that is not gone.
fn states(place: &Place) -> Vec<(String, String)> {
    let listed = place.json(&["keys", "list", "--json"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    listed.as_array().unwrap().iter().map(|key| (text(&key["state"]), text(&key["kid"]))).collect()
}

fn published(http: Http) -> Vec<String> {
    let document = http.get("/.well-known/jwks.json", &[]).json();
    document["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn in_state(place: &Place, wanted: &str) -> String {
    let found = states(place).into_iter().find(|(state, _)| state == wanted);
    found.unwrap_or_else(|| panic!("no key is {wanted}")).1
}

/// The example of RFC 8037 §A.1.
const JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// Its thumbprint (RFC 8037 §A.3).
const JWK_KID: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

/// The first bytes of its private half.
const JWK_SEED: &[u8] = &[0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60];

/// Its public half.
const JWK_PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

/// A key for Ed25519, made for this test.
const PEM: &str = "\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIIDpCxoMkIIBsrjxlxECdGaZJTCNt1puIjDsfdYJVZcB
-----END PRIVATE KEY-----
";

/// A key for P-256, made for this test.
const P256: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQH35UfNk0a//XnhT
thA8ZfS/NTu6Tj4aKLaq+PvlOEuhRANCAASQkra3K5DHDgjSdRbT4jhONIE5zMfi
pOnb27tIUKzLqicNlQvJiy5H0BFl2FE/IIykaO43lmYlaYHL43dPVS2p
-----END PRIVATE KEY-----
";

/// An RSA key of 1024 bits.
const WEAK_RSA: &str = "\
-----BEGIN PRIVATE KEY-----
MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBALWiLj062IfPwhap
lvCfm3mU5j88XzqKojj123FhLD4SMl4DLwTYQVGH+espDJCMvF99boOo+uZKl/Df
CUEKnndoVmK/jrCltY85cg2IDwYzdQj69uBN8gsL0jaqNPXPUW5HbZyRg4SfFANj
jCjJlVEbNAJV+HHPbJCRUbXU/ogRAgMBAAECgYAFjomlm+hF92gzs0qH4AospQ6K
PrmXG+isn3DwPg3RdFMQJz7IAim1adiOhjn5LiURMtAvvPq4Eu4lE13AHKgOZ+jY
Ocs6CbhiwCSQFBnPK2qJdzK3DYzctRzsAutnaLRKiTBwMVEDDuf2a3WDwTFZvhoI
su/zXZzafDBVL1vFRQJBAOnvgEeOcaJRms4kpCXFjaq95xQHD0b/eaBB0HNx2JW5
s9ORQGtbi/YvmKYTidGN11ZDP5qcEV1szkySGhJ3pIsCQQDGw9GpOlzFBzLJnlVA
2VUjPyCou7DRVRrO0cGGoybqNqkG0x5BU3Zvj5hlYTpkzMAw/KkSWzBdispvShgp
D21TAkBzWG4N2kRZXpdP8W0mWqQhfgVEML7tqOYViJ35bjb2jFwIg2QaC0eVmZ5Q
tO2Nb7yvgfUIjM9bG10VECze0jNFAkAgmB36jUqHOM34SBGc58bRV9nIMbcmLLmP
rs/4fyqzf7EqIFa2ybQDSV3pSg9kVjsyDUzAaNm+jTLzGwhpO1FnAkA8qg3mBo5C
gfG7gBDQZcIOWotlDp+4W61gk2cHDwyHQh098ASxoJ0UBAAoHjiEvNRl0yEB6VP4
++01osDPx1fI
-----END PRIVATE KEY-----
";
