//! Which credential a request shows. Where that is not clear, it shows none that counts.

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue};

use super::Rejection;

/// A credential that has not been checked.
#[derive(Debug, PartialEq)]
pub(crate) enum Presented<'a> {
    /// The token, and the header that carries it.
    Token(&'a str, &'a HeaderValue),
    /// The value of the session cookie.
    Cookie(&'a str),
}

/// The credential of a request. An `Authorization: Bearer` header decides alone: whoever sends one does not mean the
/// cookie, and must not be admitted by it when the token has expired.
pub(crate) fn presented<'a>(headers: &'a HeaderMap, cookie: Option<&str>) -> Result<Presented<'a>, Rejection> {
    let mut authorizations = headers.get_all(AUTHORIZATION).iter();
    if let Some(header) = authorizations.next() {
        if authorizations.next().is_some() {
            return Err(Rejection::Malformed("there are two Authorization headers"));
        }
        if let Some(token) = bearer(header)? {
            return Ok(Presented::Token(token, header));
        }
    }
    let Some(name) = cookie else { return Err(Rejection::Missing) };
    let mut values = cookies(headers).filter(|(own, _)| *own == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(Presented::Cookie(value)),
        (None, _) => Err(Rejection::Missing),
        // Which of two the user meant cannot be known; an attacker on a sibling domain may have set either.
        (Some(_), Some(_)) => Err(Rejection::Ended),
    }
}

/// The token of a Bearer header (RFC 6750 §2.1). Another scheme is none of ours: it may be meant for a proxy in front.
fn bearer(header: &HeaderValue) -> Result<Option<&str>, Rejection> {
    const MALFORMED: Rejection = Rejection::Malformed("the Authorization header is not of the form `Bearer <token>`");
    let is_ours = header.as_bytes().get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"));
    let Ok(text) = header.to_str() else { return if is_ours { Err(MALFORMED) } else { Ok(None) } };
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    match (scheme.eq_ignore_ascii_case("bearer"), token.is_empty() || token.contains(' ')) {
        (false, _) => Ok(None),
        (true, false) => Ok(Some(token)),
        (true, true) => Err(MALFORMED),
    }
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    // Split before it is read as text: a cookie in another encoding, perhaps another site's, must not hide ours.
    let pairs = headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(|pair| str::from_utf8(pair).ok()?.trim_matches(' ').split_once('='))
}

/// Whether this could be a session cookie's value, so that nothing else is sent on to the issuer.
pub(crate) fn is_cookie_value(value: &str) -> bool {
    (1..=128).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn shown(pairs: &[(&'static str, &str)]) -> Result<String, &'static str> {
        let headers = headers(pairs);
        match presented(&headers, Some("session")) {
            Ok(Presented::Token(token, _)) => Ok(format!("token {token}")),
            Ok(Presented::Cookie(value)) => Ok(format!("cookie {value}")),
            Err(rejection) => Err(rejection.code()),
        }
    }

    #[test]
    fn a_bearer_header_decides_alone() {
        assert_eq!(shown(&[("authorization", "Bearer a.b.c"), ("cookie", "session=x")]), Ok("token a.b.c".into()));
        assert_eq!(shown(&[("authorization", "bEARER a.b.c")]), Ok("token a.b.c".into()));
        for bad in ["Bearer", "Bearer ", "Bearer a b", "Bearer  a"] {
            assert_eq!(shown(&[("authorization", bad), ("cookie", "session=x")]), Err("invalid_request"), "{bad}");
        }
        let two = [("authorization", "Bearer a"), ("authorization", "Bearer a")];
        assert_eq!(shown(&two), Err("invalid_request"));
    }

    #[test]
    fn another_scheme_leaves_the_cookie_to_decide() {
        assert_eq!(shown(&[("authorization", "Basic eDp5"), ("cookie", "a=b; session=x")]), Ok("cookie x".into()));
        assert_eq!(shown(&[("authorization", "Basic eDp5")]), Err("missing"));
    }

    #[test]
    fn another_scheme_may_be_in_another_encoding() {
        for (header, expected) in
            [(b"Basic \xe9".as_slice(), "missing"), (b"Bearer \xe9".as_slice(), "invalid_request")]
        {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_bytes(header).unwrap())]);
            assert_eq!(presented(&headers, None).unwrap_err().code(), expected);
        }
    }

    #[test]
    fn of_two_session_cookies_neither_counts() {
        assert_eq!(shown(&[("cookie", "session=x; session=y")]), Err("ended"));
        assert_eq!(shown(&[("cookie", "session=x"), ("cookie", "session=x")]), Err("ended"));
        assert_eq!(shown(&[("cookie", "Session=x; sessions=y; __Host-session=z")]), Err("missing"));
    }

    #[test]
    fn without_a_cookies_name_no_cookie_counts() {
        assert_eq!(presented(&headers(&[("cookie", "session=x")]), None).unwrap_err().code(), "missing");
    }

    #[test]
    fn a_cookie_in_another_encoding_does_not_hide_ours() {
        let value = HeaderValue::from_bytes(b"name=Jos\xe9; session=x").unwrap();
        let headers = HeaderMap::from_iter([(COOKIE, value)]);
        assert_eq!(presented(&headers, Some("session")).unwrap(), Presented::Cookie("x"));
    }

    #[test]
    fn only_what_could_be_a_session_is_asked_about() {
        assert!(is_cookie_value("AZaz09-_"));
        for bad in ["", "a b", "a,b", "a\"", "a=b", &"a".repeat(129)] {
            assert!(!is_cookie_value(bad), "{bad}");
        }
    }
}
