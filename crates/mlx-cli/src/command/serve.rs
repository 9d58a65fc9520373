//! `mlx serve`: models over HTTP.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mlx_core::Dtype;
use mlx_memory::Bytes;
use mlx_serve::{Limits, ModelOptions, Server, ServerOptions, Task};

use crate::cache::Cache;
use crate::failure::Outcome;

/// Serve models over HTTP, with the interfaces of OpenAI and Anthropic.
///
/// Each model runs on a thread of its own and answers all who ask at the same time. Requests name one of the models given
/// here, or none for the first of its kind. A page to talk with them is at the address itself.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx serve --model HuggingFaceTB/SmolLM2-135M-Instruct
  mlx serve --model chat=./qwen3 --model embed=./minilm --model whisper=./whisper-base --port 9000
  mlx serve --model ./qwen2-vl --max-kv-size 8192 --kv-bits 8
  mlx serve --model ./qwen3 --host 0.0.0.0 --api-key a-long-secret
  mlx serve --model ./qwen3-reranker --task qwen3-reranker=rerank

Then, from another shell:
  curl localhost:8080/v1/chat/completions -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}'")]
pub(crate) struct Serve {
    /// A model that requests may name: a folder, a GGUF file or a Hub id, after a name of its own if it is to have one; may
    /// be given several times
    #[arg(long, required = true, value_name = "[NAME=]DIR|FILE.gguf|HUB_ID")]
    model: Vec<String>,
    /// What a model is for where its config does not say: write, see, embed, rerank, transcribe or speak
    #[arg(long, value_name = "NAME=TASK", value_parser = task)]
    task: Vec<(String, Task)>,
    /// Load models with their first request, not at the start
    #[arg(long)]
    lazy: bool,
    /// Use only what is already on this machine
    #[arg(long)]
    offline: bool,
    /// The address to listen to; others than this machine's need --api-key
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    host: String,
    /// The port to listen to; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// A key that requests must have; may be given several times
    #[arg(long, value_name = "KEY", env = "MLX_API_KEY", hide_env_values = true, value_delimiter = ',')]
    api_key: Vec<String>,
    /// Origins of pages that may ask from a browser, separated by commas; `*` is all
    #[arg(long, value_name = "ORIGINS", value_delimiter = ',')]
    allowed_origins: Vec<String>,
    /// Fetch images that requests give by http and https addresses, from machines that all may reach
    #[arg(long)]
    allow_remote_images: bool,
    /// Compute in this type instead of the checkpoint's
    #[arg(long, value_name = "DTYPE")]
    dtype: Option<Dtype>,
    #[command(flatten)]
    cache: Cache,
    #[command(flatten)]
    bounds: Bounds,
}

/// How much is taken on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bounds")]
struct Bounds {
    /// The most tokens of an answer where the request does not say
    #[arg(long, short, value_name = "N", default_value_t = Limits::default().default_max_tokens)]
    max_tokens: usize,
    /// The most tokens of any answer
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_tokens)]
    max_tokens_limit: usize,
    /// Texts that one model writes at the same time
    #[arg(long, value_name = "N", default_value_t = Limits::default().concurrency)]
    decode_concurrency: usize,
    /// Requests that may wait for one model; others are told to come again
    #[arg(long, value_name = "N", default_value_t = Limits::default().queue)]
    queue: usize,
    /// The most prompt tokens that are run at once
    #[arg(long, value_name = "N", default_value_t = Limits::default().prefill_step)]
    prefill_step_size: usize,
    /// Milliseconds that other texts wait for a token while prompts are run, about: fewer prompt tokens are then run at once
    #[arg(long, value_name = "MS", default_value_t = Limits::default().token_gap.as_millis() as u64)]
    token_gap: u64,
    /// The most bytes of a request
    #[arg(long, value_name = "BYTES", default_value = "32MiB")]
    max_body: Bytes,
    /// What all models and their texts may take [default: nine tenths of what is available]
    #[arg(long, value_name = "BYTES")]
    memory: Option<Bytes>,
    /// What each model keeps of earlier prompts
    #[arg(long, value_name = "BYTES", default_value = "512MiB")]
    prompt_cache_bytes: Bytes,
    /// A folder in which that is kept while a model is not loaded
    #[arg(long, value_name = "DIR")]
    prompt_cache_dir: Option<PathBuf>,
    /// Unload a model after so many seconds without a request [default: never]
    #[arg(long, value_name = "S")]
    idle_timeout: Option<u64>,
    /// Seconds that answers may go on after Ctrl-C
    #[arg(long, value_name = "S", default_value_t = Limits::default().grace.as_secs())]
    grace: u64,
}

fn task(text: &str) -> Result<(String, Task), String> {
    let (name, task) = text.split_once('=').ok_or("give NAME=TASK")?;
    let known = Task::ALL.into_iter().find(|known| known.name() == task);
    let known = known.ok_or_else(|| format!("{task} is none of {}", Task::ALL.map(Task::name).join(", ")))?;
    Ok((name.to_owned(), known))
}

/// Answers until it is told to end.
pub(crate) fn run(args: &Serve) -> Outcome {
    let options = args.options()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let server = Server::bind(format!("{}:{}", args.host, args.port), options).await?;
        writeln!(io::stderr(), "http://{} answers; Ctrl-C ends", server.address())?;
        tokio::select! {
            ended = server.run(end()) => Ok(ended?),
            () = again() => Err("ended before its answers were".into()),
        }
    })
}

/// The end told a second time, which waits for nothing.
async fn again() {
    end().await;
    end().await;
}

/// Ctrl-C, or what a supervisor sends.
async fn end() {
    #[cfg(unix)]
    let ended = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let ended = std::future::pending::<()>();
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = ended => {}
    }
}

impl Serve {
    fn options(&self) -> Outcome<ServerOptions> {
        let bounds = &self.bounds;
        let models = self.model.iter().map(|text| self.model(text)).collect::<Outcome<Vec<_>>>()?;
        if let Some((name, _)) =
            self.task.iter().find(|(name, _)| models.iter().all(|model| model.name != *name))
        {
            return Err(format!("--task {name}: no --model has this name").into());
        }
        Ok(ServerOptions {
            models,
            api_keys: self.api_key.iter().filter(|key| !key.is_empty()).cloned().collect(),
            allowed_origins: self.allowed_origins.clone(),
            remote_images: self.allow_remote_images,
            limits: Limits {
                body: usize::try_from(bounds.max_body.get()).unwrap_or(usize::MAX),
                max_tokens: bounds.max_tokens_limit,
                default_max_tokens: bounds.max_tokens,
                queue: bounds.queue,
                concurrency: bounds.decode_concurrency,
                prefill_step: bounds.prefill_step_size,
                token_gap: Duration::from_millis(bounds.token_gap),
                memory: bounds.memory,
                prompt_cache: bounds.prompt_cache_bytes,
                prompt_cache_dir: bounds.prompt_cache_dir.clone(),
                idle: bounds.idle_timeout.map(Duration::from_secs),
                grace: Duration::from_secs(bounds.grace),
                ..Limits::default()
            },
            ..ServerOptions::default()
        })
    }

    fn model(&self, text: &str) -> Outcome<ModelOptions> {
        let mut model = ModelOptions::new(text)?;
        model.source = model.source.offline(self.offline);
        model.task = self.task.iter().find(|(name, _)| *name == model.name).map(|(_, task)| *task);
        model.dtype = self.dtype;
        model.preload = !self.lazy;
        model.cache = self.cache.options();
        Ok(model)
    }
}
