//! A client that writes requests byte by byte, one connection each, and reads answers to the end.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Calm, PASSWORD, SOON};

/// Where to send requests.
#[derive(Clone, Copy, Debug)]
pub struct Http {
    pub address: SocketAddr,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Http {
    /// A connection that gives up if nothing comes for a while.
    pub fn connect(&self) -> TcpStream {
        self.try_connect().unwrap()
    }

    fn try_connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(2 * SOON))?;
        Ok(stream)
    }

    pub fn get(&self, path: &str, headers: &[String]) -> Reply {
        self.send("GET", path, headers, "").unwrap()
    }

    pub fn post(&self, path: &str, headers: &[String]) -> Reply {
        self.send("POST", path, headers, "").unwrap()
    }

    pub fn post_json(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &["Content-Type: application/json".to_owned()], &body.to_string()).unwrap()
    }

    pub fn post_form(&self, path: &str, headers: &[String], fields: &[(&str, &str)]) -> Reply {
        let mut headers = headers.to_vec();
        headers.push("Content-Type: application/x-www-form-urlencoded".to_owned());
        self.send("POST", path, &headers, &serde_urlencoded::to_string(fields).unwrap()).unwrap()
    }

    /// Logs in with [`PASSWORD`], and asks for a cookie too.
    pub fn login(&self, name: &str) -> Reply {
        self.post_json("/login", &json!({"username": name, "password": PASSWORD, "cookie": true}))
    }

    /// Asks again and again until the credential is refused, which must be within a second in which the machine does not stall.
    #[track_caller]
    pub fn refused_soon(&self, credential: &[String]) {
        let mut second = Calm::new(Duration::from_secs(1));
        loop {
            match self.get("/dashboard", credential).status {
                401 => break,
                // A server that has stood still says that it knows too little.
                status => assert!([200, 503].contains(&status), "{status}"),
            }
            assert!(second.lasts(), "still accepted");
        }
    }

    /// One request on a connection of its own. An answer that is cut off is an error.
    pub fn send(&self, method: &str, path: &str, headers: &[String], body: &str) -> std::io::Result<Reply> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for header in headers {
            head += &format!("{header}\r\n");
        }
        if !body.is_empty() || method == "POST" {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        let mut stream = self.try_connect()?;
        // The server may answer before it has read everything.
        let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes());
        Reply::parse(&read_to_close(&mut stream)).ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    /// Sends bytes as they are; everything that comes back until the server closes the connection.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        let _ = stream.write_all(bytes);
        read_to_close(&mut stream)
    }
}

/// Everything up to the end of the connection, which must come.
pub fn read_to_close(stream: &mut TcpStream) -> String {
    let (mut bytes, mut part) = (Vec::new(), [0; 16 * 1024]);
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(&part[..length]),
            Err(e) if e.kind() == ErrorKind::ConnectionReset => break,
            // Of a process that was stopped and goes on.
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => panic!("the server did not close the connection: {e}"),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Reply {
    /// The first answer in what was read; none if it is not whole.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, rest) = text.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let mut reply = Self { status, head: head.to_owned(), body: String::new() };
        let length: usize = reply.header("content-length").unwrap_or("0").parse().ok()?;
        rest.get(..length)?.clone_into(&mut reply.body);
        Some(reply)
    }

    /// A header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        pairs.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// The cookie that it sets, as a request header.
    pub fn cookie(&self) -> String {
        let set = self.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {self:?}"));
        format!("Cookie: {}", set.split(';').next().unwrap())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// One of the body's texts.
    pub fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {self:?}")).to_owned()
    }

    /// One of the body's texts, as a bearer credential.
    pub fn bearer(&self, name: &str) -> [String; 1] {
        [format!("Authorization: Bearer {}", self.text(name))]
    }

    /// The key that signed the access token in it.
    pub fn kid(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        let seen = token::inspect(&self.text("access_token")).unwrap();
        seen.header["kid"].as_str().unwrap().to_owned()
    }
}
