//! `token` is pure: it can be embedded wherever Rust runs, because it waits for nothing and asks nobody.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates that talk to the world, wait for it, or ask it what time it is. Any of them below `token` would break the promise.
const IO: [&str; 36] = [
    "async-io",
    "async-std",
    "chrono",
    "curl",
    "futures",
    "futures-core",
    "futures-util",
    "getrandom",
    "h2",
    "http",
    "hyper",
    "hyper-util",
    "jiff",
    "libc",
    "log",
    "mio",
    "native-tls",
    "nix",
    "openssl",
    "parking_lot",
    "polling",
    "quinn",
    "rand",
    "reqwest",
    "ring",
    "rusqlite",
    "rustix",
    "rustls",
    "smol",
    "socket2",
    "time",
    "tokio",
    "tracing",
    "ureq",
    "winapi",
    "windows-sys",
];

#[test]
fn nothing_below_this_crate_does_io() {
    let below = below();
    let io: Vec<&str> = IO.into_iter().filter(|name| below.contains(*name)).collect();
    assert!(io.is_empty(), "{io:?} must not become dependencies of watchword-token");
    assert!(below.contains("aws-lc-rs") && below.contains("serde_json"), "the list was not read: {below:?}");
}

#[test]
fn a_dependency_of_this_crate_is_added_on_purpose() {
    let direct = names(&["--depth", "1"]);
    let wanted =
        ["aws-lc-rs", "base64-simd", "memchr", "serde", "serde_json", "subtle", "thiserror", "uuid", "zeroize"];
    let wanted: BTreeSet<String> = wanted.into_iter().chain(["watchword-token"]).map(str::to_owned).collect();
    assert_eq!(direct, wanted);
}

#[test]
fn this_crate_itself_asks_for_no_io() {
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&file).expect("a source file is text");
        for module in ["env", "fs", "io", "net", "os", "process", "thread", "time"] {
            for used in [format!("std::{module}::"), format!("std::{module};"), format!("std::{{{module}")] {
                assert!(!text.contains(&used), "{} uses {used}", file.display());
            }
        }
        assert!(!text.contains("async fn") && !text.contains(".await"), "{} waits", file.display());
    }
}

/// Every crate that is compiled into a program because `token` is; not what only its tests and its compilation need.
fn below() -> BTreeSet<String> {
    names(&[])
}

fn names(more: &[&str]) -> BTreeSet<String> {
    let tree = ["tree", "--locked", "--package", "watchword-token", "--edges", "normal", "--prefix", "none"];
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(cargo);
    let output = cargo.args(tree).args(more).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo is there");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo writes text");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect();
    assert!(!files.is_empty(), "{} has no sources", folder.display());
    files
}
