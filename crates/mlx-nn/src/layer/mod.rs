//! The layers that models are made of.

mod bilinear;
mod conv;
mod embedding;
mod head;
mod linear;
mod matrix;
mod mlp;
mod nonlinearity;
mod qq_linear;
mod recurrent;
mod rms_norm;
pub mod rope;
mod sequential;
pub mod upsample;

pub use bilinear::Bilinear;
pub use conv::{
    Conv, Conv1d, Conv2d, Conv3d, ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d,
};
pub use embedding::Embedding;
pub use head::Head;
pub use linear::Linear;
pub use matrix::Matrix;
pub use mlp::Mlp;
pub use nonlinearity::Nonlinearity;
pub use qq_linear::QqLinear;
pub use recurrent::{Gru, Lstm, Rnn};
pub use rms_norm::RmsNorm;
pub use rope::{Rope, RopeScaling};
pub(crate) use sequential::layers;
pub use sequential::{Layer, Sequential};
pub use upsample::Upsample;
