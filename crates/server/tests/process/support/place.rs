//! A folder of its own in which commands run, without configuration unless a test writes one.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use serde_json::Value;
use tempfile::TempDir;

use super::{PASSWORD, SOON, Server, own_address};

/// Where the program runs.
pub struct Place {
    folder: TempDir,
    address: Ipv4Addr,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), address: own_address() }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// The names of all files in it, in order.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The program with these arguments, in this folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchword"));
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WATCHWORD_")) {
            command.env_remove(name);
        }
        command.env("TMPDIR", self.folder.path());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args), "")
    }

    /// The same with something on standard input.
    pub fn run_with_input(&self, args: &[&str], input: &str) -> Ran {
        Ran::of(self.command(args), input)
    }

    /// The same with environment variables.
    pub fn run_with_env(&self, args: &[&str], env: &[(&str, &str)]) -> Ran {
        let mut command = self.command(args);
        command.envs(env.iter().copied());
        Ran::of(command, "")
    }

    /// A command that must succeed; its standard output as JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{args:?}: {e}: {}", ran.out))
    }

    /// Makes an account with [`PASSWORD`].
    pub fn add_user(&self, name: &str) {
        let ran = self.run_with_input(&["user", "add", name, "--password-stdin"], &format!("{PASSWORD}\n"));
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }

    /// The server on a free port of an address of its own.
    pub fn serve(&self) -> Server {
        self.serve_with(&[], &[])
    }

    /// The same with more options and variables.
    pub fn serve_with(&self, args: &[&str], env: &[(&str, &str)]) -> Server {
        let mut command = self.command(&["serve", "--listen", &format!("{}:0", self.address)]);
        command.args(args).envs(env.iter().copied());
        Server::start(command)
    }
}

impl Ran {
    /// Runs a command to its end, which must come soon.
    pub fn of(mut command: Command, input: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that does not read its input closes it; that is not the test's business.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let (out, err) = (collect(child.stdout.take().unwrap()), collect(child.stderr.take().unwrap()));
        let (out, err) = (out.recv_timeout(SOON), err.recv_timeout(SOON));
        let (Ok(out), Ok(err)) = (out, err) else { too_slow(child) };
        Self { code: child.wait().unwrap().code(), out, err }
    }

    /// The one line that a command that failed says why.
    pub fn complaint(&self) -> &str {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{self:?}");
        let text = self.err.strip_suffix('\n').unwrap_or_else(|| panic!("{self:?}"));
        text.strip_prefix("watchword: ").unwrap_or_else(|| panic!("{self:?}"))
    }
}

fn too_slow(mut child: Child) -> ! {
    let _ = child.kill();
    let _ = child.wait();
    panic!("the command did not end");
}

/// Reads to the end on a thread of its own.
fn collect(mut from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receive
}
