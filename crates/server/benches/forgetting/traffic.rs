//! What the feed takes on the wire, as one more listener sees it.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use verifier::feed::{Frame, Frames};

use crate::connection::Connection;

/// Bytes and the entries in them.
#[derive(Clone, Copy, Default)]
pub struct Traffic {
    pub bytes: usize,
    pub entries: usize,
}

impl Traffic {
    pub fn per_entry(self) -> f64 {
        self.bytes as f64 / self.entries as f64
    }
}

/// Listens to a stream until told to stop, and counts the bytes of its body with all that is around them.
pub async fn listen(server: SocketAddr, credential: &str) -> JoinHandle<usize> {
    let position = position(&everything(server, credential).await.1);
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(request(&format!("/stream?position={position}"), credential).as_bytes()).await.unwrap();
    tokio::spawn(async move {
        let mut part = vec![0; 64 * 1024];
        let mut bytes = 0;
        loop {
            match stream.read(&mut part).await {
                Ok(read @ 1..) => bytes += read,
                // The server has been killed.
                _ => return bytes,
            }
        }
    })
}

/// The answer to who asks for the first time: what is in it, and its watermark.
pub async fn everything(server: SocketAddr, credential: &str) -> (Traffic, Vec<Frame>) {
    let mut connection = Connection::open(server).await;
    let (status, body) = connection.exchange_bytes(&request("", credential)).await;
    assert_eq!(status, 200);
    let mut frames = Frames::default();
    frames.push(&body);
    let frames: Vec<Frame> = std::iter::from_fn(|| frames.next(0)).collect();
    let entries = frames.iter().filter(|frame| matches!(frame, Frame::Entry(_))).count();
    (Traffic { bytes: body.len(), entries }, frames)
}

fn position(frames: &[Frame]) -> String {
    match frames.last() {
        Some(Frame::Watermark(watermark)) => watermark.position.as_str().to_owned(),
        other => panic!("the last frame is {other:?}"),
    }
}

fn request(rest: &str, credential: &str) -> String {
    format!("GET /revocations{rest} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {credential}\r\n\r\n")
}
