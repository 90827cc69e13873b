//! The two cookies: the session's, and the one that binds forms before there is a session.

use axum::http::{HeaderMap, HeaderValue, header};
use domain::{CookieHash, CookieSecret, SessionId};
use zeroize::Zeroizing;

use crate::config::PublicUrl;

/// The names and flags that cookies have at this installation's origin.
#[derive(Clone, Debug)]
pub struct CookieNames {
    session: &'static str,
    csrf: &'static str,
    flags: &'static str,
}

/// A session cookie that a request carries; whether it is worth anything is for the memory to say.
#[derive(Clone, Copy)]
pub struct SessionCookie {
    /// Which session it names.
    pub session_id: SessionId,
    /// Half of the hash of its secret.
    pub hash: CookieHash,
}

impl CookieNames {
    /// On https the names have the `__Host-` prefix (RFC 6265bis §4.1.3.2), which binds them to host, path and TLS.
    /// On plain http, which is only for loopback, browsers would refuse that.
    pub fn of(public_url: &PublicUrl) -> Self {
        if public_url.is_https() {
            Self { session: "__Host-session", csrf: "__Host-csrf", flags: "Path=/; Secure; HttpOnly; SameSite=Lax" }
        } else {
            Self { session: "session", csrf: "csrf", flags: "Path=/; HttpOnly; SameSite=Lax" }
        }
    }

    /// The name of the session cookie.
    pub fn session_name(&self) -> &'static str {
        self.session
    }

    /// `Set-Cookie` for a session that has just begun. It lasts until the browser closes or the server says so.
    pub fn set_session(&self, session_id: SessionId, secret: &CookieSecret) -> HeaderValue {
        let mut value = Zeroizing::new([0; 48]);
        value[..16].copy_from_slice(&session_id.0);
        value[16..].copy_from_slice(&secret.0);
        self.set(self.session, &token::base64url::encode(*value), "")
    }

    /// `Set-Cookie` that removes the session cookie.
    pub fn clear_session(&self) -> HeaderValue {
        self.set(self.session, "", "; Max-Age=0")
    }

    /// `Set-Cookie` for the anonymous CSRF cookie.
    pub fn set_csrf(&self, nonce: &[u8; 16]) -> HeaderValue {
        self.set(self.csrf, &token::base64url::encode(nonce), "")
    }

    fn set(&self, name: &str, value: &str, more: &str) -> HeaderValue {
        let mut header: HeaderValue = format!("{name}={value}; {}{more}", self.flags)
            .try_into()
            .expect("names, base64url and flags are visible ASCII");
        header.set_sensitive(true);
        header
    }

    /// The session cookie of a request: none if there is none, if it is malformed, or if there are two. Which of two
    /// the user meant cannot be known, and an attacker on a sibling domain may have set either.
    pub fn session(&self, headers: &HeaderMap) -> Option<SessionCookie> {
        let bytes: [u8; 48] = only(headers, self.session)?;
        let (session_id, secret) = bytes.split_at(16);
        let secret = CookieSecret(secret.try_into().expect("48 less 16 bytes"));
        Some(SessionCookie { session_id: SessionId(session_id.try_into().expect("16 bytes")), hash: secret.hash() })
    }

    /// Whether the request carries something under the session cookie's name, valid or not.
    pub fn has_session(&self, headers: &HeaderMap) -> bool {
        pairs(headers).any(|(name, _)| name == self.session)
    }

    /// Whether the request carries two cookies under the session cookie's name.
    pub fn is_ambiguous(&self, headers: &HeaderMap) -> bool {
        pairs(headers).filter(|(name, _)| *name == self.session).count() > 1
    }

    /// The anonymous CSRF cookie of a request.
    pub fn csrf(&self, headers: &HeaderMap) -> Option<[u8; 16]> {
        only(headers, self.csrf)
    }
}

fn only<const N: usize>(headers: &HeaderMap, wanted: &str) -> Option<[u8; N]> {
    let mut found = pairs(headers).filter(|(name, _)| *name == wanted);
    let (_, value) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    token::base64url::decode_array(value).ok()
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    // Split before it is read as text: a cookie in another encoding, perhaps another site's, must not hide ours.
    let pairs = headers.get_all(header::COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(|pair| std::str::from_utf8(pair).ok()?.trim_matches(' ').split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(cookie: &[&str]) -> HeaderMap {
        cookie.iter().map(|value| (header::COOKIE, HeaderValue::from_str(value).unwrap())).collect()
    }

    fn names() -> CookieNames {
        CookieNames::of(&PublicUrl::try_from("https://login.example.org".to_owned()).unwrap())
    }

    #[test]
    fn the_session_cookie_is_bound_to_host_path_and_tls() {
        let set = names().set_session(SessionId([1; 16]), &CookieSecret([2; 32]));
        let (pair, flags) = set.to_str().unwrap().split_once("; ").unwrap();
        assert!(pair.starts_with("__Host-session=") && pair.len() < 4096);
        assert_eq!(flags, "Path=/; Secure; HttpOnly; SameSite=Lax");
        let read = names().session(&headers(&["theme=dark", &format!("a=b; {pair}")])).unwrap();
        assert_eq!(read.session_id, SessionId([1; 16]));
        assert!(read.hash.matches(&CookieSecret([2; 32]).hash()));
    }

    #[test]
    fn two_session_cookies_are_refused_and_never_mixed() {
        let set = names().set_session(SessionId([1; 16]), &CookieSecret([2; 32]));
        let pair = set.to_str().unwrap().split("; ").next().unwrap();
        let other = "__Host-session=junk";
        for cookies in [vec![pair, other], vec![other, pair], vec![pair, pair]] {
            assert!(names().session(&headers(&cookies)).is_none());
            assert!(names().session(&headers(&[&cookies.join("; ")])).is_none());
        }
    }

    proptest! {
        #[test]
        fn a_session_cookie_is_found_among_any_others(before in OTHERS, after in OTHERS, id: [u8; 16], secret: [u8; 32]) {
            let set = names().set_session(SessionId(id), &CookieSecret(secret));
            let pair = set.to_str().unwrap().split("; ").next().unwrap();
            let read = names().session(&headers(&[&before, &format!("{after}; {pair}; {before}")])).unwrap();
            prop_assert_eq!(read.session_id, SessionId(id));
            prop_assert!(read.hash.matches(&CookieSecret(secret).hash()));
            prop_assert!(names().session(&headers(&[&before, &after])).is_none());
        }

        #[test]
        fn no_bytes_of_a_cookie_header_stop_the_reading(bytes in prop::collection::vec(any::<u8>(), 0..99)) {
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let headers = HeaderMap::from_iter([(header::COOKIE, value)]);
            prop_assert!(names().session(&headers).is_none() && names().csrf(&headers).is_none());
        }
    }

    const OTHERS: &str = "([a-z]{0,3}[=;, ]{0,2}[!-:<-~]{0,9};? ?){0,4}";

    #[test]
    fn a_cookie_in_another_encoding_does_not_hide_ours() {
        let set = names().set_session(SessionId([1; 16]), &CookieSecret([2; 32]));
        let pair = set.to_str().unwrap().split("; ").next().unwrap();
        let bytes = [b"name=Jos\xe9; ", pair.as_bytes()].concat();
        let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_bytes(&bytes).unwrap())]);
        assert!(names().session(&headers).is_some());
    }

    #[test]
    fn a_malformed_cookie_is_no_cookie() {
        for value in ["", "__Host-session", "__Host-session=", "__Host-session=AAAA", "__host-session=x", "=;;="] {
            assert!(names().session(&headers(&[value])).is_none());
        }
    }
}
