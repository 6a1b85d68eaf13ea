//! A client that writes the bytes it is given and reads HTTP/1.1 answers; it knows nothing of the library under test.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No test waits longer than this for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn patiently<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what)
        .await
        .expect("it comes within the patience of a test")
}

/// The bytes of a request; `Content-Length` is added where there is a body.
pub(crate) fn request(method: &str, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: mock\r\n").into_bytes();
    for (name, value) in fields {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if !body.is_empty() {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) interim: Vec<u16>,
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self
            .fields
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "one {name} only: {self:?}");
        value
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(addr: SocketAddr) -> Raw {
        let stream = patiently(TcpStream::connect(addr))
            .await
            .expect("the mock listens");
        stream.set_nodelay(true).expect("a socket has the option");
        Raw {
            stream,
            buffer: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        patiently(self.stream.write_all(bytes))
            .await
            .expect("the mock takes what is sent");
    }

    async fn more(&mut self) -> io::Result<usize> {
        patiently(self.stream.read_buf(&mut self.buffer)).await
    }

    async fn until(&mut self, mark: &[u8]) -> Vec<u8> {
        loop {
            let found = self
                .buffer
                .windows(mark.len())
                .position(|window| window == mark);
            if let Some(at) = found {
                return self.buffer.drain(..at + mark.len()).collect();
            }
            let count = self.more().await.expect("the answer arrives");
            assert!(
                count > 0,
                "ended after {:?}",
                String::from_utf8_lossy(&self.buffer)
            );
        }
    }

    async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            let more = self.more().await.expect("the body arrives");
            assert!(more > 0, "the body ends early");
        }
        self.buffer.drain(..count).collect()
    }

    /// The final answer's head; its body is still to be read.
    pub(crate) async fn head(&mut self) -> Answer {
        let mut interim = Vec::new();
        loop {
            let head = String::from_utf8(self.until(b"\r\n\r\n").await).expect("a head is text");
            let mut lines = head.trim_end().split("\r\n");
            let first = lines.next().unwrap_or_default();
            let status = first
                .strip_prefix("HTTP/1.1 ")
                .and_then(|rest| rest.get(..3)?.parse().ok())
                .unwrap_or_else(|| panic!("no status line: {first:?}"));
            if (100..200).contains(&status) {
                interim.push(status);
                continue;
            }
            let fields = lines
                .map(|line| line.split_once(':').expect("a field has a colon"))
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect();
            return Answer {
                interim,
                status,
                fields,
                body: Vec::new(),
            };
        }
    }

    /// The next chunk of a chunked body; none after the last.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = String::from_utf8(self.until(b"\r\n").await).expect("a chunk's size is text");
        let size = usize::from_str_radix(line.trim_end(), 16).expect("a chunk has a size");
        let chunk = self.exactly(size).await;
        assert_eq!(self.exactly(2).await, b"\r\n");
        (size > 0).then_some(chunk)
    }

    /// A whole answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.answer_to("POST").await
    }

    pub(crate) async fn answer_to(&mut self, method: &str) -> Answer {
        let mut answer = self.head().await;
        if method == "HEAD" || answer.status == 204 {
            return answer;
        }
        if answer.field("transfer-encoding") == Some("chunked") {
            assert_eq!(answer.field("content-length"), None);
            while let Some(chunk) = self.chunk().await {
                answer.body.extend(chunk);
            }
            return answer;
        }
        let length = answer.field("content-length").expect("a body is framed");
        let length = length.parse().expect("a length is a number");
        answer.body = self.exactly(length).await;
        answer
    }

    /// How the connection ends, nothing more having come.
    pub(crate) async fn end(&mut self) -> io::Result<()> {
        let count = self.more().await?;
        assert_eq!(
            count,
            0,
            "surplus: {:?}",
            String::from_utf8_lossy(&self.buffer)
        );
        Ok(())
    }
}
