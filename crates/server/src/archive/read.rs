//! Reading a backup. Whatever is wrong with it is found before its end is reached; until then nothing may be believed.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{Context, SHA256};

use super::sealing::Chunks;
use super::{CHUNK, HEAD, Head, MAGIC, NAME, SUM, Sealed, Secret, TAG};

/// Why a backup cannot be used. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Something else.
    #[error("it is not a backup that Watchword made")]
    NotABackup,
    /// A format that this version does not know.
    #[error("a later version of Watchword made it; use that version")]
    Later,
    /// It ends too early.
    #[error("it is incomplete: its end is missing. Take another backup")]
    CutOff,
    /// The checksum does not fit.
    #[error("it is damaged: its content does not fit its checksum. Take another backup")]
    Damaged,
    /// It is encrypted under a password, and none was given.
    #[error(
        "it is encrypted under a password: name a file that has it with --password-file, or set WATCHWORD_BACKUP_PASSWORD"
    )]
    NeedsPassword,
    /// It is encrypted under a key file, and none was given.
    #[error("it is encrypted under a key file: name that with --key-file")]
    NeedsKeyFile,
    /// It is whole, but encrypted under another password or key.
    #[error("it is encrypted under another password or key than the one that was given")]
    OtherSecret,
    /// It cannot be read, or its content cannot be written.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What a backup says about itself, and the line that says it. Nothing has been checked yet.
fn read_head(from: &mut impl BufRead) -> Result<(Head, Vec<u8>), Refused> {
    let mut magic = [0; MAGIC.len()];
    exactly(from, &mut magic).map_err(|refused| match refused {
        Refused::CutOff => Refused::NotABackup,
        refused => refused,
    })?;
    if magic != MAGIC {
        return Err(if magic.starts_with(NAME) { Refused::Later } else { Refused::NotABackup });
    }
    let mut line = Vec::new();
    from.by_ref().take(HEAD).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(if (line.len() as u64) < HEAD - 1 { Refused::CutOff } else { Refused::Damaged });
    }
    let head: Head = serde_json::from_slice(&line).map_err(|_| Refused::Damaged)?;
    if head.bytes == 0 || (head.sealed != Sealed::No && head.sealed.salt().is_none()) {
        return Err(Refused::Damaged);
    }
    Ok((head, line))
}

/// Writes the database of a backup to `to`, to be believed only if this succeeds. `done` counts the bytes.
pub fn read(
    mut from: impl BufRead,
    secret: Option<&Secret>,
    mut to: impl Write,
    done: &AtomicU64,
) -> Result<Head, Refused> {
    let (head, line) = read_head(&mut from)?;
    let mut chunks = opener(&head, &line, secret)?;
    let mut sum = Context::new(&SHA256);
    for part in [MAGIC, &line, b"\n"] {
        sum.update(part);
    }
    let (mut left, mut fits) = (head.bytes, true);
    let mut chunk = Vec::with_capacity(CHUNK + TAG);
    while left > 0 {
        let length = left.min(CHUNK as u64) as usize;
        chunk.resize(length + if chunks.is_some() { TAG } else { 0 }, 0);
        exactly(&mut from, &mut chunk)?;
        sum.update(&chunk);
        left -= length as u64;
        if let Some(chunks) = &mut chunks {
            // The wrong password looks like damage; only the checksum at the end tells them apart.
            fits = fits && chunks.open(&mut chunk, left == 0);
        }
        if fits {
            to.write_all(&chunk)?;
        }
        done.fetch_add(length as u64, Ordering::Relaxed);
    }
    let mut expected = [0; SUM];
    exactly(&mut from, &mut expected)?;
    if sum.finish().as_ref() != expected || !from.fill_buf()?.is_empty() {
        return Err(Refused::Damaged);
    }
    if fits { Ok(head) } else { Err(Refused::OtherSecret) }
}

fn opener(head: &Head, line: &[u8], secret: Option<&Secret>) -> Result<Option<Chunks>, Refused> {
    let Some(salt) = head.sealed.salt() else { return Ok(None) };
    match secret.filter(|secret| secret.is_for(&head.sealed)) {
        Some(secret) => Ok(Some(Chunks::new(secret, &salt, line))),
        None if matches!(head.sealed, Sealed::KeyFile(_)) => Err(Refused::NeedsKeyFile),
        None => Err(Refused::NeedsPassword),
    }
}

fn exactly(from: &mut impl Read, into: &mut [u8]) -> Result<(), Refused> {
    from.read_exact(into).map_err(|e| if e.kind() == ErrorKind::UnexpectedEof { Refused::CutOff } else { e.into() })
}
