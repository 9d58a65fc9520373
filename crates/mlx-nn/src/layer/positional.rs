//! Positions as features or as distances in attention; [`Rope`](crate::Rope) turns instead.

use std::f32::consts::TAU;

use mlx_core::{Array, Dtype, Index, NewAxis, concatenate};

use crate::layer::layers;
use crate::{Error, Module, Result};

/// Sines and cosines of positions, at frequencies from the greatest to the least.
///
/// Vaswani et al., "Attention Is All You Need".
#[derive(Clone, Debug, Module)]
pub struct SinusoidalPositionalEncoding {
    #[module(skip)]
    frequencies: Vec<f32>,
    scale: f32,
    cos_first: bool,
}

/// How a [`SinusoidalPositionalEncoding`] goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SinusoidalOptions {
    /// The least frequency.
    pub min_freq: f32,
    /// The greatest frequency.
    pub max_freq: f32,
    /// What the features are multiplied by; `sqrt(2 / dims)` if it is `None`.
    pub scale: Option<f32>,
    /// Whether the cosines come before the sines.
    pub cos_first: bool,
    /// Whether frequencies count turns, not radians.
    pub full_turns: bool,
}

impl Default for SinusoidalOptions {
    fn default() -> Self {
        Self { min_freq: 1e-4, max_freq: 1.0, scale: None, cos_first: false, full_turns: false }
    }
}

impl SinusoidalPositionalEncoding {
    /// An encoding in `dims` features.
    ///
    /// # Errors
    /// `dims` is not positive and even, or a frequency is not positive.
    pub fn new(dims: i32, options: SinusoidalOptions) -> Result<Self> {
        let SinusoidalOptions { min_freq, max_freq, scale, cos_first, full_turns } = options;
        if dims <= 0 || dims % 2 != 0 {
            return Err(Error::config("dims", format!("{dims} features cannot be pairs of sine and cosine")));
        }
        for (field, frequency) in [("min_freq", min_freq), ("max_freq", max_freq)] {
            if !(frequency > 0.0 && frequency.is_finite()) {
                return Err(Error::config(field, format!("{frequency} is not a positive number")));
            }
        }
        let (low, high) = (min_freq.ln(), max_freq.ln());
        let last = (dims / 2 - 1).max(1) as f32;
        let turn = if full_turns { TAU } else { 1.0 };
        let places = (0..dims / 2).map(|place| 1.0 - place as f32 / last);
        let frequencies: Vec<_> = places.map(|part| (part * (high - low) + low).exp() * turn).collect();
        Ok(Self { frequencies, scale: scale.unwrap_or_else(|| (2.0 / dims as f32).sqrt()), cos_first })
    }

    /// The features of positions: `[…] -> […, dims]`.
    #[track_caller]
    pub fn forward(&self, positions: &Array) -> mlx_core::Result<Array> {
        let frequencies = Array::from_slice(&self.frequencies, [self.frequencies.len() as i32])?;
        let angles = (positions.index((Index::Ellipsis, NewAxis))? * frequencies)?;
        let (sin, cos) = (angles.sin()?, angles.cos()?);
        concatenate(if self.cos_first { [&cos, &sin] } else { [&sin, &cos] }, -1)? * self.scale
    }
}

/// Lowers the scores of attention in proportion to the distance, with another slope for each head.
///
/// Press et al., "Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation".
#[derive(Clone, Copy, Debug, Default, Module, PartialEq, Eq)]
pub struct Alibi;

impl Alibi {
    /// `scores` `[batch, heads, queries, keys]`, lowered, and with `mask` added if there is one.
    ///
    /// The first query is at the position `offset` of the keys.
    #[track_caller]
    pub fn forward(&self, scores: &Array, offset: i32, mask: Option<&Array>) -> mlx_core::Result<Array> {
        let [_, heads, queries, keys] = scores.dims()?;
        let biases = Self::biases(heads, [queries, keys], offset, scores.dtype())?;
        match mask {
            Some(mask) => scores + (biases + mask)?,
            None => scores + biases,
        }
    }

    /// What is added to scores: `[1, heads, queries, keys]`.
    #[track_caller]
    pub fn biases(heads: i32, lengths: [i32; 2], offset: i32, dtype: Dtype) -> mlx_core::Result<Array> {
        let [queries, keys] = lengths;
        let from = Array::arange(offset..offset.saturating_add(queries))?.reshape([1, 1, -1, 1])?;
        let distances = (from - Array::arange(0..keys)?)?.abs()?;
        let slopes = Array::from_vec(slopes(heads), [heads, 1, 1])?.astype(dtype)?;
        ((-distances)? * slopes)?.astype(dtype)
    }
}

/// How steeply each head's scores fall: powers of `2^(-8 / heads)`.
///
/// If the heads are no power of two, the rest has every second slope of twice as many.
fn slopes(heads: i32) -> Vec<f32> {
    let powers = |count: i32| {
        let first = (-8.0 / f64::from(count)).exp2();
        (1..=count).map(move |power| first.powi(power) as f32)
    };
    let whole = if heads > 0 { 1 << heads.ilog2() } else { 0 };
    let rest = (heads - whole) as usize;
    powers(whole).chain(powers(2 * whole).step_by(2).take(rest)).collect()
}

layers!(SinusoidalPositionalEncoding);
