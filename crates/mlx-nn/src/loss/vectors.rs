//! Losses of vectors and scores by what they are near to.

use mlx_core::linalg::{Order, norm};
use mlx_core::{Array, Result};

use super::{Reduction, require, same_shape};

/// How [`cosine_similarity`] goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineSimilarity {
    /// The axis of the features.
    pub axis: i32,
    /// The product of the lengths is at least this.
    pub eps: f32,
    /// What becomes of the similarities.
    pub reduction: Reduction,
}

impl From<Reduction> for CosineSimilarity {
    fn from(reduction: Reduction) -> Self {
        Self { axis: 1, eps: 1e-8, reduction }
    }
}

impl Default for CosineSimilarity {
    fn default() -> Self {
        Reduction::None.into()
    }
}

/// The cosine of the angle between vectors that broadcast. It grows with the similarity: minimise its negative.
#[track_caller]
pub fn cosine_similarity(a: &Array, b: &Array, options: impl Into<CosineSimilarity>) -> Result<Array> {
    let CosineSimilarity { axis, eps, reduction } = options.into();
    let lengths = (norm(a, Order::Euclidean, axis)? * norm(b, Order::Euclidean, axis)?)?;
    reduction.apply(((a * b)?.sum(axis)? / lengths.maximum(eps)?)?)
}

/// How [`triplet`] goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Triplet {
    /// The axis of the features.
    pub axis: i32,
    /// The norm that measures distances, at least 1.
    pub p: f32,
    /// How much farther the negatives should be.
    pub margin: f32,
    /// What is added to a distance before the root, whose gradient at zero is infinite.
    pub eps: f32,
    /// What becomes of the losses.
    pub reduction: Reduction,
}

impl From<Reduction> for Triplet {
    fn from(reduction: Reduction) -> Self {
        Self { axis: -1, p: 2.0, margin: 1.0, eps: 1e-6, reduction }
    }
}

impl Default for Triplet {
    fn default() -> Self {
        Reduction::None.into()
    }
}

/// `max(0, |anchor - positive| - |anchor - negative| + margin)`, of vectors that broadcast.
///
/// Balntas et al., "Learning Local Feature Descriptors with Triplets and Shallow Convolutional Neural Networks".
///
/// # Errors
/// `p` is less than 1.
#[track_caller]
pub fn triplet(
    anchors: &Array,
    positives: &Array,
    negatives: &Array,
    options: impl Into<Triplet>,
) -> Result<Array> {
    let Triplet { axis, p, margin, eps, reduction } = options.into();
    require(p >= 1.0, "triplet", || format!("p is a number from 1 on, not {p}"))?;
    let distance = |to: &Array| {
        let sum = (anchors - to)?.abs()?.power(p)?.sum(axis)?;
        (sum + eps)?.power(1.0 / p)
    };
    let losses = ((distance(positives)? - distance(negatives)?)? + margin)?;
    reduction.apply(losses.maximum(0.0)?)
}

/// `max(0, margin - target · (a - b))` of scores `a` and `b`; the target is 1 if `a` should be the greater, else -1.
///
/// # Errors
/// The shapes differ.
#[track_caller]
pub fn margin_ranking(
    a: &Array,
    b: &Array,
    targets: &Array,
    margin: f32,
    reduction: Reduction,
) -> Result<Array> {
    same_shape("margin_ranking", [("first scores", a), ("second scores", b), ("targets", targets)])?;
    let losses = ((-(targets * (a - b)?)?)? + margin)?;
    // Equal scores without a margin are a tie; in this order, its gradient tells them apart.
    reduction.apply(losses.zeros_like()?.maximum(losses)?)
}
