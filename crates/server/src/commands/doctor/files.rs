//! The files of an installation: who may read them, what they lie on, and how much room is left.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::finding::Finding;

/// What was found where the database is.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The database and what is beside it, with their modes.
    pub files: Vec<(PathBuf, u32)>,
    /// The folder, with its mode.
    pub folder: (PathBuf, u32),
    /// Bytes that may still be written.
    pub free: u64,
    /// Bytes of the database.
    pub used: u64,
    /// What the system calls the kind of file system.
    pub system: i64,
}

impl Place {
    /// Looks at a SQLite file and its surroundings.
    pub fn of(database: &Path) -> std::io::Result<Self> {
        let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mode = |path: &Path| Ok::<_, std::io::Error>(path.metadata()?.permissions().mode() & 0o7777);
        let mut files = Vec::new();
        for suffix in ["", "-wal", "-shm"] {
            let mut name = database.as_os_str().to_owned();
            name.push(suffix);
            if let Ok(mode) = mode(Path::new(&name)) {
                files.push((PathBuf::from(name), mode));
            }
        }
        let room = rustix::fs::statvfs(folder)?;
        Ok(Self {
            files,
            folder: (folder.to_owned(), mode(folder)?),
            free: room.f_bavail.saturating_mul(room.f_frsize),
            used: database.metadata().map_or(0, |found| found.len()),
            system: system(folder)?,
        })
    }
}

#[cfg(target_os = "linux")]
fn system(folder: &Path) -> std::io::Result<i64> {
    // As signed or unsigned, and as long, as this processor has it; the numbers fit into 32 bits.
    Ok(rustix::fs::statfs(folder)?.f_type as i64 & 0xffff_ffff)
}

#[cfg(not(target_os = "linux"))]
fn system(_: &Path) -> std::io::Result<i64> {
    Ok(0)
}

pub fn judge(place: &Place) -> Vec<Finding> {
    vec![files(place), folder(place), disk(place), file_system(place.system)]
}

fn files(place: &Place) -> Finding {
    match place.files.iter().find(|(_, mode)| mode & 0o077 != 0) {
        None => Finding::ok("database files", "only their owner can read and write them"),
        Some((path, mode)) => Finding::problem(
            "database files",
            format!("{} has mode {mode:o}: others read every address and password hash", path.display()),
            format!("chmod 600 {}", path.display()),
        ),
    }
}

fn folder(place: &Place) -> Finding {
    let (path, mode) = &place.folder;
    let is = format!("{} has mode {mode:o}", path.display());
    // With the sticky bit, as /tmp has it, others can add files, but neither remove nor rename these.
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        let advice = format!("chmod go-w {}", path.display());
        return Finding::problem("database folder", format!("{is}: others can put files in place of these"), advice);
    }
    Finding::ok("database folder", is)
}

fn disk(place: &Place) -> Finding {
    let is = format!("{} MB free; the database has {} MB", place.free / MEGABYTE, place.used / MEGABYTE);
    let advice = "make room: without it nobody can log in, nor log out";
    if place.free < 20 * MEGABYTE {
        Finding::problem("disk space", is, advice)
    } else if place.free < (2 * place.used).max(200 * MEGABYTE) {
        Finding::warning("disk space", is, "make room: a backup takes as much as the database, for a moment twice")
    } else {
        Finding::ok("disk space", is)
    }
}

fn file_system(system: i64) -> Finding {
    let advice = "put the database on a local disk, or use PostgreSQL";
    match SYSTEMS.iter().find(|(number, ..)| *number == system) {
        None => Finding::ok("file system", "a local one, as far as can be told"),
        Some((_, name, Fault::Locks)) => Finding::problem(
            "file system",
            format!("{name}: SQLite's locks and its log do not work on it; the database will be damaged"),
            advice,
        ),
        Some((_, name, Fault::Unknown)) => Finding::warning(
            "file system",
            format!("{name}: whether locks and flushing to the disk work depends on what is behind it"),
            advice,
        ),
        Some((_, name, Fault::Passes)) => Finding::warning(
            "file system",
            format!("{name}: what is on it is gone with the machine or the container"),
            "put the database on a volume that stays",
        ),
    }
}

#[derive(Clone, Copy)]
enum Fault {
    /// Locks do not hold between machines, or not at all.
    Locks,
    /// It depends.
    Unknown,
    /// It does not outlive what it belongs to.
    Passes,
}

