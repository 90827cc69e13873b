//! What the configuration says, and which of it is not safe.

use domain::Span;

use super::finding::Finding;
use crate::config::Config;

/// Judges what is written, without looking at anything else.
pub fn judge(config: &Config, env: &[(String, String)]) -> Vec<Finding> {
    vec![public_url(config), listen(config), proxies(config), sessions(config), tokens(config, env), log(config)]
}

fn public_url(config: &Config) -> Finding {
    let Some(url) = &config.public_url else {
        return Finding::ok("public_url", "made from listen; only this machine is served");
    };
    if url.is_https() {
        return Finding::ok("public_url", format!("{url}; the cookie is __Host-session, Secure"));
    }
    if url.is_loopback() {
        return Finding::ok("public_url", format!("{url}; only this machine is served, with a cookie without Secure"));
    }
    Finding::problem(
        "public_url",
        format!("{url} is plain http: anyone on the way reads every password and cookie"),
        "put a proxy with TLS in front, write https in public_url, and take danger_plain_http away",
    )
}

fn listen(config: &Config) -> Finding {
    let listen = config.listen;
    if listen.is_loopback() {
        return Finding::ok("listen", format!("{listen}: only this machine reaches it"));
    }
    Finding::warning(
        "listen",
        format!("{listen}: whoever reaches this port goes around the proxy, without TLS"),
        "listen on 127.0.0.1, or let a firewall admit only the proxy",
    )
}

fn proxies(config: &Config) -> Finding {
    let proxies = &config.trusted_proxies;
    if let Some(wide) = proxies.iter().find(|net| net.prefix_len() < if net.addr().is_ipv4() { 8 } else { 16 }) {
        return Finding::problem(
            "trusted_proxies",
            format!("{wide} lets almost anybody choose the address that they are throttled by"),
            "name the proxy's own address or network",
        );
    }
    let is_behind_one = config.public_url.as_ref().is_some_and(|url| !url.is_loopback());
    if proxies.is_empty() && is_behind_one {
        return Finding::warning(
            "trusted_proxies",
            "none: everybody behind the proxy is throttled as one, and every session shows the proxy's address",
            "name the address that the proxy connects from, such as trusted_proxies = [\"127.0.0.1/32\"]",
        );
    }
    let names: Vec<String> = proxies.iter().map(ToString::to_string).collect();
    Finding::ok("trusted_proxies", if names.is_empty() { "none, and none needed".to_owned() } else { names.join(", ") })
}

fn sessions(config: &Config) -> Finding {
    let (idle, absolute) = (config.session.idle, config.session.absolute);
    let is = format!("end after {idle} without use, and {absolute} after login");
    if idle > LONGEST_IDLE || absolute > LONGEST_SESSION {
        let advice = format!("session.idle at most {LONGEST_IDLE} and session.absolute at most {LONGEST_SESSION}");
        return Finding::warning("session", is, format!("set {advice} (NIST SP 800-63B-4 §2.1.3)"));
    }
    Finding::ok("session", is)
}

fn tokens(config: &Config, env: &[(String, String)]) -> Finding {
    let algorithm = &config.tokens.algorithm;
    let is = format!("{algorithm}, valid for {}", config.tokens.access_lifetime);
    if !config.tokens.is_shared_secret() {
        return Finding::ok("tokens", is);
    }
    match config.tokens.secret(env) {
        Ok(_) => Finding::warning(
            "tokens",
            format!("{is}: every service that checks tokens can make them, too"),
            "use EdDSA, ES256 or RS256 unless a verifier knows nothing else",
        ),
        Err(error) => Finding::problem("tokens", error.to_string(), "the server does not start without it"),
    }
}

fn log(config: &Config) -> Finding {
    let filter = &config.log.filter;
    if ["debug", "trace"].iter().any(|level| filter.contains(level)) {
        return Finding::warning(
            "log",
            format!("`{filter}` writes a line for every request"),
            "set log.filter = \"info\"",
        );
    }
    Finding::ok("log", format!("`{filter}`"))
}

/// The longest that a session should lie unused.
const LONGEST_IDLE: Span = Span::days(7);

/// The longest that a session should last.
const LONGEST_SESSION: Span = Span::days(30);

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    #[test]
    fn each_weak_setting_is_found_and_the_defaults_are_fine() {
        let judged = |text: &str| judge(&toml::from_str(text).unwrap(), &[]);
        assert!(judged("").iter().all(|finding| finding.result == Outcome::Ok), "{:?}", judged(""));
        for (text, check, result) in [
            ("public_url = 'http://id.example.org'", "public_url", Outcome::Problem),
            ("listen = '0.0.0.0:8080'", "listen", Outcome::Warning),
            ("trusted_proxies = ['0.0.0.0/0']", "trusted_proxies", Outcome::Problem),
            ("trusted_proxies = ['::/0']", "trusted_proxies", Outcome::Problem),
            ("public_url = 'https://id.example.org'", "trusted_proxies", Outcome::Warning),
            ("session = { idle = '8d', absolute = '20d' }", "session", Outcome::Warning),
            ("session = { idle = '1d', absolute = '90d' }", "session", Outcome::Warning),
            ("tokens = { algorithm = 'HS256' }", "tokens", Outcome::Problem),
            ("log = { filter = 'watchword=debug' }", "log", Outcome::Warning),
        ] {
            let found: Vec<_> = judged(text).into_iter().filter(|finding| finding.result != Outcome::Ok).collect();
            assert!(found.iter().any(|found| (found.check, found.result) == (check, result)), "{text}: {found:?}");
            assert!(found.iter().all(|found| found.advice.is_some()), "{text}");
        }
        let secret =
            ("WATCHWORD_TOKENS_SECRET".to_owned(), "q9V2xK7mT4bN8cZ1sD5fG3hJ6kL0pW9eR2tY4uI7oA1sD5fG".to_owned());
        let shared = judge(&toml::from_str("tokens = { algorithm = 'HS256' }").unwrap(), &[secret]);
        assert!(shared.iter().any(|found| (found.check, found.result) == ("tokens", Outcome::Warning)), "{shared:?}");
        let good = "public_url = 'https://id.example.org'\ntrusted_proxies = ['127.0.0.1/32']";
        assert!(judged(good).iter().all(|finding| finding.result == Outcome::Ok));
    }
}
