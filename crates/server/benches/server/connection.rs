//! HTTP by hand, so that the load costs as little as it can.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One kept-alive connection with just enough HTTP for answers that have a Content-Length.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    head: String,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new(), head: String::new() }
    }

    /// An answer with a text.
    pub async fn exchange(&mut self, request: &str) -> (u16, String) {
        let (status, body) = self.exchange_bytes(request).await;
        (status, String::from_utf8(body).unwrap())
    }

    pub async fn exchange_bytes(&mut self, request: &str) -> (u16, Vec<u8>) {
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.buffer.clear();
        let mut end = None;
        loop {
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.unwrap(), 0, "the server closed the connection");
            if end.is_none() {
                end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            }
            let Some(start) = end else { continue };
            self.head = String::from_utf8_lossy(&self.buffer[..start]).into_owned();
            let length: usize = self.header("content-length").parse().unwrap_or(0);
            if self.buffer.len() >= start + length {
                return (self.head[9..12].parse().unwrap(), self.buffer[start..start + length].to_vec());
            }
        }
    }

    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}
