//! What is asked of a feed: the query of `GET /revocations`.

use std::time::Duration;

use super::{LONGEST_WAIT, Position};

/// A question that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// That of the last watermark. Without it, everything is answered.
    pub position: Option<Position>,
    /// For how long the answer may be held back while there is nothing to tell.
    pub wait: Duration,
    /// What the process that asks calls itself, for people.
    pub name: Option<String>,
}

impl Question {
    /// Reads a query. The error is for whoever wrote the program that asks.
    ///
    /// What it does not know, it leaves alone: a parameter can ask for less, but never make an answer prove more.
    ///
    /// ```
    /// use verifier::feed::Question;
    /// let question = Question::parse("position=1.r.7%3A0&wait=250&fresh=x").unwrap();
    /// assert_eq!(question.position.unwrap().as_str(), "1.r.7:0");
    /// assert_eq!(question.wait.as_millis(), 250);
    /// assert!(Question::parse("wait=soon").is_err());
    /// ```
    pub fn parse(query: &str) -> Result<Self, &'static str> {
        let (mut position, mut wait, mut name) = (None, None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = match key {
                "position" => &mut position,
                "wait" => &mut wait,
                "name" => &mut name,
                _ => continue,
            };
            let value = decoded(value).ok_or("the query is not readable.")?;
            if slot.replace(value).is_some() {
                return Err("a parameter is there twice.");
            }
        }
        let position = position.map(|text| Position::parse(&text).ok_or(POSITION)).transpose()?;
        let wait = wait.map_or(Ok(0), |text| text.parse::<u32>().map_err(|_| WAIT))?;
        let wait = Duration::from_millis(wait.into());
        if wait > LONGEST_WAIT {
            return Err(WAIT);
        }
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if name.as_ref().is_some_and(|name| !(1..=64).contains(&name.len()) || !name.bytes().all(is_ours)) {
            return Err("`name` is not made of 1 to 64 letters, digits and `-._`.");
        }
        Ok(Self { position, wait, name })
    }
}

/// A value without its escapes (RFC 3986 §2.1).
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

const POSITION: &str = "`position` is none: send that of the last watermark, or none at all.";
const WAIT: &str = "`wait` is not a number of milliseconds, 25000 at most.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_question_is_refused() {
        let long = format!("position={}", "a".repeat(Position::MAX_BYTES + 1));
        for bad in [
            "position=",
            "position=a%20b",
            "position=a&position=a",
            "wait=-1",
            "wait=25001",
            "wait=",
            "name=",
            "name=a%2Fb",
            "name=%",
            "name=%f",
            "name=%zz",
            "name=%ff",
            &long,
        ] {
            assert!(Question::parse(bad).is_err(), "{bad}");
        }
        let longest = format!("name={}&wait=25000&&new=%zz", "a".repeat(64));
        assert_eq!(Question::parse(&longest).unwrap().wait, LONGEST_WAIT);
        assert_eq!(Question::parse(""), Ok(Question { position: None, wait: Duration::ZERO, name: None }));
    }
}
