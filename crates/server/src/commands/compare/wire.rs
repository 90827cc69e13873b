//! One kept-alive HTTP/1.1 connection, as plain as can be, that counts what goes over it.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that has one request under way at most.
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    /// Where the body begins in the answer.
    body: usize,
    bytes: u64,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(4096), body: 0, bytes: 0 })
    }

    /// Sends a request and reads its answer, which must say how long it is; its status.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        self.body = 0;
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if self.body == 0 {
                self.body = self.answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
            }
            if self.body > 0 && self.answer.len() >= self.body + self.length() {
                break;
            }
        }
        self.bytes += (request.len() + self.answer.len()) as u64;
        let status = self.answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        status.ok_or_else(|| Error::new(ErrorKind::InvalidData, "the answer is not HTTP"))
    }

    fn length(&self) -> usize {
        self.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// A header of the last answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = std::str::from_utf8(&self.answer[..self.body]).ok()?;
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        &self.answer[self.body..]
    }

    /// How many bytes went over it, there and back, since this was last asked.
    pub fn take_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.bytes)
    }
}

/// A request with so many header lines.
pub fn request(method: &str, path: &str, host: SocketAddr, headers: &str, body: &str) -> Vec<u8> {
    let length = if method == "POST" { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    let agent = concat!("watchword-compare/", env!("CARGO_PKG_VERSION"));
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: application/json\r\n\
         {headers}{length}\r\n{body}"
    )
    .into_bytes()
}
