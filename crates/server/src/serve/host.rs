//! Which host a request is for. A proxy and a server that read that differently can be played against each other.

use axum::http::uri::Authority;
use axum::http::{HeaderValue, Request, Version, header};

/// Whether a request names its host exactly once, or twice alike (RFC 9112 §3.2).
pub(super) fn is_clear<B>(request: &Request<B>) -> bool {
    let mut named = request.headers().get_all(header::HOST).iter();
    match (named.next(), named.next(), request.version()) {
        (None, _, version) => version == Version::HTTP_10,
        (Some(host), None, _) => match (parse(host), request.uri().authority()) {
            (Some(host), Some(authority)) => host.as_str().eq_ignore_ascii_case(authority.as_str()),
            (host, None) => host.is_some(),
            (None, Some(_)) => false,
        },
        (Some(_), Some(_), _) => false,
    }
}

fn parse(host: &HeaderValue) -> Option<Authority> {
    Authority::try_from(host.as_bytes()).ok().filter(|authority| !authority.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_for_one_host() {
        for (uri, hosts, version, clear) in [
            ("/", &["a.example"][..], Version::HTTP_11, true),
            ("/", &["[::1]:8080"], Version::HTTP_11, true),
            ("http://a.example/", &["A.example"], Version::HTTP_11, true),
            ("/", &[], Version::HTTP_10, true),
            ("/", &[], Version::HTTP_11, false),
            ("/", &[""], Version::HTTP_11, false),
            ("/", &["a.example", "a.example"], Version::HTTP_11, false),
            ("/", &["a.example, b.example"], Version::HTTP_11, false),
            ("/", &["user@a.example"], Version::HTTP_11, false),
            ("/", &["a.example/path"], Version::HTTP_11, false),
            ("http://b.example/", &["a.example"], Version::HTTP_11, false),
        ] {
            let mut request = Request::builder().uri(uri).version(version);
            for host in hosts {
                request = request.header(header::HOST, *host);
            }
            assert_eq!(is_clear(&request.body(()).unwrap()), clear, "{uri} {hosts:?} {version:?}");
        }
    }
}
