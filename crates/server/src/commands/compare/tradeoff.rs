//! The well-known trade-off between sessions and tokens, with what was measured in its cells.

use super::figures::{Figures, Measured};
use super::logout::Logouts;
use super::ways::Way;

/// A row of the table.
pub struct Row {
    /// What it is about.
    pub subject: &'static str,
    /// The classic session: a cookie, and a read of the database for every request.
    pub session: String,
    /// The classic JWT: verified, and nothing more.
    pub jwt: String,
    /// Watchword: cookie or token, and the feed.
    pub ours: String,
}

/// The table.
pub fn rows(figures: &Figures) -> Vec<Row> {
    let [session, jwt] = [Way::CookieDatabase, Way::JwtAlone].map(|way| figures.of(way));
    let [cookie, token] = [Way::CookieFeed, Way::JwtFeed].map(|way| figures.of(way));
    let state = &figures.state;
    let price = |own| price(own, figures);
    let follower = figures.background.issuer_bytes_per_second / FOLLOWERS;
    let reads_of_ours = cookie.database_reads_per_request.max(token.database_reads_per_request);
    let row = |subject, session, jwt: &str, ours| Row { subject, session, jwt: jwt.to_owned(), ours };
    vec![
        row(
            "state on the server",
            format!("{} a login; {}", bytes(state.cookie_login), reads(session.database_reads_per_request)),
            &format!("none that a check needs; {}", reads(jwt.database_reads_per_request)),
            format!(
                "{} a login by cookie, {} with tokens; {}",
                bytes(state.cookie_login),
                bytes(state.token_login),
                reads(reads_of_ours)
            ),
        ),
        row(
            "checked without a call",
            format!("no; a check takes {} of processor time", price(session)),
            &format!("yes; {}", price(jwt)),
            format!("yes; {} (cookie) and {} (token)", price(cookie), price(token)),
        ),
        row(
            "scales over machines",
            format!(
                "with sticky sessions, or one database that answers {} reads/s for {} requests/s",
                count(session.database_reads_per_request * session.checks_per_second),
                count(session.checks_per_second)
            ),
            "yes: every machine needs only the keys",
            format!("yes: every machine needs the keys and the feed, {} a second when idle", bytes(follower)),
        ),
        row(
            "logout",
            format!("easy: holds after {}", held(session.logout.as_ref())),
            &format!("hard: {}", held(jwt.logout.as_ref())),
            format!(
                "easy: holds after {} (cookie) and {} (token); cut off from the issuer, after 5 s at most",
                held(cookie.logout.as_ref()),
                held(token.logout.as_ref())
            ),
        ),
        row("used by", "browsers".to_owned(), "APIs", "both, from one login".to_owned()),
    ]
}

/// What a way's check takes of the processors.
pub fn price(own: &Measured, figures: &Figures) -> String {
    let more = own.cpu_us_per_request - figures.of(Way::NoCheck).cpu_us_per_request;
    format!("{:.1} µs", more.max(0.0))
}

/// How soon logouts were heeded, in few words.
pub fn held(logouts: Option<&Logouts>) -> String {
    let Some(logouts) = logouts else { return "-".to_owned() };
    match (logouts.median_ms(), logouts.until_exp_seconds) {
        (_, Some(left)) => format!("accepted until exp, {left:.0} s later"),
        (Some(median), None) => millis(median),
        (None, None) => "-".to_owned(),
    }
}

/// A time, with the digits that matter.
pub fn millis(ms: f64) -> String {
    match ms {
        ms if ms >= 999.5 => format!("{:.1} s", ms / 1000.0),
        ms if ms >= 9.95 => format!("{ms:.0} ms"),
        ms if ms >= 0.995 => format!("{ms:.1} ms"),
        ms if ms < 0.005 => "0 ms".to_owned(),
        ms => format!("{ms:.2} ms"),
    }
}

/// A size.
pub fn bytes(count: f64) -> String {
    if count >= 9_999.5 { format!("{:.1} kB", count / 1000.0) } else { format!("{count:.0} B") }
}

/// A number with its thousands apart.
pub fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn reads(per_request: f64) -> String {
    if per_request < 0.005 {
        "no read for a request".to_owned()
    } else {
        format!("{per_request:.2} reads for each request")
    }
}

/// How many of the applications follow the feed.
const FOLLOWERS: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_with_the_digits_that_matter() {
        assert_eq!([0.0, 999.0, 1000.0, 41_203.4, 1e6].map(count), ["0", "999", "1,000", "41,203", "1,000,000"]);
        assert_eq!(
            [0.0, 0.123, 0.996, 1.26, 9.96, 999.6].map(millis),
            ["0 ms", "0.12 ms", "1.0 ms", "1.3 ms", "10 ms", "1.0 s"]
        );
        assert_eq!([612.4, 9_999.4, 12_345.0].map(bytes), ["612 B", "9999 B", "12.3 kB"]);
        assert_eq!([0.004, 1.0].map(reads), ["no read for a request", "1.00 reads for each request"]);
    }
}
