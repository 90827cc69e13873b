//! Where a request with a cookie came from: browsers send cookies along whoever made the request, and say who it was.

use http::header::{HOST, ORIGIN, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use super::Rejection;

/// Refuses a request that may change something, or opens a WebSocket, unless the browser says that it comes from the
/// application's own pages, as [`is_by_own_page`] has it, or from an origin that is allowed by name.
pub(crate) fn refuse_cross_site(request: &Parts, allowed: &[String], is_https: bool) -> Result<(), Rejection> {
    let is_safe = matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if is_safe && !request.headers.contains_key(UPGRADE) {
        return Ok(());
    }
    let text = |value: Option<&HeaderValue>| value.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let origin = text(request.headers.get(ORIGIN));
    if origin.as_ref().is_some_and(|origin| allowed.contains(origin)) {
        return Ok(());
    }
    let host = text(request.headers.get(HOST)).or_else(|| request.uri.authority().map(ToString::to_string));
    if is_by_own_page(&request.headers, host.as_deref(), is_https) { Ok(()) } else { Err(Rejection::CrossSite) }
}

/// Whether the browser says that a page of the very origin it was sent to, at this `host`, made a request (Fetch Metadata;
/// RFC 6454). Where the session is on https, pages on plain http are nobody's own.
///
/// ```
/// use http::HeaderMap;
/// let mut headers = HeaderMap::new();
/// headers.insert("origin", "https://shop.example".parse().unwrap());
/// assert!(verifier::is_by_own_page(&headers, Some("shop.example"), true));
/// headers.insert("sec-fetch-site", "same-site".parse().unwrap());
/// assert!(!verifier::is_by_own_page(&headers, Some("shop.example"), true));
/// ```
pub fn is_by_own_page(headers: &HeaderMap, host: Option<&str>, is_https: bool) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    // A browser from before 2023, or one that reached the site by plain http.
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let (Some((scheme, authority)), Some(host)) = (origin.and_then(|text| text.split_once("://")), host) else {
        return false;
    };
    (scheme == "https" || (scheme == "http" && !is_https)) && host.eq_ignore_ascii_case(authority)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn passes(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri("/x").header("host", "app.example:3000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        refuse_cross_site(&parts, &["https://www.example".to_owned()], true).is_ok()
    }

    #[test]
    fn only_own_pages_may_change_something() {
        assert!(passes("POST", &[("sec-fetch-site", "same-origin")]));
        assert!(passes("POST", &[("origin", "https://app.example:3000")]));
        assert!(passes("POST", &[("sec-fetch-site", "cross-site"), ("origin", "https://www.example")]));
        for (site, origin) in [
            (Some("cross-site"), Some("https://app.example:3000")),
            (Some("same-site"), Some("https://app.example:3000")),
            (Some("none"), None),
            (Some(""), None),
            (None, Some("https://evil.example")),
            (None, Some("https://app.example")),
            (None, Some("http://app.example:3000")),
            (None, Some("app.example:3000")),
            (None, Some("null")),
            (None, None),
        ] {
            let headers: Vec<_> =
                [("sec-fetch-site", site), ("origin", origin)].into_iter().filter_map(|(n, v)| Some((n, v?))).collect();
            for method in ["POST", "PUT", "PATCH", "DELETE", "BREW"] {
                assert!(!passes(method, &headers), "{method} {headers:?}");
            }
        }
    }

    #[test]
    fn an_own_page_is_of_the_same_host_whatever_its_case_and_of_a_scheme_that_the_session_may_be_on() {
        let own = |origin: &'static str, host, is_https| {
            let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
            is_by_own_page(&headers, host, is_https)
        };
        let host = Some("App.Example:3000");
        assert!(own("https://app.example:3000", host, true) && own("https://app.example:3000", host, false));
        assert!(own("http://app.example:3000", host, false) && !own("http://app.example:3000", host, true));
        for origin in ["ftp://app.example:3000", "HTTP://app.example:3000", "://app.example:3000", "http://app.example"]
        {
            assert!(!own(origin, host, false), "{origin}");
        }
        assert!(!own("http://app.example:3000", None, false), "nobody says which host it was sent to");
    }

    #[test]
    fn reading_is_open_but_a_websocket_is_not() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(passes(method, &[("sec-fetch-site", "cross-site")]));
        }
        let hijack = [("upgrade", "websocket"), ("sec-fetch-site", "cross-site")];
        assert!(!passes("GET", &hijack));
        assert!(passes("GET", &[("upgrade", "websocket"), ("sec-fetch-site", "same-origin")]));
    }
}
