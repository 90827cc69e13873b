//! `cargo xtask test`: every test, on a fresh machine too.

use std::process::Command;

use clap::ValueEnum;

use crate::counted::{self, Runner};
use crate::place::{CHROMIUM, PythonTests, TYPESCRIPT, WASI_HEADERS, WASM, cargo, program, root, server_binary};
use crate::setup;
use crate::steps::{Outcome, Ran, Step};

#[derive(clap::Args, Default)]
pub(crate) struct Test {
    /// Run only these tests; may be given several times
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// `cargo test`: units, documentation examples, and the server over HTTP, on `SQLite`, on `PostgreSQL`, and on two nodes
    Rust,
    /// The token crate as WebAssembly
    Wasm,
    /// Flask and `PyJWT` programs that trust our tokens, and the verifier for Python
    Python,
    /// A Node program that trusts our tokens
    Node,
    /// The npm package that verifies them
    Typescript,
    /// A person with Chromium
    Browser,
}

impl Test {
    /// The steps of the parts that were asked for.
    pub(crate) fn steps(self) -> Vec<Step> {
        let parts = if self.only.is_empty() { Part::value_variants().to_vec() } else { self.only };
        let has = |part| parts.contains(&part);
        let (rust, wasm, python) = (has(Part::Rust), has(Part::Wasm), has(Part::Python));
        let (node, browser) = (has(Part::Node), has(Part::Browser));
        let typescript = has(Part::Typescript);
        let mut steps = Vec::new();
        steps.push(Step::new("set-up", move || setup::run(&parts).into()));
        if rust {
            steps.push(Step::new("rust tests", rust_tests));
            steps.push(Step::new("on postgresql", || postgres_tests("1")));
            steps.push(Step::new("on two nodes", || postgres_tests("2")));
        }
        if wasm {
            steps.push(Step::new("webassembly", wasm_tests));
        }
        // The Rust tests have built it already, with the features that all crates want together.
        if !rust && (python || node || typescript || browser) {
            steps.push(Step::new("build", || passes(cargo(&["build", "--package", "watchword"]))));
        }
        if python {
            steps.push(Step::new("python tests", || python_tests(PythonTests::CLIENTS)));
            steps.push(Step::new("python verifier", || python_tests(PythonTests::VERIFIER)));
        }
        if node {
            steps.push(Step::new("node tests", || node_tests("tests/clients/node")));
        }
        if typescript {
            steps.push(Step::new("typescript", || passes(npm(&["run", "build"]))));
            steps.push(Step::new("typescript types", || passes(npm(&["run", "check"]))));
            steps.push(Step::new("typescript tests", || node_tests("clients/typescript/test")));
        }
        if browser {
            steps.push(Step::new("browser tests", || node_tests("tests/browser")));
        }
        steps
    }
}

/// Passes if the command does.
pub(crate) fn passes(mut command: Command) -> Ran {
    let ended = command.status().map_err(anyhow::Error::from);
    let result = ended.and_then(|status| {
        anyhow::ensure!(status.success(), "{status}; see above");
        Ok(())
    });
    result.into()
}

fn rust_tests() -> Ran {
    let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
    tests.env_remove("WATCHWORD_TEST_DATABASE").env_remove("WATCHWORD_TEST_NODES");
    counted::run(tests, Runner::Cargo)
}

/// The server over HTTP once more, with its data on PostgreSQL, and each request answered by another of so many nodes. The
/// store's own tests run on both engines by themselves. All other crates are named so that nothing is compiled again for want of
/// their features.
fn postgres_tests(nodes: &str) -> Ran {
    let mut tests = cargo(&["test", "--workspace", "--exclude", "watchword-store", "--test", "it", "--no-fail-fast"]);
    tests.env("WATCHWORD_TEST_DATABASE", "postgres").env("WATCHWORD_TEST_NODES", nodes);
    counted::run(tests, Runner::Cargo)
}

/// Those tests of `token` that need no new keys: the cryptographic library, which is not optimized here, takes long to make one.
fn wasm_tests() -> Ran {
    let mut tests = cargo(&["test", "--package", "watchword-token", "--target", WASM, "--no-fail-fast"]);
    tests.args(["--test", "rfc", "--test", "wycheproof", "--test", "fuzz_corpus"]);
    tests.env("CARGO_TARGET_WASM32_WASIP1_RUNNER", "node --no-warnings tests/wasi.mjs");
    // The library's C needs a libc; it asks for threads, which this target has not.
    tests.env("CFLAGS_wasm32_wasip1", format!("-isystem {WASI_HEADERS} -no-pthread"));
    counted::run(tests, Runner::Cargo)
}

fn python_tests(tests: PythonTests) -> Ran {
    let mut pytest = Command::new(tests.environment().join("bin/pytest"));
    pytest.current_dir(tests.folder()).env("SERVER_BINARY", server_binary());
    counted::run(pytest, Runner::Pytest)
}

/// A script of the npm package.
fn npm(arguments: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(arguments).current_dir(root().join(TYPESCRIPT));
    npm
}

/// Runs the test files of a folder, each in a process of its own.
fn node_tests(folder: &str) -> Ran {
    let files = std::fs::read_dir(root().join(folder)).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    files.sort();
    if files.is_empty() {
        return Ran { tests: counted::Counts::default(), outcome: Outcome::Failed(format!("{folder} has no tests")) };
    }
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"]).args(files).current_dir(root()).env("SERVER_BINARY", server_binary());
    if let Some(chromium) = program(&CHROMIUM) {
        node.env("CHROMIUM", chromium);
    }
    counted::run(node, Runner::Node)
}
