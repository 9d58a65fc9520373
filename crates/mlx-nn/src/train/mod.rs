//! What a training loop is made of, beside [`value_and_grad`](crate::value_and_grad) and an optimiser.
//!
//! All of it is pure, and what has a state takes it and returns the next, so that a whole step can be compiled:
//! models, [`Parameters`](crate::Parameters) and the states here are trees.
//!
//! ```
//! use mlx_core::transform::{Shapes, compile};
//! use mlx_core::{Array, Dtype, random::Key};
//! use mlx_nn::train::{LossScale, check_loss, either, mixed_value_and_grad};
//! use mlx_nn::{Mlp, Module, Weights};
//!
//! let mut model = Weights::init(Key::new(0)?).build(|w| Mlp::load(w, 4, 8, true))?;
//! let step = compile(
//!     |(model, scale, x): &(Mlp, LossScale, Array)| {
//!         let loss = |m: &Mlp| m.forward(&x.astype(Dtype::Float16)?)?.square()?.mean(..);
//!         let (loss, gradients) = mixed_value_and_grad(Dtype::Float16, |_| true, loss)(model, scale)?;
//!         let (scale, finite) = scale.adapt(&gradients)?;
//!         let mut moved = model.clone();
//!         let old = model.parameters();
//!         let new = gradients.map(|path, g| old.get(path).unwrap_or(g) - (g * 0.1)?)?;
//!         moved.update(&new).map_err(|error| mlx_core::Error::custom("step", error.to_string()))?;
//!         Ok((either(&finite, &moved, model)?, scale, loss))
//!     },
//!     Shapes::Exact,
//! );
//!
//! let (mut scale, x) = (LossScale::dynamic()?, Array::ones([2, 4], Dtype::Float32)?);
//! for at in 0..3 {
//!     let (next, next_scale, loss) = step(&(model, scale, x.clone()))?;
//!     check_loss(&loss, at)?;
//!     (model, scale) = (next, next_scale);
//! }
//! # Ok::<(), mlx_nn::Error>(())
//! ```

mod accumulate;
mod average;
mod checkpoint;
mod mixed;
mod watch;

pub use accumulate::Accumulator;
pub use average::{MESSAGE_BYTES, average_gradients};
pub use checkpoint::{Checkpointed, checkpoint};
pub use mixed::{LossScale, either, mixed_value_and_grad};
pub use watch::check_loss;
