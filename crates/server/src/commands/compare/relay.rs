//! What lies between the issuer and those who follow it: a relay that counts the bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Relays every connection to `to`, until it is dropped.
pub async fn relay(listener: TcpListener, to: SocketAddr, bytes: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((from, _)) = listener.accept().await else { return };
        let bytes = Arc::clone(&bytes);
        connections.spawn(async move {
            let _ = join(from, to, &bytes).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn join(from: TcpStream, to: SocketAddr, bytes: &AtomicU64) -> std::io::Result<()> {
    let there = TcpStream::connect(to).await?;
    from.set_nodelay(true)?;
    there.set_nodelay(true)?;
    let ((from_read, from_write), (there_read, there_write)) = (from.into_split(), there.into_split());
    // Once one side has gone, nobody waits for the other.
    tokio::select! {
        ended = pass(from_read, there_write, bytes) => ended,
        ended = pass(there_read, from_write, bytes) => ended,
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, bytes: &AtomicU64) -> std::io::Result<()> {
    let mut part = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut part).await?;
        if length == 0 {
            return Ok(());
        }
        bytes.fetch_add(length as u64, Ordering::Relaxed);
        to.write_all(&part[..length]).await?;
    }
}
