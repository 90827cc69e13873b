//! The running server, seen from where browsers are: through the proxy, with its TLS.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::finding::Finding;
use crate::config::{Config, PublicUrl};

/// What was answered to the four questions.
#[derive(Debug, Default)]
pub struct Answers {
    /// The description of the server.
    pub metadata: Value,
    /// The headers of the login page.
    pub page: HeaderMap,
    /// How the server saw a plain request.
    pub seen: Value,
    /// How it saw one that claimed to come from [`ELSEWHERE`].
    pub forged: Value,
}

/// Asks, and judges the answers.
pub async fn ask(url: &str, config: &Config) -> Vec<Finding> {
    let asked = async {
        let origin = PublicUrl::try_from(url.to_owned())?;
        let tls = if origin.is_https() { Some(tls()?) } else { None };
        let get = async |path: &str, forwarded: bool| get(&origin, path, forwarded, tls.as_ref()).await;
        let body = async |path: &str, forwarded: bool| -> Result<Value, String> {
            let body = to_bytes(get(path, forwarded).await?.into_body(), LONGEST).await.map_err(|e| e.to_string())?;
            serde_json::from_slice(&body).map_err(|_| format!("{path} is not answered by Watchword"))
        };
        let answers = Answers {
            metadata: body("/.well-known/oauth-authorization-server", false).await?,
            page: get("/login", false).await?.headers().clone(),
            seen: body("/health/seen", false).await?,
            forged: body("/health/seen", true).await?,
        };
        Ok::<_, String>((origin, answers))
    };
    let outcome = tokio::time::timeout(PATIENCE, asked).await;
    match outcome.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs()))) {
        Ok((origin, answers)) => judge(&origin, &answers, config),
        Err(why) => vec![Finding::problem(
            "public request",
            format!("{url} could not be asked: {why}"),
            "start the server and the proxy, and look whether name, port and certificate are right",
        )],
    }
}

fn judge(origin: &PublicUrl, answers: &Answers, config: &Config) -> Vec<Finding> {
    vec![
        issuer(origin, answers, config),
        cookie(origin, &answers.page),
        hsts(origin, &answers.page),
        address(origin, answers),
    ]
}

fn issuer(origin: &PublicUrl, answers: &Answers, config: &Config) -> Finding {
    let issuer = answers.metadata["issuer"].as_str().unwrap_or_default();
    if issuer != origin.as_str() {
        return Finding::problem(
            "public request",
            format!("asked as {origin}, the server calls itself {issuer}"),
            "set public_url to the address that people type: cookies, forms and tokens depend on it",
        );
    }
    if config.public_url.as_ref().is_some_and(|configured| configured != origin) {
        let advice = "restart the server with this configuration, or ask the URL that is in it";
        return Finding::warning("public request", format!("{origin} is not the public_url configured here"), advice);
    }
    Finding::ok("public request", format!("{origin} is answered by a server that calls itself so"))
}

fn cookie(origin: &PublicUrl, page: &HeaderMap) -> Finding {
    let set: Vec<&str> = page.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
    let advice = "let the proxy pass Set-Cookie on as it is, and set public_url to https";
    let Some(set) = set.first() else {
        return Finding::problem("cookies", "the login page sets none: no form can be sent", advice);
    };
    let name = set.split('=').next().unwrap_or_default();
    let is_bound = name.starts_with("__Host-") && set.contains("; Secure");
    if !set.contains("; HttpOnly") || (origin.is_https() && !is_bound) {
        return Finding::problem(
            "cookies",
            format!("{name} is not bound to host and TLS, or scripts can read it"),
            advice,
        );
    }
    Finding::ok("cookies", format!("{name} has the flags that it should have here"))
}

fn hsts(origin: &PublicUrl, page: &HeaderMap) -> Finding {
    if !origin.is_https() {
        return Finding::ok("strict transport", "not for plain http on this machine");
    }
    let sent: Vec<_> = page.get_all(header::STRICT_TRANSPORT_SECURITY).iter().collect();
    let text = sent.first().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let age = text.split(';').find_map(|part| part.trim().strip_prefix("max-age=")?.parse::<u64>().ok());
    match age {
        Some(age) if age >= HALF_A_YEAR && sent.len() == 1 => Finding::ok("strict transport", text),
        Some(_) if sent.len() > 1 => Finding::warning(
            "strict transport",
            "the header is there twice; browsers take the first",
            "let either the proxy or Watchword set it: Watchword does",
        ),
        _ => Finding::warning(
            "strict transport",
            format!("`{text}` does not hold browsers to https for half a year"),
            "let the proxy pass Strict-Transport-Security on as it is",
        ),
    }
}

fn address(origin: &PublicUrl, answers: &Answers) -> Finding {
    let client = answers.seen["client"].as_str().unwrap_or_default();
    let is = |name: &str| answers.seen[name].as_bool().unwrap_or_default();
    if answers.forged["client"].as_str() == Some(ELSEWHERE) {
        return Finding::problem(
            "forwarded address",
            format!("whoever writes X-Forwarded-For: {ELSEWHERE} is believed to be there, and escapes throttling"),
            "let the proxy append to X-Forwarded-For or replace it, and trust only the proxy in trusted_proxies",
        );
    }
    match (is("forwarded"), is("trusted")) {
        (true, true) => Finding::ok("forwarded address", format!("the server sees this request come from {client}")),
        (true, false) => Finding::warning(
            "forwarded address",
            format!("a proxy at {client} says where requests come from, but is not trusted: all its clients are one"),
            format!("trusted_proxies = [\"{client}\"]"),
        ),
        (false, _) if origin.is_loopback() => {
            Finding::ok("forwarded address", format!("no proxy; the server sees this request come from {client}"))
        }
        (false, _) => Finding::warning(
            "forwarded address",
            format!("no X-Forwarded-For arrives; the server sees this request come from {client}"),
            "if that is the proxy, let it send X-Forwarded-For, and name it in trusted_proxies",
        ),
    }
}

