use super::*;

fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, String> {
    let env: Vec<_> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::from_parts(text, Path::new("watchword.toml"), &env, &Overrides::default()).map_err(|e| e.to_string())
}

#[test]
fn nothing_configured_serves_on_localhost() {
    let config = load("", &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url(config.listen.0).as_str(), "http://127.0.0.1:8080");
    assert_eq!(config.master_key_file(), Path::new("watchword.key"));
}

#[test]
fn the_environment_wins_over_the_file_and_options_over_both() {
    let text = "listen = '127.0.0.1:1'\n[session]\nidle = '1h'\n";
    let env = [("WATCHWORD_LISTEN".to_owned(), "127.0.0.1:2".to_owned())];
    let overrides = Overrides { listen: Some("127.0.0.1:3".into()), ..Overrides::default() };
    let config = Config::from_parts(text, Path::new("x"), &env, &overrides).unwrap();
    assert_eq!((config.listen.0.port(), config.session.idle), (3, domain::Span::hours(1)));
    assert_eq!(load(text, &[("WATCHWORD_LISTEN", "127.0.0.1:2")]).unwrap().listen.0.port(), 2);
    assert_eq!(load(text, &[("WATCHWORD_SESSION_IDLE", "2h")]).unwrap().session.idle, domain::Span::hours(2));
}

