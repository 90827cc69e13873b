//! The same in small, as one of the tests: so that the measurement itself goes on working, and finds what it looks for.

use clap::Parser;

use crate::clock::MILLISECOND;
use crate::figures::Outcome;
use crate::options::Options;
use crate::run::run;

const NAME: &str = "what_was_ended_is_refused_everywhere_within_the_bound_also_where_the_feed_is_cut";

/// Understands what the test runner is asked: a part of a test's name, or the names of all.
pub async fn test(arguments: &[String]) {
    let mut named = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
    let is_wanted = named.peek().is_none() || named.any(|part| NAME.contains(part.as_str()));
    if arguments.iter().any(|argument| argument == "--list") {
        println!("{NAME}: test");
        return;
    }
    if is_wanted {
        connected().await;
        cut_off().await;
        println!("test {NAME} ... ok");
    }
    let (passed, filtered) = (usize::from(is_wanted), usize::from(!is_wanted));
    println!("\ntest result: ok. {passed} passed; 0 failed; 0 ignored; 0 measured; {filtered} filtered out");
}

async fn connected() {
    let outcome = small(&["--verifiers=4", "--processes=2", "--rate=40", "--seconds=2", "--bound=2000"]).await;
    let [group] = &outcome.groups[..] else { panic!("nothing was cut off") };
    assert_eq!(group.verifiers, 4);
    assert!(outcome.everything.per_entry() <= 32.0, "{} bytes", outcome.everything.per_entry());
    assert!(outcome.stream.bytes > 80 * 23, "the stream told of all: {} bytes", outcome.stream.bytes);
}

/// Who has just been kept from asking by a stall of the machine accepts nothing once it is cut off, which says nothing.
async fn cut_off() {
    for _ in 0..5 {
        if goes_on_for_a_while().await {
            return;
        }
    }
    panic!("who is cut off goes on for a while, and that is not seen here");
}

async fn goes_on_for_a_while() -> bool {
    let small = small(&["--verifiers=4", "--processes=2", "--rate=20", "--seconds=8", "--bound=2000", "--cut"]).await;
    let [near, far] = &small.groups[..] else { panic!("one of two is cut off") };
    assert_eq!((near.verifiers, far.verifiers), (2, 2));
    assert!(far.watched.stale > 0, "it knew that it knew too little");
    *far.accepted.iter().max().unwrap() > 300 * MILLISECOND
}

/// What holds of every run.
async fn small(arguments: &[&str]) -> Outcome {
    let options = Options::parse_from(["forgetting"].iter().chain(arguments));
    let outcome = run(&options).await;
    assert_eq!(outcome.lost, 0, "what was acknowledged is in the database");
    for group in &outcome.groups {
        assert_eq!((group.violations, group.watched.revived, group.watched.left), (0, 0, 0), "{}", group.name);
        assert!(group.refused.iter().all(|refused| *refused < i64::MAX), "every one of them refused it");
        assert!(group.watched.entries.iter().all(|entries| *entries == options.sessions()));
        assert!(group.watched.sessions.iter().any(|seen| seen.accepted.is_some()), "it was watched");
    }
    outcome
}
