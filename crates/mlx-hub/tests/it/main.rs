//! Tests of the public surface.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at what it did not expect"
)]

mod damage;
mod directory;
mod families;
mod gguf_file;
#[cfg(feature = "download")]
mod hub;
mod llama;
mod quantized;
#[cfg(feature = "download")]
mod server;
mod smollm2;
mod stream;
