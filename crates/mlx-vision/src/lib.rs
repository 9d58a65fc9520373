//! Towers for images, and the parts that they are made of.
//!
//! A tower takes patches of images, `[patches, numbers]`, and gives vectors. What is here serves several families of
//! models: of vision and language, and of embeddings.

#![forbid(unsafe_code)]

mod activation;
mod attention;
mod conv;
mod encoder;
mod feed_forward;
mod patches;
mod rotation;
mod square;
mod squares;
mod vit;

pub use activation::Activation;
pub use attention::{Attention, AttentionNames, AttentionNorms, AttentionOptions};
pub use conv::{Conv, ConvOptions, ConvShape, Pads};
pub use encoder::{Encoder, EncoderLayer, EncoderSizes, LayerNames};
pub use feed_forward::FeedForward;
pub use patches::{PatchEmbedding, PatchSizes};
pub use rotation::Rotation;
pub use square::{Between, SquarePositions};
pub use squares::squares;
pub use vit::{PatchPlaces, Vit, VitSizes};
