//! `cargo xtask fuzz`: feeds the parsers of outside bytes with whatever makes them do something new.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::place::{cargo, root};
use crate::steps::Step;

#[derive(clap::Args)]
pub(crate) struct Fuzz {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
    /// Run only this target: a file in fuzz/targets, without `.rs`
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
}

impl Fuzz {
    /// One step for the tools, one for building, one for each target.
    pub(crate) fn steps(self) -> Vec<Step> {
        let targets = match self.targets() {
            Ok(targets) => targets,
            Err(error) => return vec![Step::new("fuzz", || Err(error).into())],
        };
        let mut steps = vec![Step::new("tools", || tools().into()), Step::new("build", || build().into())];
        let seconds = self.seconds;
        steps.extend(targets.into_iter().map(|target| {
            // A step is announced by a name that lives as long as the program does.
            let name: &'static str = Box::leak(target.into_boxed_str());
            Step::new(name, move || run(name, seconds).into())
        }));
        steps
    }

    fn targets(&self) -> anyhow::Result<Vec<String>> {
        let folder = root().join("fuzz/targets");
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let names = entries.flatten().filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()));
        let mut names: Vec<String> = names.collect();
        names.sort();
        match &self.target {
            None => Ok(names),
            Some(target) if names.contains(target) => Ok(vec![target.clone()]),
            Some(target) => bail!("there is no target {target}: choose one of {}", names.join(", ")),
        }
    }
}

/// The nightly toolchain has to be there; cargo-fuzz is built once, for this project alone.
fn tools() -> anyhow::Result<()> {
    let has_nightly = Command::new("rustup").args(["run", NIGHTLY, "rustc", "--version"]).status();
    if !has_nightly.is_ok_and(|status| status.success()) {
        bail!("fuzzing needs the nightly toolchain: rustup toolchain install {NIGHTLY} --profile minimal");
    }
    if cargo_fuzz().is_file() {
        println!("cargo-fuzz: there already");
        return Ok(());
    }
    println!("cargo-fuzz: installing version {CARGO_FUZZ} into {}", tools_folder().display());
    let mut install = cargo(&["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ, "--root"]);
    done(install.arg(tools_folder()))
}

fn build() -> anyhow::Result<()> {
    done(nightly("build").arg("--target-dir").arg(target_folder().join("fuzz")))
}

/// New inputs go to a folder of their own, so that what is checked in changes only on purpose.
fn run(target: &str, seconds: u32) -> anyhow::Result<()> {
    let folder = root().join("fuzz");
    let grown = target_folder().join("fuzz/corpus").join(target);
    let findings = folder.join("findings").join(target);
    for folder in [&grown, &findings] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let before = files(&findings);
    let mut run = nightly("run");
    run.arg("--target-dir")
        .arg(target_folder().join("fuzz"))
        .arg(target)
        .arg(grown)
        .arg(folder.join("corpus").join(target));
    run.arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg("-timeout=10")
        .arg("-max_len=9000")
        .arg("-print_final_stats=1");
    run.arg(format!("-dict={}", folder.join("jose.dict").display()));
    // libFuzzer takes this for the beginning of a name.
    run.arg(format!("-artifact_prefix={}/", findings.display()));
    let status = run.status().context("cannot start cargo-fuzz")?;
    let found: Vec<String> = files(&findings).into_iter().filter(|file| !before.contains(file)).collect();
    // A folder is left only where there is something in it.
    let _ = fs::remove_dir(&findings);
    if status.success() && found.is_empty() {
        return Ok(());
    }
    bail!(
        "{target}: {status}. The input is kept: {}\n\
         Run it again with: cargo test --package watchword-token --package watchword-verifier --test fuzz_corpus -- --nocapture\n\
         Once it is mended, check the file in: the test then holds it for ever.",
        if found.is_empty() { "none; see above".to_owned() } else { found.join(", ") },
    )
}

fn files(folder: &PathBuf) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().display().to_string()).collect()
}

/// `cargo fuzz` under the nightly toolchain, although this program runs under another.
fn nightly(command: &str) -> Command {
    let mut fuzz = Command::new("rustup");
    fuzz.args(["run", NIGHTLY]).arg(cargo_fuzz()).arg(command);
    fuzz.current_dir(root()).env_remove("CARGO").env_remove("RUSTC");
    fuzz
}

fn done(command: &mut Command) -> anyhow::Result<()> {
    let text = format!("{command:?}").replace('"', "");
    let status = command.status().with_context(|| format!("cannot start: {text}"))?;
    if !status.success() {
        bail!("this did not work ({status}): {text}");
    }
    Ok(())
}

/// Where cargo builds this project: this program is in a folder of it.
fn target_folder() -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a file");
    own.ancestors().nth(2).expect("a program is built into a profile's folder").to_owned()
}

fn tools_folder() -> PathBuf {
    target_folder().join("tools")
}

fn cargo_fuzz() -> PathBuf {
    tools_folder().join("bin").join(format!("cargo-fuzz{}", std::env::consts::EXE_SUFFIX))
}

const NIGHTLY: &str = "nightly";
const CARGO_FUZZ: &str = "0.13.2";
