//! Layers, checkpoint weights and training on mlx-core.
//!
//! A model is a struct of layers that derives [`Module`] and is built from [`Weights`]: those of a checkpoint, or fresh
//! ones by [`Weights::init`]. Its gradients are those of [`value_and_grad`]; [`train`] has what else a loop needs.
//!
//! ```
//! use mlx_core::{Array, Result};
//! use mlx_nn::{Linear, Module, RmsNorm, Weights};
//!
//! #[derive(Module)]
//! struct Model {
//!     norm: RmsNorm,
//!     proj: Linear,
//! }
//!
//! impl Model {
//!     fn load(w: &Weights) -> mlx_nn::Result<Self> {
//!         Ok(Self { norm: w.rms_norm("norm", 8, 1e-5)?, proj: w.linear("proj", [4, 8])? })
//!     }
//!
//!     fn forward(&self, x: &Array) -> Result<Array> {
//!         self.proj.forward(&self.norm.forward(x)?)
//!     }
//! }
//!
//! fn main() -> mlx_nn::Result<()> {
//!     let arrays = [("norm.weight", [8].as_slice()), ("proj.weight", &[4, 8])];
//!     let arrays = arrays.map(|(name, shape)| Ok((name.to_owned(), Array::ones(shape, mlx_core::Dtype::Float32)?)));
//!     let weights = Weights::new(arrays.into_iter().collect::<Result<_>>()?, None);
//!
//!     let model = weights.build(Model::load)?;
//!     assert_eq!(model.forward(&Array::ones([2, 8], mlx_core::Dtype::Float32)?)?.shape(), [2, 4]);
//!     Ok(())
//! }
//! ```

#![forbid(unsafe_code)]

extern crate self as mlx_nn;

mod activation;
mod error;
mod grad;
pub mod init;
mod layer;
pub mod lora;
pub mod loss;
mod module;
pub mod optim;
mod parameters;
mod quantization;
pub mod train;
mod tree_file;
mod weights;

pub use activation::{
    Celu, Elu, Gelu, Glu, HardShrink, HardTanh, Hardswish, Identity, LeakyRelu, LogSigmoid, LogSoftmax, Mish,
    PRelu, Relu, Relu2, Relu6, Selu, Sigmoid, Silu, Softmax, Softmin, Softplus, Softshrink, Softsign, Step,
    Tanh, celu, elu, gelu, gelu_approx, gelu_fast_approx, glu, hard_shrink, hard_tanh, hardswish, leaky_relu,
    log_sigmoid, log_softmax, mish, prelu, relu, relu2, relu6, selu, silu, softmin, softplus, softshrink,
    softsign, step, swiglu,
};
pub use error::{Error, Result};
pub use grad::value_and_grad;
pub use layer::{
    Affine, Alibi, AllToShardedLinear, AttentionOptions, AvgPool, AvgPool1d, AvgPool2d, AvgPool3d, BatchNorm,
    BatchNormOptions, Bilinear, ChannelDropout, Conv, Conv1d, Conv2d, Conv3d, ConvTranspose, ConvTranspose1d,
    ConvTranspose2d, ConvTranspose3d, Dropout, Dropout2d, Dropout3d, Embedding, FullyShardedModule,
    GroupNorm, GroupNormOptions, Gru, Head, InstanceNorm, InstanceNormOptions, Layer, LayerNorm,
    LayerNormOptions, LeftPadding, Linear, Lstm, Matrix, MaxPool, MaxPool1d, MaxPool2d, MaxPool3d, Mlp,
    Moments, MultiHeadAttention, Nonlinearity, Offset, Places, QqLinear, RmsNorm, Rnn, Rope, RopeScaling,
    Sections, Segments, Sequential, Shard, ShardedLinear, ShardedToAllLinear, Sharding, SinusoidalOptions,
    SinusoidalPositionalEncoding, SwitchLinear, Transformer, TransformerDecoder, TransformerDecoderLayer,
    TransformerEncoder, TransformerEncoderLayer, TransformerMasks, TransformerOptions, Upsample, Window,
    clip_grad_norm_sharded, rope, shard_inplace, shard_linear, upsample,
};
#[doc(no_inline)]
pub use mlx_core::transform::Path;
#[doc(no_inline)]
pub use mlx_core::{self, Array};
pub use mlx_derive::Module;
pub use module::{Buffers, Module, Visit, VisitMut};
pub use parameters::Parameters;
pub use quantization::QuantizationConfig;
pub use tree_file::{load_tree, save_tree};
pub use weights::{Misshapen, Report, Weights};

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/training.md")]
mod guide {}
