//! What the fuzz targets of the feed check, over every input that is kept: the seeds in `fuzz/corpus`, and in `fuzz/findings` whatever
//! was once found. So it holds on the pinned toolchain too, in every run of the tests.
#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "../../../fuzz/src/feed.rs"]
mod feed;

use std::fs;
use std::path::{Path, PathBuf};

use feed::TARGETS;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(name)
}

/// The files of a folder with their names; none if there is no such folder.
fn files(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(_, path)| path.is_file())
        .collect();
    files.sort();
    files
}

#[test]
fn every_target_has_its_program() {
    let programs = files(&folder("targets")).into_iter().map(|(name, _)| name);
    let programs: Vec<String> = programs.filter(|name| name.starts_with("feed_")).collect();
    assert_eq!(programs, TARGETS.map(|(name, _)| format!("{name}.rs")));
}

#[test]
fn every_seed_is_accepted_or_refused_as_its_name_says() {
    for (name, target) in TARGETS {
        let (mut good, mut bad) = (0, 0);
        for (seed, path) in files(&folder("corpus").join(name)) {
            let is_good = seed.starts_with("good");
            assert!(is_good || seed.starts_with("bad"), "{name}/{seed} says what it is");
            assert_eq!(target(&fs::read(path).unwrap()), is_good, "{name}/{seed}");
            *(if is_good { &mut good } else { &mut bad }) += 1;
        }
        assert!(good > 0 && bad > 0, "{name} has good seeds and bad ones");
    }
}

#[test]
fn nothing_that_was_found_is_found_again() {
    for (name, target) in TARGETS {
        for (finding, path) in files(&folder("findings").join(name)) {
            println!("{name}/{finding}");
            target(&fs::read(path).unwrap());
        }
    }
}
