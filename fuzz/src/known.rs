//! One issuer, one audience, one moment, and four keys that are the same on every run, so that a corpus stays good.

use std::sync::LazyLock;

use token::{Algorithm, Claims, KeySet, MasterKey, Secret, SigningKey};

use super::oracle::{Demand, Trusted, base64url};

/// The moment at which every token is judged, in unix seconds.
pub const NOW: i64 = 1_800_000_000;

/// The secret of RFC 7515 A.1.
pub static SECRET: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    base64url::decode(text).expect("base64url")
});

/// One key of each algorithm. Their private halves are published here or in RFC 7515 and RFC 8037.
pub static KEYS: LazyLock<[SigningKey; 4]> = LazyLock::new(|| {
    // RFC 8037 A.1 in the form of RFC 8410 §7.
    let seed = base64url::decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").expect("base64url");
    let header = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let read = |algorithm, der: &[u8]| SigningKey::from_pkcs8(algorithm, der).expect("a private key");
    [
        read(Algorithm::EdDSA, &[&header[..], &seed].concat()),
        read(Algorithm::Es256, include_bytes!("../keys/es256.pk8")),
        read(Algorithm::Rs256, include_bytes!("../keys/rs256.pk8")),
        SigningKey::from_secret(&Secret::new(SECRET.clone()).expect("a secret")),
    ]
});

/// The key of that algorithm.
pub fn key(algorithm: Algorithm) -> &'static SigningKey {
    KEYS.iter().find(|key| key.algorithm() == algorithm).expect("one of each")
}

/// All four, to check with.
pub static KEY_SET: LazyLock<KeySet> = LazyLock::new(|| {
    let mut keys = KeySet::new();
    KEYS.iter().for_each(|key| keys.insert(key.verifying_key()).expect("each has its kid"));
    keys
});

/// The same to the oracle.
pub static TRUSTED: LazyLock<Vec<Trusted>> = LazyLock::new(|| {
    let trusted = KEYS.iter().map(|key| match key.jwk() {
        Some(jwk) => Trusted::public(&jwk.to_value().to_string()).expect("a public key"),
        None => Trusted::secret(key.kid(), &SECRET),
    });
    trusted.collect()
});

/// What is demanded of every token, in either profile.
pub static DEMANDS: LazyLock<[Demand; 2]> = LazyLock::new(|| {
    [false, true].map(|is_flask| Demand {
        is_flask,
        issuer: "https://id.example".to_owned(),
        audience: "https://api.example".to_owned(),
        leeway_seconds: 5,
        now_ms: NOW * 1000,
    })
});

/// Claims that satisfy both demands.
pub fn good_claims() -> Claims {
    Claims {
        iss: "https://id.example".into(),
        sub: "0190a5c4-7d2e-7000-8000-000000000001".into(),
        aud: vec!["https://api.example".into()],
        exp: NOW + 600,
        iat: NOW,
        jti: "0190a5c4-7d2e-7000-8000-0000000000ff".into(),
        nbf: Some(NOW),
        sid: [7; 16],
        client_id: "shop".into(),
        scope: "openid profile".into(),
        roles: vec!["user".into()],
        auth_time: Some(NOW - 60),
        amr: vec!["pwd".into(), "otp".into()],
        preferred_username: Some("ada".into()),
        uep: 3,
        rat: NOW * 1000,
        ..Claims::default()
    }
}

/// The master key under which everything here is sealed.
pub fn master_key() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}
