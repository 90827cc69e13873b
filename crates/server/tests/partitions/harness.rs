//! Runs every scenario as a process of its own, as many at a time as there are processors, and says how they ended as `cargo test`
//! does.

use std::num::NonZero;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use crate::network::Kind;
use crate::scenarios::SCENARIOS;

/// Plays one scenario in this process.
pub fn play(name: &str) -> ExitCode {
    let (_, scenario) = SCENARIOS.iter().find(|(own, _)| *own == name).unwrap();
    scenario();
    ExitCode::SUCCESS
}

/// Runs the scenarios whose names contain one of the arguments; all of them without any.
pub fn run(arguments: &[String]) -> ExitCode {
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let chosen = |name: &&str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let names: Vec<&str> = SCENARIOS.iter().map(|(name, _)| *name).filter(chosen).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for name in names {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let (kind, began) = (Kind::possible(), Instant::now());
    println!("\nrunning {} tests", names.len());
    let (mut said, mut failed) = (Vec::new(), Vec::new());
    for (name, (has_passed, output)) in all(&names, kind) {
        said.extend(output.lines().filter(|line| line.starts_with(SAYS)).map(str::to_owned));
        if !has_passed {
            failed.push(format!("---- {name} ----\n{output}"));
        }
    }
    for line in said {
        println!("{line}");
    }
    println!("partitions: {kind}, {:.0} s", began.elapsed().as_secs_f64());
    for output in &failed {
        println!("\n{output}");
    }
    let (verdict, passed) = (if failed.is_empty() { "ok" } else { "FAILED" }, names.len() - failed.len());
    println!(
        "\ntest result: {verdict}. {passed} passed; {} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        failed.len(),
        SCENARIOS.len() - names.len(),
        began.elapsed().as_secs_f64()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All of them in this order, each as soon as a processor is free for it.
fn all<'a>(names: &[&'a str], kind: Kind) -> Vec<(&'a str, (bool, String))> {
    let (next, ended) = (Mutex::new(names.iter()), Mutex::new(Vec::new()));
    let play = || {
        // Within the braces the lock is let go before the scenario is played.
        while let Some(name) = { next.lock().unwrap().next() } {
            let outcome = spawned(name, kind);
            println!("test {name} ... {}", if outcome.0 { "ok" } else { "FAILED" });
            ended.lock().unwrap().push((*name, outcome));
        }
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| (0..processors.min(names.len())).for_each(|_| drop(scope.spawn(play))));
    ended.into_inner().unwrap()
}

/// A scenario as a process: whether it passed, and all that it said.
fn spawned(name: &str, kind: Kind) -> (bool, String) {
    let own = std::env::current_exe().unwrap();
    let mut command = match kind {
        Kind::Namespaces => {
            let mut command = Command::new("unshare");
            command.args(["--net", "--mount", "--"]).arg(own);
            command
        }
        Kind::Wires => Command::new(own),
    };
    command.args(["--scenario", name]).env(Kind::VARIABLE, kind.name()).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), text)
}

/// How a line begins that a scenario says for the summary.
pub const SAYS: &str = "partitions: ";
