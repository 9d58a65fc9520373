//! Rotary positions, and the ways in which models stretch them.
//!
//! [`Rope`] turns; [`RopeScaling`] is what a config says, and the other types are its more involved kinds.

mod llama3;
mod longrope;
mod offset;
mod places;
mod proportional;
mod scaling;
mod yarn;

pub use llama3::Llama3;
pub use longrope::LongRope;
pub use offset::{LeftPadding, Offset};
pub use places::Places;
pub use proportional::Proportional;
pub use scaling::{RopeScaling, Sections};
pub use yarn::Yarn;

use mlx_core::transform::Path;
use mlx_core::{Array, Index, Tree, concatenate, fast};

use crate::{Error, Result};

/// Turns pairs of features by angles that grow with the position.
///
/// Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding".
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    dims: i32,
    traditional: bool,
    waves: Waves,
    /// Positions are multiplied by this.
    pace: f32,
    /// The features that turn are multiplied by this.
    magnitude: f32,
    /// Which pairs turn with which of three positions.
    sections: Option<Sections>,
}

/// How far it is, in radians, from one position to the next that turns a pair of features alike.
#[derive(Clone, Debug, PartialEq)]
enum Waves {
    /// Powers of a base.
    Base(f32),
    /// Powers of a base that grows with the length of the text.
    Growing { base: f32, factor: f32, max_position: i32 },
    /// One length for each pair.
    Lengths(Lengths),
    /// One length for each pair in texts that end at `original` at most, and another in longer ones.
    ByLength { short: Lengths, long: Lengths, original: i32 },
}

/// Lengths, and the array of them `[dims / 2]`.
#[derive(Clone, Debug)]
struct Lengths {
    values: Vec<f32>,
    array: Array,
}

impl Lengths {
    fn new(values: Vec<f32>) -> Result<Self> {
        let array = Array::from_slice(&values, [i32::try_from(values.len()).unwrap_or(i32::MAX)])?;
        Ok(Self { values, array })
    }
}

impl Waves {
    /// Whether they change with the length of the text.
    fn change(&self) -> bool {
        matches!(self, Self::Growing { .. } | Self::ByLength { .. })
    }
}

impl PartialEq for Lengths {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl Rope {
    /// The rotation of the first `dims` features, in pairs of neighbours if `traditional`, else of halves.
    ///
    /// `base` and `max_position` are the `rope_theta` and `max_position_embeddings` of a config.
    ///
    /// # Errors
    /// A number makes no sense, or `scaling` does not go with `dims`.
    pub fn new(
        dims: i32,
        base: f32,
        scaling: Option<&RopeScaling>,
        traditional: bool,
        max_position: i32,
    ) -> Result<Self> {
        if dims <= 0 || dims % 2 != 0 {
            return Err(Error::config("head_dim", format!("{dims} features cannot turn in pairs")));
        }
        if !(base > 0.0 && base.is_finite()) {
            return Err(Error::config("rope_theta", format!("{base} is not a positive number")));
        }
        let waves = Waves::Base(base);
        let plain = Self { dims, traditional, waves, pace: 1.0, magnitude: 1.0, sections: None };
        match scaling {
            None | Some(RopeScaling::Default) => Ok(plain),
            Some(RopeScaling::Mrope(sections)) => {
                Ok(Self { sections: Some(sections.check(dims / 2)?), ..plain })
            }
            Some(&RopeScaling::Linear { factor }) => Ok(Self { pace: 1.0 / factor, ..plain }),
            Some(&RopeScaling::Dynamic { factor }) => {
                let max_position = positive("max_position_embeddings", max_position)?;
                Ok(Self { waves: Waves::Growing { base, factor, max_position }, ..plain })
            }
            Some(RopeScaling::Llama3(llama3)) => plain.with_lengths(llama3.wavelengths(base, dims)),
            Some(RopeScaling::Yarn(yarn)) => {
                Self { magnitude: yarn.magnitude(), ..plain }.with_lengths(yarn.wavelengths(base, dims))
            }
            Some(RopeScaling::LongRope(long)) => {
                let magnitude = long.magnitude(max_position)?;
                let plain = Self { magnitude, traditional: false, ..plain };
                let all = long.wavelengths(base, dims)?;
                match long.short_wavelengths(base, dims)? {
                    None => plain.with_lengths(all),
                    Some(short) => {
                        let original = long.original_max_position_embeddings;
                        let (short, long) = (Lengths::new(short)?, Lengths::new(all)?);
                        Ok(Self { waves: Waves::ByLength { short, long, original }, ..plain })
                    }
                }
            }
            Some(RopeScaling::Proportional(part)) => plain.with_lengths(part.wavelengths(base, dims)?),
        }
    }

    fn with_lengths(self, values: Vec<f32>) -> Result<Self> {
        Ok(Self { waves: Waves::Lengths(Lengths::new(values)?), ..self })
    }

