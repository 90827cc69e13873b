//! A readable device name from a `User-Agent`, for people who look at the list of their devices.

/// For example `Firefox on Linux`, `curl`, or `Unknown device`. Only a hint: the header is whatever the client says.
pub fn name(user_agent: &str) -> String {
    let find = |table: &[(&str, &'static str)]| {
        table.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    match (find(BROWSERS), find(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => system.to_owned(),
        (None, None) => program(user_agent).unwrap_or_else(|| "Unknown device".to_owned()),
    }
}

/// What of a `User-Agent` is worth keeping: the marks by which [`name`] knows it, such as `Firefox/Linux`. It has the same
/// name, is at most 40 bytes of ASCII, and tells nothing else of whoever sent it.
pub fn marks(user_agent: &str) -> String {
    let find = |table: &[(&'static str, &str)]| {
        table.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(mark, _)| *mark)
    };
    match (find(BROWSERS), find(SYSTEMS)) {
        (None, None) => program(user_agent).unwrap_or_default(),
        (browser, system) => [browser, system].into_iter().flatten().collect(),
    }
}

/// The product token that begins the header (RFC 9110 §10.1.5), if it is a plain word.
fn program(user_agent: &str) -> Option<String> {
    let product: String =
        user_agent.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect();
    (1..=40).contains(&product.len()).then_some(product)
}

// Order matters: most browsers also claim to be those that came before them.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Headless Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn devices_get_the_names_that_people_use() {
        for (user_agent, expected) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            ("curl/8.5.0", "curl"),
            ("python-requests/2.32", "python-requests"),
            ("", "Unknown device"),
            ("<script>", "Unknown device"),
        ] {
            assert_eq!(name(user_agent), expected);
            assert_eq!(name(&marks(user_agent)), expected);
        }
    }

    #[test]
    fn what_is_kept_of_each_browser_on_each_system_has_the_same_name() {
        for (browser, _) in BROWSERS.iter().chain(&[("", "")]) {
            for (system, _) in SYSTEMS.iter().chain(&[("", "")]) {
                for text in [format!("Mozilla/5.0 ({system}) {browser}140.0"), format!("{browser}140.0 {system}")] {
                    let kept = marks(&text);
                    assert_eq!((name(&kept), marks(&kept)), (name(&text), kept.clone()), "{text}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_of_a_user_agent_is_short_and_has_the_same_name(
            words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..6), noise in ".{0,60}"
        ) {
            for user_agent in [words.concat(), format!("{}{noise}", words.concat()), format!("{noise}{}", words.concat())] {
                let kept = marks(&user_agent);
                prop_assert_eq!(name(&kept), name(&user_agent));
                prop_assert!(kept.len() <= 40 && kept.is_ascii());
            }
        }
    }

    const WORDS: [&str; 12] = [
        "Edg/",
        "OPR/",
        "Firefox/",
        "HeadlessChrome/",
        "Chrome/",
        "Safari/",
        "iPhone",
        "Windows",
        "Mac OS X",
        "Linux",
        " ",
        "x",
    ];
}
