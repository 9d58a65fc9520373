//! The layers that models are made of.

mod attention;
mod bilinear;
mod conv;
mod distributed;
mod dropout;
mod embedding;
mod head;
mod linear;
mod matrix;
mod mlp;
mod nonlinearity;
mod norm;
mod pool;
mod positional;
mod qq_linear;
mod recurrent;
pub mod rope;
mod sequential;
mod switch_linear;
mod transformer;
pub mod upsample;

pub use attention::{AttentionOptions, MultiHeadAttention};
pub use bilinear::Bilinear;
pub use conv::{
    Conv, Conv1d, Conv2d, Conv3d, ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d,
};
pub use distributed::{
    AllToShardedLinear, FullyShardedModule, Segments, Shard, ShardedLinear, ShardedToAllLinear, Sharding,
    clip_grad_norm_sharded, shard_inplace, shard_linear,
};
pub use dropout::{ChannelDropout, Dropout, Dropout2d, Dropout3d};
pub use embedding::Embedding;
pub use head::Head;
pub use linear::Linear;
pub use matrix::Matrix;
pub use mlp::Mlp;
pub use nonlinearity::Nonlinearity;
pub use norm::{
    Affine, BatchNorm, BatchNormOptions, GroupNorm, GroupNormOptions, InstanceNorm, InstanceNormOptions,
    LayerNorm, LayerNormOptions, Moments, RmsNorm,
};
pub use pool::{AvgPool, AvgPool1d, AvgPool2d, AvgPool3d, MaxPool, MaxPool1d, MaxPool2d, MaxPool3d, Window};
pub use positional::{Alibi, SinusoidalOptions, SinusoidalPositionalEncoding};
pub use qq_linear::QqLinear;
pub use recurrent::{Gru, Lstm, Rnn};
pub use rope::{LeftPadding, Offset, Places, Rope, RopeScaling, Sections};
pub(crate) use sequential::layers;
pub use sequential::{Layer, Sequential};
pub use switch_linear::SwitchLinear;
pub use transformer::{
    Transformer, TransformerDecoder, TransformerDecoderLayer, TransformerEncoder, TransformerEncoderLayer,
    TransformerMasks, TransformerOptions,
};
pub use upsample::Upsample;
