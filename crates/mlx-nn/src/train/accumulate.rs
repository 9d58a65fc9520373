//! Gradients of batches that do not fit into memory at once.

use mlx_core::{Array, Dtype, Result, Tree};

use crate::Parameters;

/// The sum of the gradients of several batches.
///
/// Compute each sum before the next batch is begun, else all of them are kept.
///
/// ```
/// use mlx_core::Array;
/// use mlx_nn::{Parameters, train::Accumulator};
///
/// let gradients = |value: f32| Parameters::from_iter([("w", Array::from([value, 1.0]))]);
/// let mut sum = Accumulator::new(&gradients(0.0))?;
/// for value in [1.0, 2.0, 6.0] {
///     sum = sum.add(&gradients(value))?;
///     sum.eval()?;
/// }
/// assert_eq!(sum.mean()?.get("w").unwrap().to_vec::<f32>()?, [3.0, 1.0]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct Accumulator {
    sum: Parameters,
    count: Array,
}

impl Accumulator {
    /// A sum of nothing, for gradients like these.
    pub fn new(gradients: &Parameters) -> Result<Self> {
        let sum = gradients.map(|_, gradient| gradient.zeros_like())?;
        Ok(Self { sum, count: Array::zeros([], Dtype::Float32)? })
    }

    /// The sum with the gradients of one more batch.
    ///
    /// # Errors
    /// They have other paths.
    #[track_caller]
    pub fn add(&self, gradients: &Parameters) -> Result<Self> {
        let sum = self.sum.tree_zip(gradients, |_, sum, gradient| sum + gradient)?;
        Ok(Self { sum, count: (&self.count + 1.0)? })
    }

    /// The mean over the batches.
    pub fn mean(&self) -> Result<Parameters> {
        self.sum.map(|_, sum| (sum / &self.count)?.astype(sum.dtype()))
    }

    /// Computes the sum.
    pub fn eval(&self) -> Result<()> {
        mlx_core::eval(self.leaves())
    }
}
