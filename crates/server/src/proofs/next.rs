//! Where to go after a login: a path on this very origin, or the default.

use serde::{Deserialize, Deserializer};

/// A path with optional query that no browser takes for another origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPath(String);

impl LocalPath {
    /// Parses a path; `None` for anything that could lead elsewhere, now or after a proxy has decoded it again.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 2048 || !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
            return None;
        }
        // Behind the path, in query and fragment, nothing can name another origin.
        let mut path = text.split(['?', '#']).next()?.to_owned();
        for _ in 0..3 {
            if !is_local(&path) {
                return None;
            }
            let decoded = percent_decoded(&path)?;
            if decoded == path {
                return Some(Self(text.to_owned()));
            }
            path = decoded;
        }
        None
    }

    /// The path as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_local(path: &str) -> bool {
    path.starts_with('/') && !path.contains("//") && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let hex = std::str::from_utf8(after.get(..2)?).ok()?;
            out.push(u8::from_str_radix(hex, 16).ok().filter(|_| !hex.starts_with('+'))?);
            rest = &after[2..];
        } else {
            out.push(first);
            rest = after;
        }
    }
    String::from_utf8(out).ok()
}

impl LocalPath {
    /// For `#[serde(deserialize_with)]`: a value that leads elsewhere reads as none, and the default page follows.
    pub fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.and_then(|text| Self::parse(&text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_paths_on_this_origin_are_followed() {
        for good in [
            "/",
            "/dashboard",
            "/account/sessions?page=2&x=a%20b",
            "/a?to=https%3A%2F%2Fx.example%2F&n=caf%C3%A9",
            "/a/b#c",
        ] {
            assert_eq!(LocalPath::parse(good).as_ref().map(LocalPath::as_str), Some(good));
        }
        for evil in [
            "",
            "//e",
            "/\\e",
            "/%09/e",
            "/%5ce",
            "https:e",
            "///e",
            "http://ok@e",
            "/a\r\nb",
            "javascript:alert(1)",
            "/%2fe",
            "/%252fe",
            "/%25252fe",
            "e",
            "/%0d%0aSet-Cookie:x",
            "/%",
            "/%zz",
            "/%ff",
            "/\u{2028}e",
            "/ e",
        ] {
            assert_eq!(LocalPath::parse(evil), None, "{evil:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_followed_stays_here_however_often_it_is_decoded(text in "[/\\\\]{0,2}([a-z.:@?#&=]|%[0-9a-f]{2}|%25[0-9a-f]{2}|.){0,9}") {
            let Some(path) = LocalPath::parse(&text) else { return Ok(()) };
            prop_assert_eq!(path.as_str(), &text);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'), "{:?}", text);
            let mut seen = text.split(['?', '#']).next().unwrap().to_owned();
            for _ in 0..9 {
                prop_assert!(seen.starts_with('/') && !seen.starts_with("//"), "{:?}", seen);
                prop_assert!(!seen.contains(['\\', '\r', '\n', '\t', '\0', ' ']), "{:?}", seen);
                seen = percent_decoded(&seen).unwrap();
            }
        }
    }
}
