//! Installs what the tests need: Debian packages, a target of the compiler, a Python environment, Node packages.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::place::{CHROMIUM, PythonTests, TYPESCRIPT, WASI_HEADERS, WASM, has_faketime, has_postgres, program, root};
use crate::test::Part;

/// Sets up what these parts need; what is there already is left alone.
pub(crate) fn run(parts: &[Part]) -> anyhow::Result<()> {
    debian_packages(parts)?;
    if parts.contains(&Part::Wasm) {
        wasm()?;
    }
    if parts.contains(&Part::Python) {
        python(PythonTests::CLIENTS)?;
        python(PythonTests::VERIFIER)?;
    }
    if parts.contains(&Part::Node) || parts.contains(&Part::Browser) {
        node("tests")?;
    }
    if parts.contains(&Part::Typescript) {
        node(TYPESCRIPT)?;
    }
    Ok(())
}

fn debian_packages(parts: &[Part]) -> anyhow::Result<()> {
    let (python, browser) = (parts.contains(&Part::Python), parts.contains(&Part::Browser));
    let wasm = parts.contains(&Part::Wasm);
    let packages = browser || parts.contains(&Part::Node) || parts.contains(&Part::Typescript);
    let node = packages || wasm;
    let needs = [
        (POSTGRES, parts.contains(&Part::Rust) && !has_postgres()),
        (FAKETIME, parts.contains(&Part::Rust) && !has_faketime()),
        ("valgrind", parts.contains(&Part::Rust) && program(&["valgrind"]).is_none()),
        ("haproxy", parts.contains(&Part::Rust) && program(&["haproxy"]).is_none()),
        ("iproute2", parts.contains(&Part::Rust) && program(&["ip"]).is_none()),
        ("nginx", parts.contains(&Part::Rust) && program(&["nginx"]).is_none()),
        ("caddy", parts.contains(&Part::Rust) && program(&["caddy"]).is_none()),
        ("systemd", parts.contains(&Part::Rust) && program(&["systemd-analyze"]).is_none()),
        ("python3-venv", python && !succeeds("python3", &["-c", "import venv, ensurepip"])),
        ("nodejs", node && program(&["node"]).is_none()),
        ("npm", packages && program(&["npm"]).is_none()),
        ("clang", wasm && program(&["clang"]).is_none()),
        ("wasi-libc", wasm && !Path::new(WASI_HEADERS).is_dir()),
        ("chromium", browser && program(&CHROMIUM).is_none()),
    ];
    let missing: Vec<&str> = needs.iter().filter(|(_, is_missing)| *is_missing).map(|(package, _)| *package).collect();
    if missing.is_empty() {
        println!("programs: nothing to install");
        return Ok(());
    }
    let list = missing.join(" ");
    if !succeeds("sh", &["-c", "test \"$(id -u)\" = 0"]) || program(&["apt-get"]).is_none() {
        bail!("these packages are missing; install them and run this again: {list}");
    }
    println!("programs: installing {list}");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        done(&mut command)
    };
    apt(&["update", "--quiet"])?;
    let install = ["install", "--yes", "--quiet", "--no-install-recommends"];
    if missing.contains(&POSTGRES) {
        apt(&[&install[..], &["postgresql-common"]].concat())?;
        without_main_cluster()?;
    }
    apt(&[&install[..], &missing[..]].concat())
}

/// The tests start servers of their own; one that runs all the time is not wanted. To be said before the installation.
fn without_main_cluster() -> anyhow::Result<()> {
    let file = Path::new("/etc/postgresql-common/createcluster.conf");
    let text = fs::read_to_string(file).unwrap_or_default();
    let kept = text.lines().filter(|line| !line.trim_start().starts_with("create_main_cluster"));
    let lines: Vec<&str> = kept.chain(["create_main_cluster = false", ""]).collect();
    fs::write(file, lines.join("\n")).with_context(|| format!("cannot write {}", file.display()))
}

/// Adds the target to the toolchain that builds this project.
fn wasm() -> anyhow::Result<()> {
    let print = ["--print", "target-libdir", "--target", WASM];
    let printed = Command::new("rustc").args(print).current_dir(root()).output();
    let folder = printed.map(|printed| String::from_utf8_lossy(&printed.stdout).trim().to_owned());
    if folder.is_ok_and(|folder| Path::new(&folder).is_dir()) {
        println!("target {WASM}: there already");
        return Ok(());
    }
    println!("target {WASM}: installing");
    done(Command::new("rustup").args(["target", "add", WASM]).current_dir(root()))
}

fn python(tests: PythonTests) -> anyhow::Result<()> {
    let (folder, environment) = (tests.folder(), tests.environment());
    let stamp = Stamp::new(&folder.join("requirements.txt"), &environment.join("installed.txt"))?;
    if stamp.is_current() && succeeds(environment.join("bin/pytest"), &["--version"]) {
        println!("Python packages of {}: as in requirements.txt already", folder.display());
        return Ok(());
    }
    println!("Python packages of {}: installing requirements.txt in {}", folder.display(), environment.display());
    done(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let install = ["install", "--quiet", "--disable-pip-version-check", "--no-input", "--requirement"];
    done(Command::new(environment.join("bin/pip")).args(install).arg(folder.join("requirements.txt")))?;
    stamp.set()
}

/// The packages that a folder locks.
fn node(folder: &str) -> anyhow::Result<()> {
    let is_new_enough = format!("process.exit(process.versions.node.split('.')[0] >= {NODE} ? 0 : 1)");
    if !succeeds("node", &["--eval", &is_new_enough]) {
        bail!("Node {NODE} or newer is needed, and `node` is older: see https://nodejs.org/en/download");
    }
    let place = root().join(folder);
    let modules = place.join("node_modules");
    let stamp = Stamp::new(&place.join("package-lock.json"), &modules.join("installed.json"))?;
    if stamp.is_current() {
        println!("Node packages: as in {folder}/package-lock.json already");
        return Ok(());
    }
    println!("Node packages: installing {folder}/package-lock.json");
    // The packages are used as they are: none of them needs to run a script to be installed.
    done(Command::new("npm").args(["ci", "--ignore-scripts"]).current_dir(&place))?;
    stamp.set()
}

/// Remembers which lock file was installed, by a copy of it.
struct Stamp {
    lock: String,
    file: std::path::PathBuf,
}

impl Stamp {
    fn new(lock: &Path, file: &Path) -> anyhow::Result<Self> {
        let lock = fs::read_to_string(lock).with_context(|| format!("cannot read {}", lock.display()))?;
        Ok(Self { lock, file: file.to_owned() })
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|installed| installed == self.lock)
    }

    fn set(&self) -> anyhow::Result<()> {
        fs::write(&self.file, &self.lock).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

fn succeeds(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

fn done(command: &mut Command) -> anyhow::Result<()> {
    let text = format!("{command:?}").replace('"', "");
    let status = command.status().with_context(|| format!("cannot start: {text}"))?;
    if !status.success() {
        bail!("this did not work ({status}): {text}");
    }
    Ok(())
}

/// Debian's package of the server.
const POSTGRES: &str = "postgresql";

/// Debian's package of the library that gives a process another clock.
const FAKETIME: &str = "libfaketime";

/// The oldest Node that the packages run on.
const NODE: u32 = 20;
