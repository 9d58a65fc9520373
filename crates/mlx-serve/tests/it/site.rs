//! A server for one test.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use mlx_serve::{Limits, ModelOptions, Server, ServerOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Client, Response};

/// A server that ends with its test.
pub(crate) struct Site {
    runtime: Option<Runtime>,
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<mlx_serve::Result<()>>>,
}

/// A tiny model that writes nonsense about what it reads and sees.
pub(crate) fn model(name: &str) -> ModelOptions {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| changed(&[LONG])).path();
    ModelOptions::new(&format!("{name}={}", folder.display())).expect("a folder")
}

/// The tiny model, whose template has a mark for calls of functions.
pub(crate) fn caller(name: &str) -> ModelOptions {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let template = (
        "tokenizer_config.json",
        r#""chat_template":""#,
        r#""chat_template":"{# <tool_call> tool_call.name #}"#,
    );
    let folder = FOLDER.get_or_init(|| changed(&[LONG, template])).path();
    ModelOptions::new(&format!("{name}={}", folder.display())).expect("a folder")
}

/// A file, and what it has in place of what: a longer context than that of the vision tests.
const LONG: (&str, &str, &str) =
    ("config.json", "\"max_position_embeddings\": 512", "\"max_position_embeddings\": 8192");

/// The tiny model of the vision tests, with other words in some files.
fn changed(changes: &[(&str, &str, &str)]) -> TempDir {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../mlx-vlm/tests/golden/qwen2-vl");
    let folder = tempfile::tempdir().expect("a folder");
    for file in golden.read_dir().expect("the fixture is there") {
        let file = file.expect("a file");
        fs::copy(file.path(), folder.path().join(file.file_name())).expect("a copy");
    }
    for (file, old, new) in changes {
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).expect("a text");
        assert!(text.contains(old), "{text}");
        fs::write(path, text.replace(old, new)).expect("a text");
    }
    folder
}

/// The tiny model, and bounds that fit a test.
pub(crate) fn options() -> ServerOptions {
    let limits = Limits { max_tokens: 4000, grace: Duration::from_secs(20), ..Limits::default() };
    ServerOptions { models: vec![model("tiny")], limits, ..ServerOptions::default() }
}

/// A question, to be answered in so many tokens.
pub(crate) fn question(text: &str, max_tokens: usize) -> Value {
    json!({
        "messages": [{"role": "user", "content": text}],
        "max_tokens": max_tokens,
        "temperature": 0,
        // It goes on to the end of what it may write.
        "logit_bias": {"257": -100, "258": -100, "259": -100, "260": -100, "261": -100},
    })
}

impl Site {
    pub(crate) fn open(options: ServerOptions) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = runtime.block_on(Server::bind("127.0.0.1:0", options)).expect("a server");
        let address = server.address();
        let (end, ending) = oneshot::channel();
        let server = runtime.spawn(server.run(async {
            let _ = ending.await;
        }));
        Self { runtime: Some(runtime), address, end: Some(end), server: Some(server) }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    pub(crate) fn ask(&self, body: &Value) -> Response {
        self.client().post("/v1/chat/completions", body)
    }

    /// What `/health` says of the tiny model.
    pub(crate) fn state(&self) -> Value {
        self.client().get("/health").json()["models"]["tiny"].clone()
    }

    /// Waits until the model is as it is wanted.
    pub(crate) fn wait_until(&self, wanted: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        while !wanted(&self.state()) {
            assert!(begun.elapsed() < Duration::from_secs(30), "it stays {}", self.state());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Tells the server to end.
    pub(crate) fn close(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
    }

    /// Waits for its end.
    pub(crate) fn join(&mut self) -> Duration {
        let begun = Instant::now();
        let (runtime, server) = (self.runtime.as_ref().unwrap(), self.server.take().unwrap());
        runtime.block_on(server).expect("no panic").expect("an end in order");
        begun.elapsed()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.close();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}
