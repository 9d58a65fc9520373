//! The public surface, against fixtures made by the reference implementations.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test ends at what it did not expect"
)]

mod byte_level;
mod chat;
mod files;
mod random_text;
mod real;
mod response;
mod sentence_piece;
mod tools;
mod word_piece;

use std::path::PathBuf;

use serde::de::DeserializeOwned;

/// A file or folder of `tests/data`.
fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn fixture<T: DeserializeOwned>(name: &str) -> T {
    let text = std::fs::read_to_string(data(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}
