//! What training makes small: losses of predictions.
//!
//! [`cross_entropy`] and its kind compare classes, [`mse`] and its kind numbers, [`cosine_similarity`] and its
//! kind vectors. [`Reduction`] says what becomes of the losses of the elements.
//!
//! ```
//! use mlx_core::{Array, transform::value_and_grad};
//! use mlx_nn::loss::{CrossEntropy, Reduction, cross_entropy};
//!
//! let (logits, classes) = (Array::from([[2.0, -1.0], [-1.0, 2.0]]), Array::from([0, 1]));
//! let smooth = CrossEntropy { label_smoothing: 0.1, ..Reduction::Mean.into() };
//! let (loss, slope) = value_and_grad(|x: &Array| cross_entropy(x, &classes, smooth))(&logits)?;
//! assert!((loss.item::<f32>()? - 0.198587).abs() < 1e-6);
//! assert_eq!(slope.shape(), [2, 2]);
//! # Ok::<(), mlx_core::Error>(())
//! ```

mod classes;
mod numbers;
mod vectors;

pub use classes::{
    BinaryCrossEntropy, CrossEntropy, binary_cross_entropy, cross_entropy, hinge, kl_div, nll,
};
pub use numbers::{GaussianNll, gaussian_nll, huber, l1, log_cosh, mse, smooth_l1};
pub use vectors::{CosineSimilarity, Triplet, cosine_similarity, margin_ranking, triplet};

use mlx_core::{Array, Error, Result};

/// What becomes of the losses of the elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// They stay as they are.
    #[default]
    None,
    /// Their mean. Weights do not change what it is divided by.
    Mean,
    /// Their sum.
    Sum,
}

impl Reduction {
    #[track_caller]
    fn apply(self, losses: Array) -> Result<Array> {
        match self {
            Self::None => Ok(losses),
            Self::Mean => losses.mean(..),
            Self::Sum => losses.sum(..),
        }
    }
}

/// Refuses named arrays that do not all have one shape.
#[track_caller]
fn same_shape<const N: usize>(op: &'static str, arrays: [(&str, &Array); N]) -> Result<()> {
    let mut shapes = arrays.iter().map(|(_, array)| array.shape());
    let first = shapes.next();
    if shapes.all(|shape| Some(shape) == first) {
        return Ok(());
    }
    let shapes = arrays.map(|(name, array)| format!("{name} {:?}", array.shape())).join(", ");
    Err(Error::custom(op, format!("these must have one shape: {shapes}")))
}

/// The losses, each times its weight.
#[track_caller]
fn weighted(op: &'static str, losses: Array, weights: Option<&Array>) -> Result<Array> {
    match weights {
        Some(weights) => {
            same_shape(op, [("losses", &losses), ("weights", weights)])?;
            losses * weights
        }
        None => Ok(losses),
    }
}

/// Refuses a setting that makes no sense.
#[track_caller]
fn require(is_met: bool, op: &'static str, problem: impl FnOnce() -> String) -> Result<()> {
    if is_met { Ok(()) } else { Err(Error::custom(op, problem())) }
}
