//! The comparison: what it says of each way is so by the nature of the way, whatever machine it runs on.

use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::support::{Place, Ran, SOON};

/// As quick as it can be.
const QUICK: [&str; 7] = ["compare", "--seconds", "0.3", "--connections", "2", "--logouts", "2"];

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("not a number: {value}"))
}

/// Of so many requests that what goes on beside is small against them: on a slow machine that takes longer.
fn figures(place: &Place) -> Value {
    for seconds in [0.3, 2.0, 12.0] {
        let longer = ["--seconds".to_owned(), seconds.to_string()];
        let rest = ["--json", "--html", "report.html"].map(str::to_owned);
        let args = [
            &["compare".to_owned()][..],
            &longer,
            &QUICK[3..].iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>(),
            &rest,
        ];
        let args = args.concat();
        let figures = place.json(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let requests = |way: &Value| number(&way["checks_per_second"]) * seconds;
        if figures["ways"].as_array().unwrap().iter().all(|way| requests(way) > 100.0) {
            return figures;
        }
    }
    panic!("not a hundred requests in twelve seconds");
}

#[test]
fn every_way_reads_asks_and_forgets_as_it_must() {
    let place = Place::new();
    let figures = figures(&place);
    let of = |name: &str| figures["ways"].as_array().unwrap().iter().find(|way| way["way"] == name).unwrap();
    let reads = |name: &str| number(&of(name)["database_reads_per_request"]);
    let calls = |name: &str| number(&of(name)["issuer_calls_per_request"]);
    let internal = |name: &str| number(&of(name)["internal_bytes_per_request"]);

    // A read or a call is there for every request or for none; what goes on beside is small against either.
    assert!((0.9..1.1).contains(&reads("cookie_database")), "{figures:#}");
    assert!((0.9..1.1).contains(&reads("jwt_introspection")) && (0.9..1.1).contains(&calls("jwt_introspection")));
    assert!(internal("jwt_introspection") > 200.0, "{figures:#}");
    for from_memory in ["no_check", "cookie_feed", "jwt_alone", "jwt_feed"] {
        assert!(reads(from_memory) < 0.1 && calls(from_memory) < 0.1, "{from_memory}: {figures:#}");
    }
    assert!(calls("cookie_database") < 0.1, "{figures:#}");

    for heeds in ["cookie_database", "cookie_feed", "jwt_feed", "jwt_introspection"] {
        let logout = &of(heeds)["logout"];
        assert_eq!(
            (&logout["unheeded"], &logout["until_exp_seconds"]),
            (&0.into(), &Value::Null),
            "{heeds}: {figures:#}"
        );
        assert_eq!(logout["refused_after_ms"].as_array().unwrap().len(), 2, "{heeds}: {figures:#}");
    }
    let alone = &of("jwt_alone")["logout"];
    assert_eq!(alone["unheeded"], 2, "{figures:#}");
    assert!(number(&alone["accepted_afterwards"]) >= 2.0 && number(&alone["until_exp_seconds"]) > 500.0, "{figures:#}");

    for way in figures["ways"].as_array().unwrap() {
        let rounds = way["checks_per_second_by_round"].as_array().unwrap().len();
        assert!(rounds >= 3 && figures["rounds"] == rounds, "{way:#}");
        for figure in ["checks_per_second", "of_floor", "p50_ms", "p99_ms", "cpu_us_per_request", "bytes_per_request"] {
            assert!(number(&way[figure]) > 0.0, "{figure}: {way:#}");
        }
        assert!(number(&way["p50_ms"]) <= number(&way["p99_ms"]), "{way:#}");
    }
    let state = &figures["state"];
    for kept in ["cookie_login", "token_login", "logout"] {
        assert!((30.0..5_000.0).contains(&number(&state[kept])), "{kept}: {state}");
    }

    assert_eq!(place.files(), ["report.html"], "nothing else stays");
    let html = std::fs::read_to_string(place.path("report.html")).unwrap();
    assert_eq!(html.matches("<svg").count(), 5);
    for element in ["html", "main", "section", "figure", "svg", "table", "tr", "td", "text", "style", "dl", "li"] {
        let opened = html.matches(&format!("<{element}>")).count() + html.matches(&format!("<{element} ")).count();
        assert_eq!(opened, html.matches(&format!("</{element}>")).count(), "<{element}>");
    }
    for elsewhere in ["<script", "<link rel=\"stylesheet\"", "src=", "url(", "@import", "http://", "https://"] {
        assert!(!html.contains(elsewhere), "{elsewhere}");
    }
    for wrong in ["NaN", "inf ", "{{", "{%"] {
        assert!(!html.contains(wrong), "{wrong}");
    }
}

#[test]
fn the_report_for_people_fits_a_terminal() {
    let ran = Place::new().run(&QUICK);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    for line in ran.out.lines() {
        assert!(line.chars().count() <= 120, "{line}");
    }
    for said in [
        "cookie, database read",
        "JWT + introspection",
        "classic session",
        "used by",
        "accepted until exp",
        "How to read it",
    ] {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
}

#[test]
fn a_comparison_that_is_interrupted_leaves_nothing() {
    let place = Place::new();
    let mut command = place.command(&["compare", "--seconds", "60", "--html", "report.html"]);
    command.stdout(Stdio::null());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let (began, has_begun) =
        (Instant::now(), || place.files().iter().any(|name| name.starts_with("watchword-compare-")));
    while !has_begun() {
        assert!(began.elapsed() < SOON, "it never began");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(place.files().is_empty(), "{:?}", place.files());
}

#[test]
fn a_comparison_touches_no_installation_of_others() {
    let place = Place::new();
    let refused = |args: &[&str], about: &str| {
        let ran: Ran = place.run(&[&["compare"], args].concat());
        assert!(ran.complaint().contains(about), "{ran:?}");
    };
    refused(&["--database", "sqlite:mine.db"], "--database");
    refused(&["--listen", "127.0.0.1:0"], "--listen");
    refused(&["--html", "nowhere/report.html"], "--html");
    assert_eq!(place.run(&["compare", "--seconds", "0"]).code, Some(2));
    assert!(place.files().is_empty(), "{:?}", place.files());
}
