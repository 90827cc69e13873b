//! What the fuzz targets check, over every input that is kept: the seeds in `fuzz/corpus`, and in `fuzz/findings` whatever was
//! once found. So it holds on the pinned toolchain too, in every run of the tests.

#[path = "../../../fuzz/src/lib.rs"]
mod fuzz;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz::TARGETS;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(name)
}

/// The files of a folder with their names; none if there is no such folder.
fn files(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
    let mut files: Vec<_> = files.filter(|(_, path)| path.is_file()).collect();
    files.sort();
    files
}

#[test]
fn every_target_has_its_program() {
    let programs = files(&folder("targets")).into_iter().map(|(name, _)| name);
    // Those of the feed belong to the verifier, which has a test like this one.
    let programs: Vec<String> = programs.filter(|name| !name.starts_with("feed_")).collect();
    let expected: Vec<String> = TARGETS.iter().map(|(name, _)| format!("{name}.rs")).collect();
    assert_eq!(programs, expected);
}

#[test]
fn every_seed_is_accepted_or_refused_as_its_name_says() {
    for (name, target) in TARGETS {
        let mut seen = BTreeMap::new();
        for (seed, path) in files(&folder("corpus").join(name)) {
            let is_good = seed.starts_with("good");
            assert!(is_good || seed.starts_with("bad"), "{name}/{seed} says what it is");
            assert_eq!(target(&fs::read(path).expect("a seed")), is_good, "{name}/{seed}");
            *seen.entry(is_good).or_insert(0) += 1;
        }
        assert!(seen.len() == 2, "{name} has good seeds and bad ones");
    }
}

#[test]
fn nothing_that_was_found_is_found_again() {
    for (name, target) in TARGETS {
        for (finding, path) in files(&folder("findings").join(name)) {
            println!("{name}/{finding}");
            target(&fs::read(path).expect("a finding"));
        }
    }
}
