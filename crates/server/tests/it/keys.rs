//! Keys: what is published, what tokens say, and what else is refused.

use aws_lc_rs::signature::KeyPair;
use axum::http::StatusCode;
use domain::Span;
use serde_json::{Value, json};
use token::{Claims, KeySet, Profile, Secret, SigningKey};

use crate::support::{Client, TestServer};

const SHARED: &str = "tokens.algorithm = 'HS256'";
const SECRET: &str = "c2l4IHF1aWV0IG90dGVycyBzd2ltIGF0IG1pZG5pZ2h0";

fn decoded(tokens: &Value) -> token::Inspection {
    token::inspect(tokens["access_token"].as_str().unwrap()).unwrap()
}

async fn status(client: &Client, token: &str) -> StatusCode {
    client.clone().bearer(token).get("/dashboard").await.status
}

#[tokio::test]
async fn only_public_halves_are_published() {
    for (algorithm, kty) in [("EdDSA", "OKP"), ("ES256", "EC"), ("RS256", "RSA")] {
        let server = TestServer::with(&format!("tokens.algorithm = '{algorithm}'")).await;
        server.user("kavya", &[]).await;
        let reply = server.client().get("/.well-known/jwks.json").await;
        assert_eq!(reply.header("content-type"), "application/jwk-set+json");
        assert_eq!(reply.header("cache-control"), "public, max-age=300");
        let document = reply.json();
        let [key] = document["keys"].as_array().unwrap().as_slice() else { panic!("{document}") };
        assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&json!(kty), &json!(algorithm), &json!("sig")));
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
        let tokens = server.client().login("kavya").await;
        let header = decoded(&tokens).header;
        assert_eq!(header, json!({"typ": "at+jwt", "alg": algorithm, "kid": key["kid"]}));
        // Anybody who reads the document can check the token.
        let keys = KeySet::from_jwks(reply.body.as_bytes()).unwrap();
        let url = server.app.public_url.as_str();
        let expect = token::Expectation::new(Profile::Rfc9068, url, url);
        let now = server.app.clock.now().0;
        assert!(token::verify(tokens["access_token"].as_str().unwrap(), &keys, &expect, now).is_ok());
    }
}

#[tokio::test]
async fn an_access_token_says_the_truth_about_its_login() {
    let server = TestServer::start().await;
    let user_id = server.user("kavya", &["admin", "staff"]).await;
    let began = server.app.clock.now().seconds();
    let first = server.client().login("kavya").await;
    server.advance(Span::minutes(5)).await;
    let second = server.client().refresh(&first).await.json();
    for (tokens, issued, fresh) in [(&first, began, true), (&second, began + 300, false)] {
        let claims = decoded(tokens).claims;
        assert_eq!(claims["iss"], "https://login.example.org");
        assert_eq!(claims["aud"], "https://login.example.org");
        assert_eq!(claims["sub"], user_id.to_string());
        assert_eq!(claims["client_id"], "first-party");
        assert_eq!(claims["preferred_username"], "kavya");
        assert_eq!(claims["roles"], json!(["admin", "staff"]));
        assert_eq!(claims["amr"], json!(["pwd"]));
        assert_eq!(claims["auth_time"], began, "{fresh}");
        assert_eq!(claims["iat"], issued);
        assert_eq!(claims["rat"], issued * 1000);
        assert_eq!(claims["sid"], tokens["session_id"]);
        let left = claims["exp"].as_i64().unwrap() - issued;
        assert!((570..=600).contains(&left), "ten minutes, less a little so that not all refresh at once: {left}");
        assert_eq!(tokens["expires_in"], left);
        assert_eq!(tokens["token_type"], "Bearer");
    }
    assert_ne!(decoded(&first).claims["jti"], decoded(&second).claims["jti"]);
}

