//! Writing a backup.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{Context, SHA256};

use super::sealing::Chunks;
use super::{CHUNK, Head, MAGIC, Secret, TAG};

/// Writes a database of exactly `head.bytes` bytes, encrypted if `head.sealed` says so; `secret` must be the one that it was
/// made of. `done` counts the bytes.
pub fn write(
    head: &Head,
    secret: Option<&Secret>,
    mut database: impl Read,
    to: impl Write,
    done: &AtomicU64,
) -> std::io::Result<()> {
    let line = serde_json::to_vec(head)?;
    let salt = head.sealed.salt();
    let mut chunks = salt.zip(secret).map(|(salt, secret)| Chunks::new(secret, &salt, &line));
    let mut to = Summed { to, sum: Context::new(&SHA256) };
    to.write(MAGIC)?;
    to.write(&line)?;
    to.write(b"\n")?;
    let mut left = head.bytes;
    let mut chunk = Vec::with_capacity(CHUNK + TAG);
    while left > 0 {
        let length = left.min(CHUNK as u64) as usize;
        chunk.resize(length, 0);
        database.read_exact(&mut chunk)?;
        left -= length as u64;
        if let Some(chunks) = &mut chunks {
            chunks.seal(&mut chunk, left == 0);
        }
        to.write(&chunk)?;
        done.fetch_add(length as u64, Ordering::Relaxed);
    }
    let Summed { mut to, sum } = to;
    to.write_all(sum.finish().as_ref())?;
    to.flush()
}

struct Summed<W> {
    to: W,
    sum: Context,
}

impl<W: Write> Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.sum.update(bytes);
        self.to.write_all(bytes)
    }
}
