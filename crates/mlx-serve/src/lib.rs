//! One server for models of text, images, sound and embeddings, with the interfaces of OpenAI and Anthropic.
//!
//! A [`Server`] holds the models that [`ServerOptions`] allow, each on a thread of its own, and answers over HTTP:
//!
//! ```no_run
//! use mlx_serve::{ModelOptions, Server, ServerOptions};
//!
//! # async fn run() -> mlx_serve::Result<()> {
//! let models = vec![ModelOptions::new("HuggingFaceTB/SmolLM2-135M-Instruct")?];
//! let server = Server::bind("127.0.0.1:8080", ServerOptions { models, ..ServerOptions::default() }).await?;
//! println!("http://{}", server.address());
//! server.run(std::future::pending()).await
//! # }
//! ```
//!
//! `engine` is what all models have in common: a thread, its queue, its memory. `text`, `vectors` and `speech` are the kinds
//! of models, `api` the interfaces, `remote`
//! fetches images.

#![forbid(unsafe_code)]

mod api;
mod catalogue;
mod engine;
mod error;
mod fault;
mod metrics;
mod options;
mod remote;
mod server;
mod speech;
mod text;
mod vectors;

pub use catalogue::Task;
pub use error::{Error, Result};
pub use options::{Limits, ModelOptions, ServerOptions};
pub use server::Server;