#[tokio::test]
async fn a_token_under_another_key_or_algorithm_is_refused() {
    let server = TestServer::start().await;
    server.user("kavya", &["admin"]).await;
    let client = server.client();
    let tokens = client.login("kavya").await;
    let good = tokens["access_token"].as_str().unwrap();
    let (header, payload, signature) = {
        let mut parts = good.split('.');
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
    };
    let jwks = client.get("/.well-known/jwks.json").await;
    let kid = decoded(&tokens).header["kid"].as_str().unwrap().to_owned();
    let x = jwks.json()["keys"][0]["x"].as_str().unwrap().to_owned();
    let headed = |header: Value| format!("{}.{payload}", token::base64url::encode(header.to_string()));
    let hmac = |secret: &[u8], input: &str| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
        format!("{input}.{}", token::base64url::encode(aws_lc_rs::hmac::sign(&key, input.as_bytes())))
    };
    let mut forged = Vec::new();
    for alg in ["none", "None", "nOnE", "NONE", "", "HS256", "ES256", "RS256", "EdDSA256"] {
        let input = headed(json!({"typ": "at+jwt", "alg": alg, "kid": kid}));
        forged.extend([format!("{input}."), format!("{input}.{signature}")]);
    }
    // The public key as an HMAC secret, in each spelling that is at hand.
    let input = headed(json!({"typ": "at+jwt", "alg": "HS256", "kid": kid}));
    let raw = token::base64url::decode(&x).unwrap();
    for secret in [raw.as_slice(), x.as_bytes(), jwks.body.as_bytes(), &[]] {
        forged.push(hmac(secret, &input));
    }
    let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    let own = json!({"kty": "OKP", "crv": "Ed25519", "x": token::base64url::encode(pair.public_key()), "kid": kid});
    for header in [
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": kid}),
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "../../dev/null"}),
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "' or 1=1 --"}),
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "x".repeat(10_000)}),
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "🗝"}),
        json!({"typ": "at+jwt", "alg": "EdDSA"}),
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": kid, "jwk": own}),
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": kid, "jku": "http://127.0.0.1:9/keys"}),
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": kid, "crit": ["exp"]}),
        json!({"typ": "JWT", "alg": "EdDSA", "kid": kid}),
    ] {
        let input = headed(header);
        forged.push(format!("{input}.{}", token::base64url::encode(pair.sign(input.as_bytes()))));
        if !good.starts_with(&input) {
            forged.push(format!("{input}.{signature}"));
        }
    }
    forged.extend([
        format!("{header}.{payload}"),
        format!("{good}.x"),
        format!("{good}="),
        good.replacen('.', "..", 1),
    ]);
    for token in forged {
        let reply = client.clone().bearer(&token).get("/dashboard").await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{token}");
        assert!(reply.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""));
    }
    assert_eq!(status(&client, good).await, StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_token_is_no_access_token_and_the_other_way_round() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let tokens = client.login("kavya").await;
    let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    assert_eq!(status(&client, refresh).await, StatusCode::UNAUTHORIZED);
    assert_eq!(client.clone().bearer(access).post("/refresh").await.status, StatusCode::UNAUTHORIZED);
    let by_query = client.get(&format!("/dashboard?access_token={access}")).await;
    assert_eq!(by_query.status, StatusCode::UNAUTHORIZED, "a token in a URL ends up in logs, so it is ignored there");
    assert_eq!(by_query.header("www-authenticate"), "Bearer", "no error code when no token was given");
    for spelling in ["bearer", "BEARER"] {
        let any_case = client.clone().header("authorization", &format!("{spelling} {access}"));
        assert_eq!(any_case.get("/dashboard").await.status, StatusCode::OK);
    }
    for malformed in [format!("Bearer  {access}"), format!("Basic {access}"), access.to_owned(), "Bearer ".to_owned()] {
        let reply = client.clone().header("authorization", &malformed).get("/dashboard").await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    }
    let twice = client.clone().header("authorization", &format!("Bearer {access}"));
    let twice = twice.header("authorization", &format!("Bearer {access}")).get("/dashboard").await;
    assert_eq!(twice.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_of_another_installation_is_refused() {
    let (ours, theirs) = (TestServer::start().await, TestServer::start().await);
    ours.user("kavya", &[]).await;
    theirs.user("kavya", &[]).await;
    let tokens = theirs.client().login("kavya").await;
    assert_eq!(ours.client().with(&tokens).get("/dashboard").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ours.client().refresh(&tokens).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_restart_or_another_node_signs_with_the_same_key() {
    let server = TestServer::start().await;
    server.user("kavya", &[]).await;
    let there = server.beside("").await;
    let tokens = server.client().login("kavya").await;
    assert_eq!(there.client().with(&tokens).get("/dashboard").await.status, StatusCode::OK);
    drop(there);
    let server = server.restart("").await;
    assert_eq!(server.client().with(&tokens).get("/dashboard").await.status, StatusCode::OK);
    assert_eq!(server.cell("select count(*) from signing_keys"), "1");
}

#[tokio::test]
async fn with_a_shared_secret_nothing_is_published_and_nothing_but_the_secret_signs() {
    let server = TestServer::with_env(SHARED, &[("WATCHWORD_TOKENS_SECRET", SECRET)]).await;
    server.user("kavya", &[]).await;
    let client = server.client();
    let published = client.get("/.well-known/jwks.json").await;
    assert_eq!(published.json(), json!({"keys": []}));
    let tokens = client.login("kavya").await;
    assert_eq!(decoded(&tokens).header["alg"], "HS256");
    assert_eq!(client.with(&tokens).get("/dashboard").await.status, StatusCode::OK);
    let claims = decoded(&tokens).claims;
    let url = "https://login.example.org";
    let forged = Claims {
        iss: url.to_owned(),
        aud: vec![url.to_owned()],
        sub: claims["sub"].as_str().unwrap().to_owned(),
        exp: claims["exp"].as_i64().unwrap(),
        iat: claims["iat"].as_i64().unwrap(),
        client_id: "first-party".to_owned(),
        jti: "a".to_owned(),
        rat: claims["rat"].as_i64().unwrap(),
        ..Claims::default()
    };
    let guessed = SigningKey::from_secret(&Secret::new((100..148).collect()).unwrap());
    let forged = token::sign(&guessed, Profile::Rfc9068, &forged);
    assert_eq!(status(&client, &forged).await, StatusCode::UNAUTHORIZED);
    let stored = server.database_bytes();
    assert!(!stored.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
    assert!(!server.app.config.display().contains(SECRET));
}

#[tokio::test]
async fn a_shared_secret_that_is_missing_short_or_easy_to_guess_stops_the_start() {
    let stopped = TestServer::start().await.stop().await;
    for (secret, advice) in [
        (None, "openssl rand"),
        (Some("secret"), "WATCHWORD_TOKENS_SECRET"),
        (Some("super-secret-key"), "WATCHWORD_TOKENS_SECRET"),
        (Some("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "repeats a few characters"),
        (Some("watchword-jwt-secret-password-2026"), "easy to guess"),
    ] {
        let env: Vec<_> = secret.iter().map(|secret| ("WATCHWORD_TOKENS_SECRET", *secret)).collect();
        let message = stopped.start(SHARED, &env).await.err().expect("a refusal").to_string();
        assert!(message.contains(advice), "{message}");
        assert!(secret.is_none_or(|secret| secret == "secret" || !message.contains(secret)), "{message}");
    }
}

#[tokio::test]
async fn with_a_shared_secret_another_master_key_is_noticed_too() {
    let secret = [("WATCHWORD_TOKENS_SECRET", "q8N0vX2mYw7ZtR4kLp9sBc1dEf3gHj5uK7aT")];
    let stopped = TestServer::with_env("tokens.algorithm = 'HS256'", &secret).await.stop().await;
    let other = token::base64url::encode([9; 32]);
    let env = [secret[0], ("WATCHWORD_MASTER_KEY", other.as_str())];
    let refused = stopped.start("tokens.algorithm = 'HS256'", &env).await.err().expect("a refusal").to_string();
    assert!(refused.contains("another master key"), "{refused}");
    assert!(stopped.start("tokens.algorithm = 'HS256'", &secret).await.is_ok());
}
