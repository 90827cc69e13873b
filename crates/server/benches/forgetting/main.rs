//! How soon what was ended is refused everywhere: `cargo xtask bench forgetting`. Many verifiers in several processes check
//! tokens all the time, while sessions are ended one after the other. Without `--bench` a small test.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program for people at a terminal")]

mod clock;
#[path = "../server/connection.rs"]
mod connection;
mod ending;
mod figures;
mod group;
mod histogram;
mod loader;
mod options;
mod place;
mod report;
mod run;
mod sessions;
mod smoke;
mod svg;
mod traffic;
mod wire;
mod words;

use std::process::ExitCode;

use clap::Parser;

use options::Options;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == group::GROUP) {
        group::work();
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if arguments.iter().any(|argument| argument == "--bench") {
        runtime.block_on(measure(&Options::parse()))
    } else {
        runtime.block_on(smoke::test(&arguments));
        ExitCode::SUCCESS
    }
}

async fn measure(options: &Options) -> ExitCode {
    if let Some(refusal) = options.refusal() {
        println!("{refusal}");
        return ExitCode::FAILURE;
    }
    let outcome = run::run(options).await;
    if options.json {
        report::json(options, &outcome);
    } else {
        report::text(options, &outcome);
        println!("the histogram as a picture: {}", options.svg.display());
    }
    std::fs::write(&options.svg, report::svg(options, &outcome)).unwrap();
    let is_well =
        |group: &figures::Figures| group.violations == 0 && group.watched.revived == 0 && group.watched.left == 0;
    if outcome.lost == 0 && outcome.groups.iter().all(is_well) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
