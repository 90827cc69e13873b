//! Which passwords may be chosen (NIST SP 800-63B-4 §3.1.1.2): long enough, and not among the first that are guessed.

use crate::{Email, Username};

/// Fewest code points when the password is the only factor.
pub const SHORTEST: usize = 15;

/// Most bytes of a password, checked before it is hashed.
pub const LONGEST_BYTES: usize = 1024;

/// Fewer guesses than this and an attacker with the stolen hash needs hours, not years.
const FEWEST_GUESSES: u64 = 100_000_000;

/// Why a password was not accepted. The message says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Below [`SHORTEST`].
    #[error("Use at least 15 characters. A few unrelated words with spaces between them work well.")]
    TooShort,
    /// Above [`LONGEST_BYTES`].
    #[error("Use at most 1024 bytes.")]
    TooLong,
    /// Mostly the user's own name or address, or the name of this product.
    #[error("This is too close to your name, your address or the name of this service.")]
    Context,
    /// Among the first guesses of somebody who knows which passwords people choose.
    #[error("This is one of the first passwords an attacker would try. Choose something less common.")]
    Common,
}

/// Whether a password is long enough and not too long, which is found at once.
pub fn measure(password: &str) -> Result<(), Weakness> {
    if password.len() > LONGEST_BYTES {
        return Err(Weakness::TooLong);
    }
    if password.chars().count() < SHORTEST { Err(Weakness::TooShort) } else { Ok(()) }
}

/// Judges a password that `username` is about to choose. It is taken exactly as typed: nothing is trimmed.
pub fn judge(password: &str, username: &Username, email: Option<&Email>) -> Result<(), Weakness> {
    measure(password)?;
    let context = context_words(username, email);
    if is_mostly(password, &context) {
        return Err(Weakness::Context);
    }
    let words: Vec<&str> = context.iter().map(String::as_str).collect();
    let guesses = zxcvbn::zxcvbn(password, &words).guesses();
    if guesses < FEWEST_GUESSES { Err(Weakness::Common) } else { Ok(()) }
}

fn context_words(username: &Username, email: Option<&Email>) -> Vec<String> {
    let mut words = vec!["watchword".to_owned(), username.as_str().to_owned()];
    if let Some(email) = email {
        words.push(email.as_str().to_owned());
        words.extend(email.as_str().split(['@', '.']).map(str::to_owned));
    }
    words.retain(|word| word.len() >= 3);
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

/// Whether fewer than eight letters or digits remain once the context words are taken out.
fn is_mostly(password: &str, context: &[String]) -> bool {
    let mut rest = password.to_lowercase();
    let mut found = false;
    for word in context {
        found |= rest.contains(word.as_str());
        rest = rest.replace(word.as_str(), "");
    }
    found && rest.chars().filter(|c| c.is_alphanumeric()).count() < 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(password: &str) -> Result<(), Weakness> {
        let email = "kavya.rao@example.org".parse().unwrap();
        judge(password, &"kavya".parse().unwrap(), Some(&email))
    }

    #[test]
    fn length_is_counted_in_code_points_and_nothing_else_is_demanded() {
        assert_eq!(judged("tjvqzkwmxrhbnp"), Err(Weakness::TooShort));
        assert_eq!(judged("🦀🐙🦊🐝🦉🐳🦄"), Err(Weakness::TooShort));
        for accepted in
            ["tjvqzkwmxrhbnpd", "  six quiet otters  ", "🦀🐙🦊🐝🦉🐳🦄🐢🦋🐬🦖🐌🦔🐍🦩", &"veldt osprey ".repeat(8)]
        {
            assert_eq!(judged(accepted), Ok(()), "{accepted}");
        }
    }

    #[test]
    fn the_first_guesses_are_refused() {
        for common in [
            "passwordpassword",
            "aaaaaaaaaaaaaaaaaa",
            "123456789012345",
            "qwertyuiopasdfgh",
            "1q2w3e4r5t6y7u8i",
            "abcdefghijklmnop",
            "Password12345678",
            "iloveyouiloveyou",
            "111111111111111",
        ] {
            assert_eq!(judged(common), Err(Weakness::Common), "{common}");
        }
    }

    #[test]
    fn the_users_own_name_and_the_products_are_refused() {
        for own in
            ["kavya.rao@example.org", "kavyakavyakavya", "watchword-kavya1", "Watchword2026!!", "example.org-rao"]
        {
            assert_eq!(judged(own), Err(Weakness::Context), "{own}");
        }
    }

    #[test]
    fn a_password_beyond_the_longest_is_refused_before_any_work() {
        assert_eq!(judged(&"tj vq".repeat(300)), Err(Weakness::TooLong));
    }
}