#[test]
fn what_cannot_be_used_is_refused_with_the_key_and_what_to_do() {
    for (text, said) in [
        ("listne = '127.0.0.1:1'", "unknown field `listne`"),
        ("\n\n[session]\nidel = '1h'", "line 4"),
        ("listen = 'everywhere'", "such as 127.0.0.1:8080"),
        ("listen = '0.0.0.0:8080'", "--public-url"),
        ("public_url = 'http://login.example.org'", "danger_plain_http"),
        ("public_url = 'https://login.example.org/auth'", "without path"),
        ("public_url = 'https://user@login.example.org'", "without path"),
        ("database = 'postgres://db'", "names no"),
        ("database = 'mysql://db/ww'", "sqlite:"),
        ("[tokens]\nalgorithm = 'none'", "EdDSA, ES256, RS256, HS256"),
        ("[tokens]\naccess_lifetime = '1d'", "1m to 15m"),
        ("[keys]\nrotate_every = 'daily'", "90s, 10m, 24h or 30d"),
        ("[keys]\nrotate_every = '59m'", "1h to 3650d, or never"),
        ("\n[keys]\npublish_ahead = '599s'", "line 3"),
        ("[keys]\npublish_ahead = '599s'", "10m to 30d"),
        ("[keys]\npublish_ahead = 'never'", "keys.publish_ahead"),
        ("[keys]\nrotate_every = '1h'\npublish_ahead = '31m'", "at least twice keys.publish_ahead"),
        ("[passwords]\nmemory_kib = 1024", "19456"),
        ("[session]\nidle = 'soon'", "90s, 10m, 24h or 30d"),
        ("[session]\nidle = '20d'", "at most absolute"),
    ] {
        let error = load(text, &[]).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
    let error = load("", &[("WATCHWORD_LISTNE", "x")]).unwrap_err();
    assert!(error.starts_with("WATCHWORD_LISTNE: there is no such setting"), "{error}");
    assert!(load("", &[("WATCHWORD_PORT", "tcp://10.0.0.1:80"), ("WATCHWORD_SERVICE_HOST", "10.0.0.1")]).is_ok());
    let error = load("", &[("WATCHWORD_LISTEN", "x")]).unwrap_err();
    assert!(error.starts_with("WATCHWORD_LISTEN: "), "{error}");
}

#[test]
fn the_password_of_the_database_is_shown_to_nobody() {
    let database = "postgres://ww:hunter2@db.example.org/ww";
    for config in [
        load(&format!("database = '{database}'"), &[]).unwrap(),
        load("", &[("WATCHWORD_DATABASE", database)]).unwrap(),
    ] {
        let shown = format!("{} {config:?}", config.display());
        assert!(shown.contains("postgres://ww:***@db.example.org/ww") && !shown.contains("hunter2"), "{shown}");
        assert_eq!(config.master_key_file(), Path::new("watchword.key"));
    }
    for wrong in [
        "postgres://ww:hunter2/x@db/ww",
        "postgres://ww:hunter2@db",
        "postgres://ww:hunter2@db/ww?sslmode=maybe",
        "postgress://ww:hunter2@db/ww",
    ] {
        for error in [
            load(&format!("\ndatabase = '{wrong}'"), &[]).unwrap_err(),
            load(&format!("\ndatabase = '{wrong}"), &[]).unwrap_err(),
            load(&format!("\ndatabase = {wrong}"), &[]).unwrap_err(),
            load(&format!("\ndatabaes = '{wrong}'"), &[]).unwrap_err(),
            load("", &[("WATCHWORD_DATABASE", wrong)]).unwrap_err(),
        ] {
            assert!(!error.contains("hunter2"), "{wrong}: {error}");
            assert!(error.contains("line 2") || error.contains("WATCHWORD_DATABASE"), "{wrong}: {error}");
        }
    }
}

#[test]
fn keys_rotate_every_quarter_unless_told_otherwise() {
    let schedule = |text: &str| {
        let config = load(text, &[]).unwrap();
        config.keys.schedule(&config.tokens)
    };
    let usual = schedule("").unwrap();
    assert_eq!((usual.rotate_every, usual.publish_ahead), (Some(domain::Span::days(90)), domain::Span::hours(1)));
    assert_eq!(schedule("keys.rotate_every = 'never'").unwrap().rotate_every, None);
    assert_eq!(schedule("tokens.algorithm = 'HS256'"), None);
    let config = load("keys.rotate_every = 'never'", &[]).unwrap();
    assert!(config.display().contains("rotate_every = \"never\""), "it is printed as it is written");
}

#[test]
fn a_guessable_hs256_secret_is_refused() {
    let tokens = Tokens::default();
    let judged = |secret: &str| tokens.secret(&[("WATCHWORD_TOKENS_SECRET".to_owned(), secret.to_owned())]);
    for weak in [
        "",
        "secret",
        "super-secret-key",
        &"a".repeat(64),
        &"password".repeat(8),
        &"0123456789".repeat(5),
        "correct horse battery staple 2027 password",
        "watchword-jwt-secret-password-2026",
        "my-super-secret-jwt-key-change-me-in-production",
        "ThisIsMySecretKeyForJwtTokensInProduction123!",
    ] {
        assert!(judged(weak).is_err(), "{weak}");
    }
    for strong in
        ["q8N0vX2mYw7ZtR4kLp9sBc1dEf3gHj5u", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
    {
        assert!(judged(strong).is_ok(), "{strong}");
    }
    for _ in 0..20 {
        let random: [u8; 48] = crate::random::bytes();
        for strong in [token::base64url::encode(random), token::base64url::encode(&random[..24])] {
            assert!(judged(&strong).is_ok(), "{strong}");
        }
    }
    assert!(tokens.secret(&[]).err().unwrap().to_string().contains("openssl rand"));
}

#[test]
fn every_key_can_be_set_by_a_variable() {
    let full = Config {
        public_url: Some(PublicUrl::try_from("https://login.example.org".to_owned()).unwrap()),
        metrics_listen: Some(Listen::default()),
        master_key_file: Some("k".into()),
        tokens: Tokens { audience: Some("a".into()), secret_file: Some("s".into()), ..Tokens::default() },
        ..Config::default()
    };
    let mut keys = Vec::new();
    for (key, value) in toml::Table::try_from(full).unwrap() {
        match value {
            toml::Value::Table(section) => keys.extend(section.keys().map(|inner| format!("{key}_{inner}"))),
            _ => keys.push(key),
        }
    }
    let mut known: Vec<_> = overlay::KEYS.iter().map(|path| path.join("_")).collect();
    keys.sort();
    known.sort();
    assert_eq!(keys, known);
}

#[test]
fn on_loopback_its_three_names_are_one_origin() {
    let url = PublicUrl::of_listener("127.0.0.1:8080".parse().unwrap());
    for same in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"] {
        assert!(url.is_same_origin(same), "{same}");
    }
    for other in
        ["http://localhost", "https://localhost:8080", "http://evil.example:8080", "null", "", "http://localhost:8080/"]
    {
        assert!(!url.is_same_origin(other), "{other}");
    }
    let public = PublicUrl::try_from("https://login.example.org".to_owned()).unwrap();
    assert!(!public.is_same_origin("http://localhost"));
    assert!(!public.is_same_origin("https://login.example.org.evil.example"));
}
