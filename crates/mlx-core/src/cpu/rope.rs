//! Rotary positions.

use mlx_cpu::Level;
use mlx_cpu::rope::{self, Frequencies, Heads};

use super::numbers::{Floats, fits, results, sizes};
use crate::fast::Rope;
use crate::ffi::raw;
use crate::kernel::{Failure, Input, Output, Primitive, Spec};
use crate::{Array, Dtype, Result};

/// Turns `x`, perhaps by wavelengths, perhaps from positions in an array.
#[derive(PartialEq)]
struct Turn {
    dims: i32,
    traditional: bool,
    base: Option<f32>,
    scale: f32,
    offset: i32,
    lengths: bool,
}

/// Turns `x` `[batch, heads, length, width]`; none if there is no kernel for it.
#[track_caller]
pub(crate) fn rope(x: &Array, how: Rope<'_>, offset: Option<&Array>) -> Option<Result<Array>> {
    let Rope { dims, traditional, base, scale, offset: first, freqs } = how;
    let [batch, _, _, width] = *x.shape() else { return None };
    let turns = dims > 0 && dims % 2 == 0 && dims <= width && base.is_some() != freqs.is_some();
    let lengths = freqs.is_none_or(|freqs| freqs.shape() == [dims / 2] && freqs.dtype() == Dtype::Float32);
    let places = offset.is_none_or(|offset| {
        offset.dtype() == Dtype::Int32 && (offset.size() == 1 || offset.shape() == [batch])
    });
    if !(turns && lengths && places && fits(x.dtype()) && super::is_on()) {
        return None;
    }
    let op = Turn { dims, traditional, base, scale, offset: first, lengths: freqs.is_some() };
    Some(super::apply(op, [Some(x), freqs, offset].into_iter().flatten()))
}

impl Turn {
    /// Wavelengths and positions among the inputs behind the first.
    fn places<'a, T>(&self, others: &'a [T]) -> (Option<&'a T>, Option<&'a T>) {
        (others.first().filter(|_| self.lengths), others.get(usize::from(self.lengths)))
    }
}

impl Primitive for Turn {
    const NAME: &'static str = "rope";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        Ok(super::like_first(inputs))
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([x, others @ ..], [out]) = (inputs, outputs) else { return Err("an input is missing".into()) };
        let (lengths, offset) = self.places(others);
        let lengths = lengths.map(Input::values::<f32>).transpose()?;
        let offsets = match offset {
            Some(offset) => offset.values::<i32>()?.iter().map(|at| at.wrapping_add(self.offset)).collect(),
            None => vec![self.offset],
        };
        let frequencies = match &lengths {
            Some(lengths) => Frequencies::Reciprocals(lengths),
            None => Frequencies::Base(self.base.unwrap_or(1.0)),
        };
        let how = rope::Rope {
            dims: self.dims.unsigned_abs() as usize,
            traditional: self.traditional,
            frequencies,
            scale: self.scale,
            offsets: &offsets,
        };
        let (floats, strides) = Floats::strided(x)?;
        let &[batch, head, row, _] = strides.as_slice() else {
            return Err("the input has not four axes".into());
        };
        let heads = Heads::new(floats.numbers(), sizes(x.shape())?, [batch, head, row]);
        let heads = heads.ok_or("the strides lead out of the input")?;
        super::checked(rope::rope(Level::best(), &heads, &how, None, results(out)?))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [x, others @ ..] = inputs else { return Ok(Vec::new()) };
        let Self { dims, traditional, base, scale, offset: first, .. } = *self;
        let (freqs, offset) = self.places(others);
        let turned = match offset {
            None => raw::fast_rope(x, dims, traditional, base, scale, first, freqs)?,
            Some(offset) if first == 0 => {
                raw::fast_rope_dynamic(x, dims, traditional, base, scale, offset, freqs)?
            }
            Some(offset) => {
                raw::fast_rope_dynamic(x, dims, traditional, base, scale, &(offset + first)?, freqs)?
            }
        };
        Ok(vec![turned])
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}
