//! The first contact: what an issuer must be and say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::HeaderValue;
use serde_json::json;
use verifier::test_support::TestIssuer;
use verifier::{ConnectError, FetchError, Verifier};

use crate::support::{METADATA, Odd, metadata, reply};

async fn refusal(url: &str) -> ConnectError {
    Verifier::from_issuer(url).retry_for(Duration::ZERO).await.unwrap_err()
}

#[tokio::test]
async fn an_issuers_tokens_are_verified_with_keys_that_were_fetched_once() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier().await;
    for _ in 0..3 {
        let claims = verifier.verify(&issuer.user("kavya").role("clerk").token()).await.unwrap();
        assert_eq!(claims.preferred_username.as_deref(), Some("kavya"));
        assert_eq!(claims.roles, ["clerk"]);
    }
    assert_eq!(issuer.key_fetches(), 1);
}

#[tokio::test]
async fn a_url_that_no_issuer_may_have_is_refused_before_anything_is_asked() {
    for url in ["http://login.example.org", "login.example.org", "https://login.example.org/", "https://a@b.example"] {
        let error = refusal(url).await;
        assert!(matches!(error, ConnectError::Url(_)), "{url}: {error}");
        assert!(error.to_string().contains("such as https://login.example.org"));
    }
}

#[tokio::test]
async fn an_issuer_that_is_not_there_is_named() {
    let error = refusal("http://127.0.0.1:1").await.to_string();
    assert!(error.contains("http://127.0.0.1:1/.well-known/oauth-authorization-server cannot be reached"), "{error}");
    assert!(error.contains("refused"), "{error}");
}

#[tokio::test]
async fn an_issuer_of_another_name_is_refused() {
    let odd = Odd::start(|_, _| reply(200, metadata("https://login.example.org").to_string())).await;
    let error = refusal(&odd.url).await;
    assert!(matches!(&error, ConnectError::OtherName { named, .. } if named == "https://login.example.org"), "{error}");
}

#[tokio::test]
async fn an_issuer_that_sends_elsewhere_is_refused_and_elsewhere_is_never_asked() {
    let elsewhere = Odd::start(|_, _| reply(200, r#"{"keys":[]}"#)).await;
    for member in ["jwks_uri", "watchword_session_endpoint"] {
        let other = format!("{}/x", elsewhere.url);
        let odd = Odd::start(move |url, _| {
            let mut metadata = metadata(url);
            metadata["watchword_session_endpoint"] = json!(format!("{url}/s"));
            metadata["watchword_session_cookie"] = json!("session");
            metadata[member] = json!(other);
            reply(200, metadata.to_string())
        });
        let error = refusal(&odd.await.url).await;
        assert!(matches!(error, ConnectError::Elsewhere(_)), "{member}: {error}");
    }
    assert_eq!(elsewhere.asked.load(Ordering::Acquire), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Odd::start(|_, _| reply(200, r#"{"keys":[]}"#)).await;
    let target = HeaderValue::try_from(&elsewhere.url).unwrap();
    let odd = Odd::start(move |url, path| {
        if path == METADATA {
            return reply(200, metadata(url).to_string());
        }
        let mut response = reply(302, "");
        response.headers_mut().insert("location", target.clone());
        response
    });
    let error = refusal(&odd.await.url).await;
    assert!(matches!(error, ConnectError::Fetch(FetchError::Status { status, .. }) if status == 302), "{error}");
    assert_eq!(elsewhere.asked.load(Ordering::Acquire), 0);
}

#[tokio::test]
async fn what_is_longer_than_a_key_set_may_be_is_not_read() {
    for size in [256 * 1024, 256 * 1024 + 1] {
        let odd = Odd::start(move |url, path| match path {
            METADATA => reply(200, metadata(url).to_string()),
            _ => reply(200, r#"{"keys":[]}"#.to_owned() + &" ".repeat(size - 11)),
        });
        let error = refusal(&odd.await.url).await;
        let is_too_long = matches!(error, ConnectError::Fetch(FetchError::TooLong(_)));
        assert_eq!(is_too_long, size > 256 * 1024, "{error}");
    }
}

#[tokio::test]
async fn what_is_not_a_description_or_a_key_set_is_refused_with_a_reason() {
    for (description, keys, reason) in [
        (Some("<html>"), "", "is not the description"),
        (Some("{}"), "", "missing field `issuer`"),
        (None, "<html>", "keys cannot be used"),
        (None, r#"{"keys":[{"kty":"OKP","kid":"a","crv":"Ed25519","x":"AA"}]}"#, "keys cannot be used"),
        (None, r#"{"keys":[]}"#, "HS256"),
    ] {
        let odd = Odd::start(move |url, path| match path {
            METADATA => reply(200, description.map_or_else(|| metadata(url).to_string(), str::to_owned)),
            _ => reply(200, keys),
        });
        let error = refusal(&odd.await.url).await.to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn an_issuer_in_trouble_is_an_error_that_says_so() {
    let odd = Odd::start(|_, _| reply(503, "")).await;
    assert!(refusal(&odd.url).await.to_string().contains("503 Service Unavailable"));
}

#[tokio::test]
async fn an_issuer_that_starts_later_is_waited_for() {
    let is_there = Arc::new(AtomicBool::new(false));
    let keys = TestIssuer::start().await;
    let jwks = keys.jwks();
    let seen = Arc::clone(&is_there);
    let odd = Odd::start(move |url, path| match (seen.swap(true, Ordering::AcqRel), path) {
        (false, _) => reply(503, ""),
        (true, METADATA) => reply(200, metadata(url).to_string()),
        (true, _) => reply(200, jwks.clone()),
    });
    Verifier::from_issuer(odd.await.url).await.unwrap();
    assert!(is_there.load(Ordering::Acquire));
}

#[tokio::test]
async fn what_browsers_would_not_send_is_no_origin() {
    let issuer = TestIssuer::start().await;
    for origin in ["https://x.example/", "https://X.example", "x.example", "https://x.example/y", "*", "null"] {
        let error = issuer.connect().allow_origin(origin).await.unwrap_err();
        assert!(matches!(error, ConnectError::Origin(_)), "{error}");
    }
    issuer.connect().allow_origin("https://x.example:8443").await.unwrap();
}

#[tokio::test]
async fn tokens_for_somebody_else_are_refused() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.connect().audience("https://api.example").await.unwrap();
    let code = async |token: String| verifier.verify(&token).await.err().map(|rejection| rejection.code());
    assert_eq!(code(issuer.user("kavya").audience("https://api.example").token()).await, None);
    assert_eq!(code(issuer.user("kavya").token()).await, Some("audience"));
    let stranger = issuer.user("kavya").audience("https://api.example").token_of_a_stranger();
    assert_eq!(code(stranger).await, Some("unknown_key"));
    let other = issuer.user("kavya").audience("https://api.example").with(|claims| claims.iss.push('/'));
    assert_eq!(code(other.token()).await, Some("issuer"));
}
