//! Login: whether somebody who typed a name and a password is let in.

use crate::Account;

/// How the typed password compares with the stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    /// It is the right one.
    Matches,
    /// It is the right one, but its hash was made with weaker parameters than are now configured.
    MatchesOutdated,
    /// It is wrong, or the account has no password, or there is no such account.
    Differs,
}

/// The outcome of a login attempt.
#[derive(Debug)]
pub enum Verdict {
    /// Let in.
    Admit {
        /// Who it is.
        account: Account,
        /// Whether the stored hash should be made anew with today's parameters.
        rehash: bool,
    },
    /// Turned away. Why is not for the client to know (OWASP ASVS 5.0 §6.3.8).
    Refuse,
}

/// Judges a login attempt. An unknown, disabled or passwordless account is refused like a wrong password.
pub fn judge(account: Option<Account>, password: PasswordCheck) -> Verdict {
    match (account, password) {
        (_, PasswordCheck::Differs) | (None, _) => Verdict::Refuse,
        (Some(account), _) if account.disabled_at.is_some() => Verdict::Refuse,
        (Some(account), check) => Verdict::Admit { account, rehash: check == PasswordCheck::MatchesOutdated },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnixMillis;
    use crate::session::tests::account;

    #[test]
    fn only_the_right_password_of_an_enabled_account_admits() {
        let disabled = || Account { disabled_at: Some(UnixMillis(1)), ..account() };
        for (account, check, admitted) in [
            (Some(account()), PasswordCheck::Matches, Some(false)),
            (Some(account()), PasswordCheck::MatchesOutdated, Some(true)),
            (Some(account()), PasswordCheck::Differs, None),
            (Some(disabled()), PasswordCheck::Matches, None),
            (None, PasswordCheck::Matches, None),
            (None, PasswordCheck::Differs, None),
        ] {
            let verdict = judge(account, check);
            let got = if let Verdict::Admit { rehash, .. } = verdict { Some(rehash) } else { None };
            assert_eq!(got, admitted);
        }
    }
}
