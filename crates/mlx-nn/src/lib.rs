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
mod module;
pub mod optim;
mod parameters;
mod quantization;
pub mod train;
mod tree_file;
mod weights;

pub use activation::{gelu, gelu_approx, silu, swiglu};
pub use error::{Error, Result};
pub use grad::value_and_grad;
pub use layer::{Embedding, Head, Layer, Linear, Matrix, Mlp, RmsNorm, Rope, RopeScaling, Sequential, rope};
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
