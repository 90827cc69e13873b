//! Where things are: folders of the project, programs on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The project's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the project")
}

/// The server as cargo builds it: in the same folder as this program.
pub(crate) fn server_binary() -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a file");
    own.with_file_name(format!("watchword{}", std::env::consts::EXE_SUFFIX))
}

/// The cargo that started this program.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(root());
    cargo
}

/// The first of these programs that is on `PATH`.
pub(crate) fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
}

/// Whether the programs of a PostgreSQL server are on `PATH` or where Debian puts them.
pub(crate) fn has_postgres() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    program(&["initdb"]).is_some()
        || versions.map(|version| version.path().join("bin/initdb")).any(|file| file.is_file())
}

/// Whether the library that gives a process another clock is where Debian puts it.
pub(crate) fn has_faketime() -> bool {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).any(|file| file.is_file())
}

/// The names under which browsers of the Chromium family are installed.
pub(crate) const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A folder with Python tests and a `requirements.txt`.
#[derive(Clone, Copy)]
pub(crate) struct PythonTests {
    folder: &'static str,
    environment: &'static str,
}

impl PythonTests {
    /// Programs that trust our tokens with what other people wrote.
    pub(crate) const CLIENTS: Self = Self { folder: "tests/clients/python", environment: ".work/python" };
    /// The package `watchword-verifier`.
    pub(crate) const VERIFIER: Self = Self { folder: "clients/python", environment: ".work/python-verifier" };

    /// Where the tests are.
    pub(crate) fn folder(self) -> PathBuf {
        root().join(self.folder)
    }

    /// The environment that they run in.
    pub(crate) fn environment(self) -> PathBuf {
        root().join(self.environment)
    }
}

/// The folder of the npm package, in the project's.
pub(crate) const TYPESCRIPT: &str = "clients/typescript";

/// WebAssembly with a libc, which the cryptographic library needs.
pub(crate) const WASM: &str = "wasm32-wasip1";

/// Where Debian's package `wasi-libc` puts them.
pub(crate) const WASI_HEADERS: &str = "/usr/include/wasm32-wasi";
