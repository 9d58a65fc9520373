//! Indexes a folder of text files, and answers queries with the passages that are closest in meaning.
//!
//! ```text
//! cargo run --release --example folder_search -- sentence-transformers/all-MiniLM-L6-v2 index notes notes.index
//! cargo run --release --example folder_search -- sentence-transformers/all-MiniLM-L6-v2 ask notes.index "a good recipe"
//! ```

#![allow(clippy::print_stdout, reason = "an example shows its result")]

mod store;

use std::env;
use std::error::Error;
use std::path::Path;

use store::{Store, passages};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match *words.as_slice() {
        [model, "index", folder, index] => {
            let embedder = mlx_embed::load(model)?;
            let passages = passages(Path::new(folder), &embedder)?;
            println!("{} passages", passages.len());
            Store::of(passages, &embedder)?.save(Path::new(index))
        }
        [model, "ask", index, query] => {
            let embedder = mlx_embed::load(model)?;
            for found in Store::open(Path::new(index))?.ask(query, 5, &embedder)? {
                println!("{:.3}  {}: {}", found.similarity, found.passage.file, found.passage.text);
            }
            Ok(())
        }
        _ => {
            Err("usage: folder_search MODEL index FOLDER INDEX, or folder_search MODEL ask INDEX QUERY"
                .into())
        }
    }
}
