//! The request that a proxy asks about: what it would do, where it was sent, and whether a page of that site sent it.

use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};

use super::PATH;
use crate::config::PublicUrl;
use crate::failure::Failure;
use crate::proofs::LocalPath;

/// The client's request, as the proxy received it.
pub struct Original {
    method: Method,
    /// None if it is unknown, or nothing that a login may lead to.
    path: Option<LocalPath>,
    host: Option<String>,
}

impl Original {
    /// As the proxy tells it in header fields. Without the method it is not known whether the request changes anything.
    pub fn told(headers: &HeaderMap) -> Result<Self, Failure> {
        let method = match (one(headers, FORWARDED_METHOD)?, one(headers, ORIGINAL_METHOD)?) {
            (Some(method), None) | (None, Some(method)) => method,
            (Some(method), Some(other)) if method == other => method,
            _ => return Err(Failure::Refused(StatusCode::BAD_REQUEST, UNKNOWN_METHOD)),
        };
        let method = method.parse().map_err(|_| Failure::Refused(StatusCode::BAD_REQUEST, UNKNOWN_METHOD))?;
        let path = one(headers, FORWARDED_URI)?.or(one(headers, ORIGINAL_URI)?);
        let host = one(headers, FORWARDED_HOST)?.map(str::to_owned);
        Ok(Self { method, path: path.and_then(LocalPath::parse), host })
    }

    /// As the proxy repeats it, its path behind a prefix of ours.
    pub fn repeated(method: Method, uri: &Uri, headers: &HeaderMap) -> Result<Self, Failure> {
        let path = uri.path_and_query().and_then(|path| path.as_str().strip_prefix(PATH)?.strip_prefix("/envoy"));
        let host = one(headers, header::HOST)?.map(str::to_owned);
        Ok(Self { method, path: path.and_then(LocalPath::parse), host })
    }

    /// Whether the request neither changes anything (RFC 9110 §9.2.1) nor opens a WebSocket, over which anything may follow.
    pub fn only_reads(&self, headers: &HeaderMap) -> bool {
        // Proxies take `Upgrade` away, which is for one hop; the fields of RFC 6455 §4.1 go all the way.
        let opens_websocket = [header::UPGRADE, header::SEC_WEBSOCKET_KEY, header::SEC_WEBSOCKET_VERSION];
        matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
            && !opens_websocket.iter().any(|name| headers.contains_key(name))
    }

    /// Whether the browser says that a page of the very origin it was sent to made the request.
    pub fn is_own(&self, headers: &HeaderMap, is_https: bool) -> bool {
        verifier::is_by_own_page(headers, self.host.as_deref(), is_https)
    }

    /// Its path and query, if they are at the origin where the login page is.
    pub fn path_at(&self, public_url: &PublicUrl) -> Option<&LocalPath> {
        let scheme = if public_url.is_https() { "https" } else { "http" };
        let host = self.host.as_ref()?.to_ascii_lowercase();
        if public_url.is_same_origin(&format!("{scheme}://{host}")) { self.path.as_ref() } else { None }
    }
}

/// The value of a field that may be there once.
fn one(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Failure> {
    let unclear =
        || Failure::Refused(StatusCode::BAD_REQUEST, "The proxy sends a field twice, or one that is no text.");
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => value.map(|value| value.to_str().map_err(|_| unclear())).transpose(),
        _ => Err(unclear()),
    }
}

const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// As ingress-nginx has it.
const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");

/// As many configurations of nginx have it.
const ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");

const UNKNOWN_METHOD: &str = "The proxy must tell the method of the request in X-Forwarded-Method.";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn original(method: &str) -> Original {
        let told =
            [("x-forwarded-method", method), ("x-forwarded-host", "app.example:3000"), ("x-forwarded-uri", "/a?b")];
        Original::told(&headers(&told)).ok().unwrap()
    }

    #[test]
    fn only_pages_of_the_origin_itself_may_change_something() {
        for (pairs, own) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("origin", "https://app.example:3000")], true),
            (&[("origin", "https://APP.example:3000")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://app.example:3000")], false),
            (&[("sec-fetch-site", "same-site"), ("origin", "https://app.example:3000")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "")], false),
            (&[("origin", "https://evil.example")], false),
            (&[("origin", "https://app.example")], false),
            (&[("origin", "http://app.example:3000")], false),
            (&[("origin", "app.example:3000")], false),
            (&[("origin", "null")], false),
            (&[], false),
        ] {
            assert_eq!(original("POST").is_own(&headers(pairs), true), own, "{pairs:?}");
        }
        assert!(original("POST").is_own(&headers(&[("origin", "http://app.example:3000")]), false));
        assert!(!original("POST").is_own(&headers(&[("origin", "ftp://app.example:3000")]), false));
    }

    #[test]
    fn what_is_not_known_to_only_read_may_change_something() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(original(method).only_reads(&HeaderMap::new()));
            for field in [("upgrade", "h2c"), ("sec-websocket-key", "x"), ("sec-websocket-version", "13")] {
                assert!(!original(method).only_reads(&headers(&[field])), "{method} {field:?}");
            }
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "BREW"] {
            assert!(!original(method).only_reads(&HeaderMap::new()), "{method}");
        }
    }

    #[test]
    fn a_method_that_is_missing_twice_or_contradicted_is_refused() {
        let (get, post) = (("x-forwarded-method", "GET"), ("x-forwarded-method", "POST"));
        let (also_get, also_post) = (("x-original-method", "GET"), ("x-original-method", "POST"));
        for unclear in
            [&[][..], &[get, post], &[get, get], &[get, also_post], &[post, also_get], &[("x-forwarded-method", "")]]
        {
            assert!(Original::told(&headers(unclear)).is_err(), "{unclear:?}");
        }
        for clear in [&[get][..], &[also_get], &[get, also_get]] {
            assert_eq!(Original::told(&headers(clear)).ok().unwrap().method, Method::GET);
        }
    }

    #[test]
    fn a_login_leads_back_only_to_its_own_origin() {
        let url = |text: &str| PublicUrl::try_from(text.to_owned()).unwrap();
        let path = |text| original("GET").path_at(&url(text)).map(|path| path.as_str().to_owned());
        assert_eq!(path("https://app.example:3000"), Some("/a?b".to_owned()));
        for other in ["https://app.example", "https://login.example", "https://app.example:3001"] {
            assert_eq!(path(other), None, "{other}");
        }
    }
}
