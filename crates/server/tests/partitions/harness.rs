//! Runs every scenario as a process of its own, all at once, and says how they ended as `cargo test` does.

use std::process::{Command, ExitCode, Stdio};
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
    let playing: Vec<_> = names.iter().map(|name| (*name, thread::spawn(spawned(name, kind)))).collect();
    let (mut said, mut failed) = (Vec::new(), Vec::new());
    for (name, player) in playing {
        let (has_passed, output) = player.join().unwrap();
        println!("test {name} ... {}", if has_passed { "ok" } else { "FAILED" });
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

/// A scenario as a process: whether it passed, and all that it said.
fn spawned(name: &str, kind: Kind) -> impl FnOnce() -> (bool, String) + Send + 'static {
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
    move || {
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.success(), text)
    }
}

/// How a line begins that a scenario says for the summary.
pub const SAYS: &str = "partitions: ";