/// One request on a connection of its own. Redirects are not followed.
async fn get(
    origin: &PublicUrl,
    path: &str,
    forwarded: bool,
    tls: Option<&TlsConnector>,
) -> Result<Response<Body>, String> {
    let uri: Uri = origin.as_str().parse().map_err(|_| "it is not a URL".to_owned())?;
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let mut request = Request::get(path).header(header::HOST, authority).header(header::ACCEPT, "*/*");
    if forwarded {
        request = request.header("x-forwarded-for", ELSEWHERE);
    }
    let request = request.body(Body::empty()).map_err(|e| e.to_string())?;
    let name = host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((name, port)).await.map_err(|e| e.to_string())?;
    let response = match tls {
        None => send(stream, request).await,
        Some(tls) => {
            let name = ServerName::try_from(name.to_owned()).map_err(|e| e.to_string())?;
            send(tls.connect(name, stream).await.map_err(|e| format!("TLS: {e}"))?, request).await
        }
    }?;
    match response.status() {
        StatusCode::OK => Ok(response),
        status => Err(format!("{path} is answered with {status}")),
    }
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Body>,
) -> Result<Response<Body>, String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    // Its error is that of the request.
    tokio::spawn(async move { drop(connection.await) });
    sender.send_request(request).await.map(|response| response.map(Body::new)).map_err(|e| e.to_string())
}

/// Trusts whom the system trusts, as browsers do.
fn tls() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.map_err(|e| e.to_string())?.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// An address that nobody has (RFC 5737).
const ELSEWHERE: &str = "192.0.2.123";

/// How long all questions together may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer that is read.
const LONGEST: usize = 64 * 1024;

const HALF_A_YEAR: u64 = 15_768_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::Outcome;
    use super::*;

    fn page(cookie: &str, transport: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if !cookie.is_empty() {
            headers.insert(header::SET_COOKIE, cookie.parse().unwrap());
        }
        for value in transport {
            headers.append(header::STRICT_TRANSPORT_SECURITY, value.parse().unwrap());
        }
        headers
    }

    fn good() -> Answers {
        Answers {
            metadata: json!({"issuer": "https://id.example.org"}),
            page: page("__Host-csrf=x; Path=/; Secure; HttpOnly; SameSite=Lax", &["max-age=31536000"]),
            seen: json!({"client": "203.0.113.9", "forwarded": true, "trusted": true}),
            forged: json!({"client": "203.0.113.9", "forwarded": true, "trusted": true}),
        }
    }

    #[test]
    fn each_mistake_of_a_proxy_is_found_and_a_good_one_is_fine() {
        type Case = (fn(&mut Answers), &'static str, Outcome);
        let cases: [Case; 9] = [
            (|a| a.metadata = json!({"issuer": "http://127.0.0.1:8080"}), "public request", Outcome::Problem),
            (|a| a.page = page("", &["max-age=31536000"]), "cookies", Outcome::Problem),
            (|a| a.page = page("csrf=x; Path=/; HttpOnly", &["max-age=31536000"]), "cookies", Outcome::Problem),
            (|a| a.page = page("__Host-csrf=x; Path=/; Secure", &["max-age=31536000"]), "cookies", Outcome::Problem),
            (|a| drop(a.page.remove(header::STRICT_TRANSPORT_SECURITY)), "strict transport", Outcome::Warning),
            (
                |a| a.page = page("__Host-csrf=x; Secure; HttpOnly", &["max-age=31536000", "max-age=0"]),
                "strict transport",
                Outcome::Warning,
            ),
            (|a| a.forged["client"] = json!(ELSEWHERE), "forwarded address", Outcome::Problem),
            (|a| a.seen["trusted"] = json!(false), "forwarded address", Outcome::Warning),
            (|a| a.seen["forwarded"] = json!(false), "forwarded address", Outcome::Warning),
        ];
        let config: Config = toml::from_str("public_url = 'https://id.example.org'").unwrap();
        let origin = config.public_url.clone().unwrap();
        let bad = |answers: &Answers, origin: &PublicUrl| -> Vec<_> {
            let found = judge(origin, answers, &config).into_iter().filter(|finding| finding.result != Outcome::Ok);
            found.map(|finding| (finding.check, finding.result)).collect()
        };
        assert_eq!(bad(&good(), &origin), []);
        for (spoil, check, result) in cases {
            let mut answers = good();
            spoil(&mut answers);
            assert_eq!(bad(&answers, &origin), [(check, result)], "{answers:?}");
        }
        let other = PublicUrl::try_from("https://other.example.org".to_owned()).unwrap();
        let answers = Answers { metadata: json!({"issuer": "https://other.example.org"}), ..good() };
        assert_eq!(bad(&answers, &other), [("public request", Outcome::Warning)]);
    }
}
