//! Resampling along the axes between the first and the last.

mod line;

use mlx_core::{Array, Error, Result};

use crate::Module;
use crate::layer::layers;
use line::Line;

/// Makes images, sequences and volumes larger or smaller.
///
/// ```
/// use mlx_core::Array;
/// use mlx_nn::Upsample;
/// use mlx_nn::upsample::{Grid, Interpolation};
///
/// let x = Array::from([1.0, 3.0]).reshape([1, 2, 1])?;
/// let nearest = Upsample::new(2.0, Interpolation::Nearest)?;
/// assert_eq!(nearest.forward(&x)?.to_vec::<f32>()?, [1.0, 1.0, 3.0, 3.0]);
/// let linear = Upsample::new([1.5], Interpolation::Linear(Grid::Corners))?;
/// assert_eq!(linear.forward(&x)?.to_vec::<f32>()?, [1.0, 2.0, 3.0]);
/// # Ok::<(), mlx_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct Upsample {
    #[module(skip)]
    scale: Scale,
    #[module(skip)]
    how: Interpolation,
}

/// By how much lengths grow; less than 1 makes them smaller.
#[derive(Clone, Debug, PartialEq)]
pub enum Scale {
    /// Every axis alike.
    Every(f64),
    /// Each axis by its own.
    Each(Vec<f64>),
}

/// What comes between the elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// The nearest element.
    #[default]
    Nearest,
    /// A line from one element to the next.
    Linear(Grid),
    /// A cubic curve through four elements.
    ///
    /// Keys, "Cubic Convolution Interpolation for Digital Image Processing", with its factor at -0.75, or at -0.5 if
    /// antialiased.
    Cubic(Grid),
}

/// Where new elements lie among the old ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grid {
    /// The middles of both sequences coincide.
    #[default]
    Centers,
    /// Their first elements coincide, and their last ones.
    Corners,
    /// As [`Centers`](Self::Centers); sequences that grow shorter are blurred first, so that no pattern appears
    /// that was not there.
    Antialiased,
}

impl Upsample {
    /// A layer that makes lengths `scale` times as long, cut to whole numbers.
    ///
    /// # Errors
    /// A scale is not a positive number.
    pub fn new(scale: impl Into<Scale>, how: Interpolation) -> crate::Result<Self> {
        let scale = scale.into();
        let factors = match &scale {
            Scale::Every(factor) => std::slice::from_ref(factor),
            Scale::Each(factors) => factors,
        };
        match factors.iter().find(|factor| !(factor.is_finite() && **factor > 0.0)) {
            Some(wrong) => {
                Err(crate::Error::config("scale_factor", format!("{wrong} is not a positive number")))
            }
            None => Ok(Self { scale, how }),
        }
    }

    /// `[batch, …, channels] -> [batch, …, channels]`, where at least one axis lies between the two.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        let axes = x.ndim().saturating_sub(2);
        let factors = match &self.scale {
            Scale::Every(factor) => vec![*factor; axes],
            Scale::Each(factors) => factors.clone(),
        };
        if axes == 0 || factors.len() != axes {
            let message = format!(
                "{:?} has not one axis between the first and the last for each of {factors:?}",
                x.shape()
            );
            return Err(Error::custom("upsample", message));
        }
        factors
            .iter()
            .zip(1..)
            .try_fold(x.clone(), |x, (&factor, axis)| Line::new(&x, axis, factor)?.resample(self.how))
    }
}

layers!(Upsample);

impl From<f64> for Scale {
    fn from(factor: f64) -> Self {
        Self::Every(factor)
    }
}

impl<const N: usize> From<[f64; N]> for Scale {
    fn from(factors: [f64; N]) -> Self {
        Self::Each(factors.to_vec())
    }
}

impl From<Vec<f64>> for Scale {
    fn from(factors: Vec<f64>) -> Self {
        Self::Each(factors)
    }
}
