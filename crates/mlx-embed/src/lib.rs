//! Embeddings of text on MLX: vectors whose distances say how close texts are in meaning.
//!
//! Start with [`load`], which takes a folder or a Hub id in the layout of
//! [sentence-transformers](https://sbert.net) and gives an [`Embedder`]:
//!
//! ```no_run
//! fn main() -> mlx_embed::Result<()> {
//!     let embedder = mlx_embed::load("sentence-transformers/all-MiniLM-L6-v2")?;
//!     let vectors = embedder.embed(&["A man eats bread.", "Someone has a meal."], &Default::default())?;
//!     println!("{:?}", vectors.matmul(vectors.t()?)?.to_vec::<f32>()?);
//!     Ok(())
//! }
//! ```
//!
//! A [`DualEncoder`] makes vectors of images, too, that can be compared with those of texts.
//!
//! The steps behind the encoder, such as pooling, are those that the checkpoint names: [`pipeline`].

#![forbid(unsafe_code)]

mod batch;
mod checkpoint;
pub mod coding;
mod dual_encoder;
mod embedder;
pub mod encoder;
mod error;
pub mod late;
mod layers;
mod packed;
mod pieces;
pub mod pipeline;
pub mod rerank;
pub mod search;
pub mod sparse;
pub mod towers;

pub use coding::Coding;
pub use dual_encoder::DualEncoder;
pub use embedder::{Embedder, Options, load};
pub use encoder::Encoder;
pub use error::{Error, Result};
pub use packed::{Group, Packed};
pub use pieces::Pieces;

pub use {mlx_core, mlx_hub, mlx_image, mlx_text};

/// The chapter of the guide, whose code is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/embeddings.md")]
pub struct Guide;
