//! A model hub on this machine, speaking as much HTTP as the client needs.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::json;

/// The commit that the hub says its only revision is.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

type Files = Arc<Mutex<Vec<(String, String)>>>;

/// Serves `org/name` until the test ends.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    files: Files,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(files: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let files = files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        let server = Self { endpoint, files: Arc::new(Mutex::new(files)), requests: Arc::default() };
        let (files, requests) = (server.files.clone(), server.requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &files, &requests);
            }
        });
        server
    }

    /// The request heads so far, in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn downloads(&self) -> usize {
        self.requests().iter().filter(|head| head.contains("/resolve/")).count()
    }
}

fn answer(mut stream: TcpStream, files: &Files, requests: &Mutex<Vec<String>>) {
    let lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let head = lines.collect::<Vec<_>>().join("\n");
    requests.lock().unwrap().push(head.to_lowercase());
    let path = head.split(' ').nth(1).unwrap_or_default();
    let files = files.lock().unwrap();
    let response = if path == "/api/models/org/name/revision/main" {
        let siblings: Vec<_> = files.iter().map(|(name, _)| json!({ "rfilename": name })).collect();
        plain(200, &json!({"sha": COMMIT, "siblings": siblings}).to_string())
    } else if path.starts_with("/api/models/org/broken") {
        plain(503, "busy")
    } else {
        let name = path.strip_prefix(&format!("/org/name/resolve/{COMMIT}/"));
        match files.iter().find(|(file, _)| name == Some(file.as_str())) {
            Some((name, _)) if name == "gated.json" => plain(403, "accept the terms"),
            Some((name, text)) => file(name, text, &head.to_lowercase()),
            None => plain(404, "not here"),
        }
    };
    stream.write_all(response.as_bytes()).ok();
}

fn plain(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A part of a file; one named `cut.txt` breaks off in the middle.
fn file(name: &str, text: &str, head: &str) -> String {
    let range = head.lines().find_map(|line| line.strip_prefix("range: bytes=")).unwrap_or("0-");
    let (start, end) = range.split_once('-').unwrap();
    let start: usize = start.parse().unwrap();
    let end = end.parse::<usize>().map_or(text.len(), |end| end + 1);
    let body = &text[start..end];
    let sent = if name == "cut.txt" && body.len() > 1 { &body[..1] } else { body };
    format!(
        "HTTP/1.1 206 X\r\nconnection: close\r\ncontent-length: {}\r\ncontent-range: bytes {start}-{}/{}\r\n\
         x-repo-commit: {COMMIT}\r\netag: \"etag-{}\"\r\n\r\n{sent}",
        body.len(),
        end - 1,
        text.len(),
        name.replace('/', "-"),
    )
}