    /// Turns `x` `[batch, heads, length, width]`, whose first place is at position `offset`: a number, or one for
    /// each of the batch, or each place is at its own.
    #[track_caller]
    pub fn forward<'o>(&self, x: &Array, offset: impl Into<Offset<'o>>) -> mlx_core::Result<Array> {
        let offset = offset.into();
        if let (true, Offset::Padded { end, padding }) = (self.waves.change(), offset) {
            return self.forward_each(x, end, padding);
        }
        let (first, padding) = match offset {
            Offset::At(places) => return self.forward_at(x, places),
            Offset::All(first) => (first, None),
            Offset::Padded { end, padding } => (end, Some(padding)),
        };
        let x = self.magnify(x)?;
        let how = self.rotation(first, x.dim(-2)?);
        match padding {
            None => fast::rope(&x, how),
            Some(padding) => fast::rope_dynamic(&x, how, padding.shift()),
        }
    }

    /// [`forward`](Self::forward) for each of several heads side by side, which are split and perhaps normalised before:
    /// `[batch, length, heads · width] -> [batch, heads, length, width]`.
    #[track_caller]
    pub fn forward_heads<'o, const N: usize>(
        &self,
        all: [fast::Heads<'_>; N],
        offset: impl Into<Offset<'o>>,
    ) -> mlx_core::Result<[Array; N]> {
        let offset = offset.into();
        let change = self.waves.change();
        let length = all.first().map_or(Ok(0), |part| part.x.dim(-2))?;
        match offset {
            Offset::All(first) if self.magnitude == 1.0 => {
                return fast::rope_heads(all, self.rotation(first, length), None);
            }
            Offset::Padded { end, padding } if self.magnitude == 1.0 && !change => {
                return fast::rope_heads(all, self.rotation(end, length), Some(padding.shift()));
            }
            _ => {}
        }
        let mut turned = all.map(|part| part.x.clone());
        for (turned, part) in turned.iter_mut().zip(all) {
            *turned = self.forward(&part.split()?, offset)?;
        }
        Ok(turned)
    }

    /// How `length` places turn from `first` on.
    fn rotation(&self, first: i32, length: i32) -> fast::Rope<'_> {
        let (base, freqs) = match &self.waves {
            &Waves::Base(base) => (Some(base), None),
            &Waves::Growing { base, factor, max_position } => {
                let end = length.saturating_add(first);
                (Some(grown(base, factor, end, max_position, self.dims)), None)
            }
            Waves::Lengths(lengths) => (None, Some(&lengths.array)),
            Waves::ByLength { short, long, original } => {
                let is_short = length.saturating_add(first) <= *original;
                (None, Some(if is_short { &short.array } else { &long.array }))
            }
        };
        let Self { dims, traditional, pace, .. } = *self;
        fast::Rope { dims, traditional, base, scale: pace, offset: first, freqs }
    }

    /// [`forward`](Self::forward) for one text after the other, as the waves depend on how long each is.
    fn forward_each(&self, x: &Array, end: i32, padding: &LeftPadding) -> mlx_core::Result<Array> {
        let turned: Vec<_> = (0..)
            .zip(padding.widths())
            .map(|(row, width)| self.forward(&x.index(row..row + 1)?, end - width))
            .collect::<mlx_core::Result<_>>()?;
        concatenate(&turned, 0)
    }

    /// `x` with the features that turn multiplied by the magnitude.
    fn magnify(&self, x: &Array) -> mlx_core::Result<Array> {
        if self.magnitude == 1.0 {
            return Ok(x.clone());
        }
        if x.dim(-1)? == self.dims {
            return x * self.magnitude;
        }
        let turning = (x.index((Index::Ellipsis, ..self.dims))? * self.magnitude)?;
        x.slice_update(&turning, vec![0; x.ndim()])
    }
}

/// The base for a text that ends at position `end`: that of NTK-aware scaling, over what `factor` stretches.
fn grown(base: f32, factor: f32, end: i32, max_position: i32, dims: i32) -> f32 {
    let [base, factor] = [base, factor].map(f64::from);
    let [end, max_position, dims] = [end.max(max_position), max_position, dims].map(f64::from);
    (base * (factor * end / max_position - (factor - 1.0)).powf(dims / (dims - 2.0))) as f32
}

/// A setting: its lengths are constants of a trace.
impl Tree for Rope {
    fn visit_leaves<'a>(&'a self, _: &mut Path, _: &mut dyn FnMut(&str, &'a Array)) {}

    fn map_leaves(
        &self,
        _: &mut Path,
        _: &mut dyn FnMut(&str, &Array) -> mlx_core::Result<Array>,
    ) -> mlx_core::Result<Self> {
        Ok(self.clone())
    }

    fn same_form(&self, other: &Self) -> bool {
        self == other
    }
}

/// The wavelengths without scaling: `base^(2i / dims)` for each pair `i`.
fn powers(base: f32, dims: i32) -> Vec<f32> {
    (0..dims / 2).map(|pair| base.powf((2 * pair) as f32 / dims as f32)).collect()
}

fn positive(field: &str, value: i32) -> Result<i32> {
    if value > 0 { Ok(value) } else { Err(Error::config(field, format!("{value} is not a positive number"))) }
}
