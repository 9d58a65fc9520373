//! What is served, and to whom.

use std::path::PathBuf;
use std::time::Duration;

use mlx_core::Dtype;
use mlx_hub::Source;
use mlx_lm::GenerateOptions;
use mlx_lm::cache::CacheOptions;
use mlx_lm::sampling::Processor;
use mlx_memory::Bytes;

use crate::catalogue::Task;
use crate::fault::Fault;
use crate::{Error, Result};

/// What is served, and to whom.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// The models that requests may name. The first of a task is the one for requests that name none.
    pub models: Vec<ModelOptions>,
    /// Keys of which a request must have one; without any, all requests are answered.
    pub api_keys: Vec<String>,
    /// Bounds of requests and of what is kept for them.
    pub limits: Limits,
    /// Pages of these origins may call the server from a browser; `*` is all of them.
    pub allowed_origins: Vec<String>,
    /// Whether images may be given by `http` and `https` addresses. They are never fetched from private networks.
    pub remote_images: bool,
    /// What is done to the scores of every text beside what requests ask for.
    pub processors: Vec<Processor>,
}

/// A model that requests may name.
#[derive(Clone, Debug)]
pub struct ModelOptions {
    /// The name in requests.
    pub name: String,
    /// Where its files are.
    pub source: Source,
    /// What it is for; as its config says without it.
    pub task: Option<Task>,
    /// What it computes in; the type of its weights without it.
    pub dtype: Option<Dtype>,
    /// Load it at the start, not with the first request.
    pub preload: bool,
    /// How much of a text is remembered, and how.
    pub cache: CacheOptions,
}

impl ModelOptions {
    /// A model by a folder, a GGUF file or a Hub id, which is its name too; or `name=source`.
    ///
    /// # Errors
    /// The source is none of these.
    pub fn new(text: &str) -> Result<Self> {
        let (name, source) = text.split_once('=').unwrap_or((text, text));
        let wrong = |why: String| Error::Model { name: name.to_owned(), why };
        if name.is_empty() {
            return Err(wrong("the name before `=` is empty".into()));
        }
        Ok(Self {
            name: name.trim_end_matches('/').to_owned(),
            source: Source::parse(source).map_err(|error| wrong(error.to_string()))?,
            task: None,
            dtype: None,
            preload: false,
            cache: CacheOptions::default(),
        })
    }
}

/// Bounds of requests, and of what is kept for them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most bytes of a request.
    pub body: usize,
    /// The most tokens of an answer, whatever a request says.
    pub max_tokens: usize,
    /// The most tokens of an answer where the request does not say.
    pub default_max_tokens: usize,
    /// The most requests that wait for one model. Others are told to come again.
    pub queue: usize,
    /// The most texts that one model writes at the same time.
    pub concurrency: usize,
    /// The most prompt tokens that are run at once.
    pub prefill_step: usize,
    /// How long other texts may wait for a token while prompts are run, about: fewer prompt tokens are then run at once.
    /// A prompt gets half of the time at least.
    pub token_gap: Duration,
    /// What all models and their texts may take together; by default nine tenths of what is available at the start.
    pub memory: Option<Bytes>,
    /// What each model may keep of earlier prompts.
    pub prompt_cache: Bytes,
    /// Where that is kept when a model is unloaded, to be there again when it is loaded; nowhere without it.
    pub prompt_cache_dir: Option<PathBuf>,
    /// After so long without a request a model is unloaded; never without it.
    pub idle: Option<Duration>,
    /// An engine that does not answer for so long is stuck, as `/health` says. A chunk of a prompt takes seconds on a slow
    /// machine.
    pub probe: Duration,
    /// How long texts may go on after the server is told to end.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 32 << 20,
            max_tokens: 32768,
            default_max_tokens: 4096,
            queue: 256,
            concurrency: 64,
            prefill_step: GenerateOptions::default().prefill_step,
            token_gap: Duration::from_millis(150),
            memory: None,
            prompt_cache: Bytes::mib(512),
            prompt_cache_dir: None,
            idle: None,
            probe: Duration::from_secs(10),
            grace: Duration::from_secs(30),
        }
    }
}

impl ModelOptions {
    /// What requests for it are told when it cannot be loaded.
    pub(crate) fn unloadable(&self, error: &dyn std::error::Error) -> Fault {
        Fault::unavailable(format!("the model {} cannot be loaded: {error}", self.name))
    }
}
