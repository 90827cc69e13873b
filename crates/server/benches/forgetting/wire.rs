//! The way of all verifiers to the server, when some of them are to be cut off so that nobody is told: bytes just stay away.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the verifiers that can be cut off begin their names.
pub const FAR: &str = "far-";

pub struct Wire {
    pub address: SocketAddr,
    to: Arc<OnceLock<SocketAddr>>,
    pub is_cut: watch::Sender<bool>,
}

impl Wire {
    /// It leads nowhere yet.
    pub async fn lay() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire =
            Self { address: listener.local_addr().unwrap(), to: Arc::default(), is_cut: watch::Sender::new(false) };
        let (to, is_cut) = (Arc::clone(&wire.to), wire.is_cut.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (to, cut) = (*to.get().expect("it leads somewhere by now"), is_cut.subscribe());
                tokio::spawn(async move {
                    // A connection that breaks is what it is there for.
                    let _ = carry(near, to, cut).await;
                });
            }
        });
        wire
    }

    pub fn lead_to(&self, server: SocketAddr) {
        self.to.set(server).expect("it leads to one server");
    }
}

async fn carry(mut near: TcpStream, to: SocketAddr, mut cut: watch::Receiver<bool>) -> std::io::Result<()> {
    let mut far = TcpStream::connect(to).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (mut up, mut down) = (vec![0; PART], vec![0; PART]);
    let (mut is_far, name) = (false, format!("name={FAR}"));
    loop {
        tokio::select! {
            biased;
            () = until(&mut cut, true), if is_far => break,
            read = near.read(&mut up) => {
                let bytes = &up[..read?];
                // A question says whose it is, in its first line.
                is_far |= bytes.windows(name.len()).any(|part| part == name.as_bytes());
                if bytes.is_empty() {
                    return Ok(());
                }
                if is_far && *cut.borrow() {
                    break;
                }
                far.write_all(bytes).await?;
            }
            read = far.read(&mut down) => {
                let bytes = &down[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                near.write_all(bytes).await?;
            }
        }
    }
    // Half open: neither side is told, until the wire is whole again.
    until(&mut cut, false).await;
    Ok(())
}

async fn until(cut: &mut watch::Receiver<bool>, expected: bool) {
    // It fails when the wire is gone, and then so does everything else.
    let _ = cut.wait_for(|is_cut| *is_cut == expected).await;
}

const PART: usize = 64 * 1024;
