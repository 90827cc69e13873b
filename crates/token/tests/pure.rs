//! That nothing in this crate can reach the outside: by what it is built from.

use std::process::Command;

#[test]
fn no_dependency_does_io() {
    let tree =
        ["tree", "--package", "watchword-token", "--edges", "normal", "--all-features", "--prefix", "none", "--locked"];
    let tree = Command::new(env!("CARGO"))
        .args(tree)
        .args(["--offline", "--target", "all", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("cargo writes UTF-8");
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"watchword-token") && names.contains(&"aws-lc-rs"), "not the list: {names:?}");
    let doing_io: Vec<_> = names.iter().filter(|name| IO.contains(name)).collect();
    assert!(doing_io.is_empty(), "{doing_io:?}");
}

/// Crates that any use of a network, a file, a thread pool or a clock would bring in.
const IO: [&str; 22] = [
    "async-io",
    "async-std",
    "axum",
    "chrono",
    "curl",
    "futures-core",
    "getrandom",
    "h2",
    "hyper",
    "jiff",
    "mio",
    "openssl",
    "quinn",
    "rand",
    "reqwest",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "time",
    "tokio",
    "ureq",
];
