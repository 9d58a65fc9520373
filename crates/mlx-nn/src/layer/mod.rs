//! The layers that models are made of.

mod embedding;
mod head;
mod linear;
mod matrix;
mod mlp;
mod rms_norm;
pub mod rope;
mod sequential;

pub use embedding::Embedding;
pub use head::Head;
pub use linear::Linear;
pub use matrix::Matrix;
pub use mlp::Mlp;
pub use rms_norm::RmsNorm;
pub use rope::{Rope, RopeScaling};
pub(crate) use sequential::layers;
pub use sequential::{Layer, Sequential};
