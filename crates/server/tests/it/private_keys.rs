//! What nobody but the server may ever see: the private halves of keys, and the master key that encrypts them.

use std::os::unix::fs::PermissionsExt;

use axum::http::StatusCode;
use domain::{KeyState, Span};
use token::SigningKey;
use watchword::keyring::Vault;

use crate::support::TestServer;

/// Bytes that nobody but the server may ever see.
fn private_half(key: &SigningKey) -> Vec<u8> {
    let pkcs8 = key.to_pkcs8().unwrap();
    match key.algorithm().name() {
        // The seed, an octet string of 32 bytes (RFC 8410 §7).
        "EdDSA" => {
            assert_eq!(pkcs8[14..16], [4, 32]);
            pkcs8[16..48].to_vec()
        }
        // The number d, after the version (RFC 5915 §3).
        "ES256" => {
            assert_eq!(pkcs8[31..36], [2, 1, 1, 4, 32]);
            pkcs8[36..68].to_vec()
        }
        // The primes and what is made from them (RFC 8017 §A.1.2).
        _ => pkcs8[pkcs8.len() / 2..].to_vec(),
    }
}

#[tokio::test]
async fn the_master_key_is_for_its_owner_alone_and_no_private_key_is_stored_in_the_clear() {
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let server = TestServer::with(&format!("tokens.algorithm = '{algorithm}'")).await;
        let files = std::fs::read_dir(server.folder()).unwrap().map(Result::unwrap);
        for file in files.filter(|file| file.file_name() != "watchword.toml") {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.path().display());
        }
        let master = std::fs::read_to_string(server.folder().join("watchword.key")).unwrap();
        let signing = &server.app.keys.known().signing;
        let private = private_half(signing);
        let stored = server.database_bytes();
        let contains = |wanted: &[u8]| stored.windows(wanted.len()).any(|window| window == wanted);
        assert!(contains(signing.kid().as_bytes()), "the search works");
        assert!(!private.windows(8).any(contains));
        assert!(!contains(master.trim().as_bytes()));
        assert!(!contains(&token::base64url::decode(master.trim()).unwrap()));
        assert!(!server.logged().contains(master.trim()));
    }
}

#[tokio::test]
async fn no_private_key_is_in_any_answer_or_log() {
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let server = TestServer::with(&format!("tokens.algorithm = '{algorithm}'")).await;
        server.user("kavya", &["admin"]).await;
        let (cookie, tokens) = server.client().login_both("kavya").await;
        let description = server.client().get("/api/openapi.json").await.json();
        let mut said = String::new();
        let paths = description["paths"].as_object().unwrap().keys().map(String::as_str);
        for path in paths.chain(["/", "/metrics", "/debug", "/debug/pprof", "/admin", "/keys", "/watchword.key"]) {
            for client in [server.client(), server.client().with(&tokens), server.client().cookie(&cookie)] {
                said += &client.get(path).await.body;
            }
        }
        said += &server.logged();
        let signing = &server.app.keys.known().signing;
        assert!(said.contains(signing.kid()), "the search works");
        for run in private_half(signing).chunks_exact(24) {
            let decimal = format!("{run:?}");
            let hex = format!("{run:02x?}").replace([' ', ',', '[', ']'], "");
            // Whatever comes before it, one of three alignments is that of the text.
            for start in 0..3 {
                let base64 = token::base64url::encode(&run[start..start + 18]);
                let standard = base64.replace('-', "+").replace('_', "/");
                assert!(!said.contains(&base64) && !said.contains(&standard));
            }
            assert!(!said.contains(&hex) && !said.contains(&hex.to_uppercase()));
            assert!(!said.contains(decimal.trim_matches(['[', ']'])));
        }
    }
}

#[tokio::test]
async fn a_master_key_that_is_missing_wrong_or_readable_by_others_stops_the_start_with_advice() {
    let stopped = TestServer::start().await.stop().await;
    let path = stopped.folder().join("watchword.key");
    let right = std::fs::read_to_string(&path).unwrap();
    let refused = async |env: &[(&str, &str)]| stopped.start("", env).await.err().expect("a refusal").to_string();

    let other = token::base64url::encode([9; 32]);
    std::fs::write(&path, &other).unwrap();
    let message = refused(&[]).await;
    assert!(message.contains("another master key") && message.contains("watchword.key"), "{message}");
    assert!(!message.contains(&other));
    let message = refused(&[("WATCHWORD_MASTER_KEY", "too short")]).await;
    assert!(message.contains("WATCHWORD_MASTER_KEY") && message.contains("43 characters"), "{message}");
    std::fs::write(&path, "not a key").unwrap();
    assert!(refused(&[]).await.contains("put back the original file"));
    std::fs::write(&path, &right).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(refused(&[]).await.contains("chmod 600"));
    std::fs::remove_file(&path).unwrap();
    assert!(refused(&[]).await.contains("put back"));
    assert!(!path.exists(), "a missing key is not replaced by a new one that opens nothing");

    let by_variable = stopped.start("", &[("WATCHWORD_MASTER_KEY", &right)]).await.unwrap();
    assert_eq!(by_variable.client().get("/health/ready").await.status, StatusCode::OK);
}

#[tokio::test]
async fn no_private_half_is_in_the_database_in_the_clear_at_any_time_of_its_life() {
    let server = TestServer::with("keys.rotate_every = '1d'\nkeys.publish_ahead = '1h'").await;
    server.advance(Span::hours(23)).await;
    server.advance(Span::hours(1)).await;
    server.advance(Span::hours(23)).await;
    let (vault, _) = Vault::open(&server.app.config, &[], &server.app.store).await.unwrap();
    let stored = server.app.store.keys().await.unwrap();
    let bytes = server.database_bytes();
    let contains = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    let mut opened = 0;
    for key in stored.iter().filter(|key| key.life.state != KeyState::Gone) {
        let seed = private_half(&vault.open_key(key).unwrap());
        assert!(contains(&key.sealed), "the search works");
        assert!(!seed.windows(8).any(contains), "{}", key.life.kid);
        opened += 1;
    }
    assert_eq!(opened, 2, "one that signs and one to come");
}
