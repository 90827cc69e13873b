//! Counts instructions under valgrind and compares them with `instructions.txt`. A count is a difference of differences:
//! twice as many repetitions less once as many, so that starting does not count; less the primitive alone, so that the
//! processor, for which the library chooses its code, does not count either.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result, bail, ensure};

/// What is counted: operation, algorithm, and the operation that is taken off.
const COUNTED: [(&str, &str, Option<&str>); 11] = [
    ("borrowed", "EdDSA", Some("floor-verify")),
    ("borrowed", "ES256", Some("floor-verify")),
    ("borrowed", "RS256", Some("floor-verify")),
    ("borrowed", "HS256", Some("floor-verify")),
    ("owned", "HS256", Some("floor-verify")),
    ("extra", "HS256", Some("floor-verify")),
    ("foreign", "HS256", Some("floor-verify")),
    ("cached", "HS256", None),
    ("cached-borrowed", "HS256", None),
    ("sign", "EdDSA", Some("floor-sign")),
    ("sign", "HS256", Some("floor-sign")),
];

/// By how many percent a count may grow.
const TOLERANCE: i64 = 5;
/// How often an operation is repeated. A few are enough: repetitions differ by nothing.
const TIMES: u32 = 20;

#[test]
fn no_operation_has_come_to_take_more_instructions_than_are_written_down() -> Result<()> {
    let folder = Scratch::new()?;
    let repeats = Repeats::build(&folder.0)?;
    let counts = repeats.count_all()?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("instructions.{}.txt", std::env::consts::ARCH));
    if std::env::var_os("RENEW_INSTRUCTIONS").is_some() {
        return fs::write(&file, write(&counts)).with_context(|| format!("cannot write {}", file.display()));
    }
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}; {RENEW}", file.display()))?;
    let known = read(&text)?;
    ensure!(known.keys().eq(counts.keys()), "{} has other operations than are counted; {RENEW}", file.display());
    let grown: Vec<String> = counts
        .iter()
        .filter(|(name, count)| has_grown(known[*name], **count))
        .map(|(name, count)| format!("{name}: {count}, was {}", known[name]))
        .collect();
    ensure!(
        grown.is_empty(),
        "more than {TOLERANCE} % more instructions than in {}:\n{}\nIf that is wanted: {RENEW}",
        file.display(),
        grown.join("\n")
    );
    Ok(())
}

#[test]
fn a_count_has_grown_from_more_than_the_tolerance_on() {
    assert!(!has_grown(1_000, 1_050) && has_grown(1_000, 1_051));
    assert!(!has_grown(1_000, 1));
}

#[test]
fn what_is_written_down_reads_back() {
    let counts = BTreeMap::from([("cached HS256".to_owned(), 462), ("borrowed HS256".to_owned(), 4_268)]);
    assert_eq!(read(&write(&counts)).expect("what was just written"), counts);
    assert!(read("cached HS256 many").is_err() && read("cached").is_err());
}

const RENEW: &str = "renew it with `RENEW_INSTRUCTIONS=1 cargo test --package watchword-instructions`";

fn has_grown(known: i64, count: i64) -> bool {
    count * 100 > known * (100 + TOLERANCE)
}

fn write(counts: &BTreeMap<String, i64>) -> String {
    let lines: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let lines = lines.join("\n");
    format!("# Instructions of this project's own code in one operation, without the primitive: {RENEW}\n{lines}\n")
}

fn read(text: &str) -> Result<BTreeMap<String, i64>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let counts = lines.map(|line| {
        let (name, count) = line.rsplit_once(' ').with_context(|| format!("not a name and a number: {line}"))?;
        Ok((name.to_owned(), count.parse().with_context(|| format!("not a number: {line}"))?))
    });
    counts.collect()
}

/// The program that repeats, and what it repeats with.
struct Repeats<'a> {
    program: PathBuf,
    materials: PathBuf,
    folder: &'a Path,
}

impl<'a> Repeats<'a> {
    /// Builds it as it is shipped: what cargo has built for this test is not optimized.
    fn build(folder: &'a Path) -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let build = ["build", "--release", "--quiet", "--package", "watchword-instructions", "--bin", "repeats"];
        let status = Command::new(cargo).args(build).current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
        ensure!(status.success(), "the program to be counted does not build");
        let profiles = Path::new(env!("CARGO_BIN_EXE_repeats")).ancestors().nth(2).context("no target folder")?;
        let program = profiles.join("release").join(format!("repeats{}", std::env::consts::EXE_SUFFIX));
        let made = Command::new(&program).arg("make").output()?;
        ensure!(made.status.success(), "{} make: {}", program.display(), String::from_utf8_lossy(&made.stderr));
        let materials = folder.join("materials");
        fs::write(&materials, made.stdout)?;
        Ok(Self { program, materials, folder })
    }

    fn count_all(&self) -> Result<BTreeMap<String, i64>> {
        let counts = Mutex::new(BTreeMap::new());
        let (first, second) = COUNTED.split_at(COUNTED.len() / 2);
        let count_each = |part: &[(&str, &str, Option<&str>)]| -> Result<()> {
            for (operation, algorithm, floor) in part {
                let floor = floor.map_or(Ok(0), |floor| self.count(floor, algorithm))?;
                let count = self.count(operation, algorithm)? - floor;
                counts.lock().expect("nobody panics").insert(format!("{operation} {algorithm}"), count);
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let first = scope.spawn(|| count_each(first));
            count_each(second)?;
            first.join().expect("nobody panics")
        })?;
        Ok(counts.into_inner().expect("nobody panics"))
    }

    /// What one repetition takes.
    fn count(&self, operation: &str, algorithm: &str) -> Result<i64> {
        let [once, twice] = [TIMES, 2 * TIMES].map(|times| self.total(operation, algorithm, times));
        Ok((twice? - once?) / i64::from(TIMES))
    }

    /// What the whole program takes.
    fn total(&self, operation: &str, algorithm: &str, times: u32) -> Result<i64> {
        let out = self.folder.join(format!("{operation}-{algorithm}-{times}"));
        let mut valgrind = Command::new("valgrind");
        valgrind.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", out.display()));
        valgrind.arg(&self.program).args([operation, algorithm, &times.to_string()]);
        let ran = valgrind.stdin(fs::File::open(&self.materials)?).stdout(Stdio::null()).output();
        let ran = ran.context("valgrind is needed to count instructions: apt-get install valgrind")?;
        if !ran.status.success() {
            bail!("valgrind did not run {operation} {algorithm}: {}", String::from_utf8_lossy(&ran.stderr));
        }
        let text = fs::read_to_string(&out)?;
        let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).context("callgrind wrote no totals")?;
        total.trim().parse().with_context(|| format!("not a number of instructions: {total}"))
    }
}

/// A folder that goes when the test does.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("counted-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