/// The numbers are those of statfs(2).
const SYSTEMS: [(i64, &str, Fault); 12] = [
    (0x6969, "NFS", Fault::Locks),
    (0x517b, "SMB", Fault::Locks),
    (0xff53_4d42, "CIFS", Fault::Locks),
    (0xfe53_4d42, "SMB 2", Fault::Locks),
    (0x0102_1997, "9p", Fault::Locks),
    (0x5346_414f, "AFS", Fault::Locks),
    (0x00c3_6400, "Ceph", Fault::Unknown),
    (0x6573_5546, "FUSE", Fault::Unknown),
    (0x0bd0_0bd0, "Lustre", Fault::Unknown),
    (0x0102_1994, "tmpfs", Fault::Passes),
    (0x8584_58f6, "ramfs", Fault::Passes),
    (0x794c_7630, "overlayfs", Fault::Passes),
];

const MEGABYTE: u64 = 1_000_000;

/// The configuration file, where it holds the password of a database.
pub fn configuration(path: &Path, holds_password: bool) -> Option<Finding> {
    let mode = path.metadata().ok()?.permissions().mode() & 0o7777;
    let is = format!("{} has mode {mode:o}", path.display());
    if holds_password && mode & 0o044 != 0 {
        let advice = format!("chmod 600 {}, or set the URL as WATCHWORD_DATABASE", path.display());
        return Some(Finding::problem("configuration file", format!("{is} and has the database's password"), advice));
    }
    if mode & 0o022 != 0 {
        let advice = format!("chmod go-w {}", path.display());
        return Some(Finding::problem("configuration file", format!("{is}: others can change it"), advice));
    }
    Some(Finding::ok("configuration file", is))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    fn good() -> Place {
        Place {
            files: vec![("watchword.db".into(), 0o600)],
            folder: (".".into(), 0o755),
            free: 500 * MEGABYTE,
            used: MEGABYTE,
            system: 0xef53,
        }
    }

    #[test]
    fn each_bad_place_is_found_and_a_good_one_is_fine() {
        type Case = (fn(&mut Place), &'static str, Outcome);
        let cases: [Case; 12] = [
            (|p| p.files[0].1 = 0o640, "database files", Outcome::Problem),
            (|p| p.files.push(("watchword.db-wal".into(), 0o604)), "database files", Outcome::Problem),
            (|p| p.folder.1 = 0o775, "database folder", Outcome::Problem),
            (|p| p.folder.1 = 0o757, "database folder", Outcome::Problem),
            (|p| p.free = 19 * MEGABYTE, "disk space", Outcome::Problem),
            (|p| p.free = 199 * MEGABYTE, "disk space", Outcome::Warning),
            (|p| p.used = 400 * MEGABYTE, "disk space", Outcome::Warning),
            (|p| p.system = 0x6969, "file system", Outcome::Problem),
            (|p| p.system = 0xff53_4d42, "file system", Outcome::Problem),
            (|p| p.system = 0x6573_5546, "file system", Outcome::Warning),
            (|p| p.system = 0x0102_1994, "file system", Outcome::Warning),
            (|p| p.system = 0x794c_7630, "file system", Outcome::Warning),
        ];
        let bad = |place: &Place| -> Vec<_> {
            let found = judge(place).into_iter().filter(|finding| finding.result != Outcome::Ok);
            found.map(|finding| (finding.check, finding.result)).collect()
        };
        assert_eq!(bad(&good()), []);
        for (spoil, check, result) in cases {
            let mut place = good();
            spoil(&mut place);
            assert_eq!(bad(&place), [(check, result)], "{place:?}");
        }
        let sticky = Place { folder: ("/tmp".into(), 0o1777), ..good() };
        assert_eq!(bad(&sticky), []);
    }

    #[test]
    fn a_configuration_that_others_can_change_or_that_shows_a_password_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watchword.toml");
        std::fs::write(&path, "").unwrap();
        for (mode, holds_password, result) in [
            (0o600, true, Outcome::Ok),
            (0o644, false, Outcome::Ok),
            (0o644, true, Outcome::Problem),
            (0o620, false, Outcome::Problem),
        ] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(configuration(&path, holds_password).unwrap().result, result, "{mode:o}");
        }
        assert!(configuration(Path::new("/missing"), true).is_none());
    }
}
