//! A client that does what it is told, wrong things too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A connection, which is kept for several requests.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
        stream.set_nodelay(true).expect("an option");
        Self { stream: BufReader::new(stream) }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the server takes bytes");
    }

    /// Sends a request, whatever its body is.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &[u8], more: &str) {
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{more}\r\n");
        self.send(head.as_bytes());
        self.send(body);
    }

    /// Sends JSON and waits for the whole answer.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Response {
        self.ask("POST", path, body.to_string().as_bytes(), "");
        self.read()
    }

    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.ask("GET", path, b"", "");
        self.read()
    }

    /// The head of an answer: its status and its lines.
    pub(crate) fn read_head(&mut self) -> (u16, String) {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            let count = self.stream.read_line(&mut line).expect("an answer in time");
            assert!(count > 0, "the server hung up after {head:?}");
            if line == "\r\n" {
                break;
            }
            head.push_str(&line.to_ascii_lowercase());
        }
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, head)
    }

    /// A piece of a body that comes in pieces; none at its end.
    pub(crate) fn read_piece(&mut self) -> Option<Vec<u8>> {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a piece in time");
        let length = usize::from_str_radix(line.trim(), 16).expect("the length of a piece");
        let mut piece = vec![0; length + 2];
        self.stream.read_exact(&mut piece).expect("a whole piece");
        piece.truncate(length);
        (length > 0).then_some(piece)
    }

    pub(crate) fn read(&mut self) -> Response {
        let (status, head) = self.read_head();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let body = if field("transfer-encoding:") == Some("chunked") {
            std::iter::from_fn(|| self.read_piece()).flatten().collect()
        } else {
            let length = field("content-length:").and_then(|length| length.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).expect("a whole body");
            body
        };
        Response { status, head, body }
    }
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }

    /// The data of a stream of events.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = self.text();
        let data =
            text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
        data.map(|data| serde_json::from_str(data).expect("JSON")).collect()
    }

    /// The text of the first choice.
    pub(crate) fn content(&self) -> String {
        let value = self.json();
        value["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
    }
}
