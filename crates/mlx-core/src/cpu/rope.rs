//! Rotary positions.

use std::sync::Arc;

use mlx_cpu::Level;
use mlx_cpu::norm::Norm;
use mlx_cpu::rope::{self, Frequencies, Heads};

use super::numbers::{Floats, fits, results, sizes};
use crate::fast::{self, Rope};
use crate::ffi::raw;
use crate::kernel::{self, Failure, Input, Output, Primitive, Spec};
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

/// Splits, normalises and turns heads that lie side by side: behind each input its weight, if it has one.
#[derive(PartialEq)]
struct TurnHeads {
    turn: Turn,
    parts: Vec<Part>,
}

/// Heads of one input, and what is added to the mean square of each, if they are normalised.
#[derive(PartialEq)]
struct Part {
    heads: i32,
    epsilon: Option<f32>,
}

/// Turns `x` `[batch, heads, length, width]`; none if there is no kernel for it.
#[track_caller]
pub(crate) fn rope(x: &Array, how: Rope<'_>, offset: Option<&Array>) -> Option<Result<Array>> {
    let [batch, _, _, width] = *x.shape() else { return None };
    let op = Turn::of(how, offset, [batch, width])?;
    if fits(x.dtype()) && super::is_on() {
        Some(super::apply(op, [Some(x), how.freqs, offset].into_iter().flatten()))
    } else {
        None
    }
}

/// Splits, normalises and turns heads; none if there is no kernel for all of them.
#[track_caller]
pub(crate) fn rope_heads(
    all: &[fast::Heads<'_>],
    how: Rope<'_>,
    offset: Option<&Array>,
) -> Option<Result<Vec<Array>>> {
    let first = all.first()?;
    let suits = |part: &fast::Heads<'_>| {
        let weighs =
            |(weight, _): (&Array, f32)| weight.shape() == [part.width()] && weight.dtype() == part.x.dtype();
        fits(part.x.dtype())
            && part.x.size() > 0
            && part.norm.is_none_or(weighs)
            && part.width() == first.width()
    };
    let batch = *first.x.shape().first()?;
    if !(all.iter().all(|part| suits(part) && part.x.shape().first() == Some(&batch)) && super::is_on()) {
        return None;
    }
    let turn = Turn::of(how, offset, [batch, first.width()])?;
    let parts = all.iter().map(|part| Part { heads: part.heads, epsilon: part.norm.map(|(_, eps)| eps) });
    let op = TurnHeads { turn, parts: parts.collect() };
    let inputs = all.iter().flat_map(|part| [Some(part.x), part.norm.map(|(weight, _)| weight)]);
    Some(kernel::apply(&Arc::new(op), inputs.chain([how.freqs, offset]).flatten()))
}

impl Turn {
    /// The rotation of so many texts with heads of such a width; none if there is no kernel for it.
    fn of(how: Rope<'_>, offset: Option<&Array>, [batch, width]: [i32; 2]) -> Option<Self> {
        let Rope { dims, traditional, base, scale, offset: first, freqs } = how;
        let turns = dims > 0 && dims % 2 == 0 && dims <= width && base.is_some() != freqs.is_some();
        let lengths =
            freqs.is_none_or(|freqs| freqs.shape() == [dims / 2] && freqs.dtype() == Dtype::Float32);
        let places = offset.is_none_or(|offset| {
            offset.dtype() == Dtype::Int32 && (offset.size() == 1 || offset.shape() == [batch])
        });
        let op = Self { dims, traditional, base, scale, offset: first, lengths: freqs.is_some() };
        (turns && lengths && places).then_some(op)
    }

    /// Calls `work` with the rotation, of which wavelengths and positions are among `others`.
    fn with<R>(&self, others: &[Input<'_>], work: impl FnOnce(&rope::Rope<'_>) -> R) -> Result<R, Failure> {
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
        Ok(work(&rope::Rope {
            dims: self.dims.unsigned_abs() as usize,
            traditional: self.traditional,
            frequencies,
            scale: self.scale,
            offsets: &offsets,
        }))
    }

    /// `x` turned, in MLX's ops.
    fn in_ops(&self, x: &Array, others: &[Array]) -> Result<Array> {
        let Self { dims, traditional, base, scale, offset: first, .. } = *self;
        let (freqs, offset) = self.places(others);
        match offset {
            None => raw::fast_rope(x, dims, traditional, base, scale, first, freqs),
            Some(offset) if first == 0 => {
                raw::fast_rope_dynamic(x, dims, traditional, base, scale, offset, freqs)
            }
            Some(offset) => {
                raw::fast_rope_dynamic(x, dims, traditional, base, scale, &(offset + first)?, freqs)
            }
        }
    }

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
        let (floats, strides) = Floats::strided(x)?;
        let &[batch, head, row, _] = strides.as_slice() else {
            return Err("the input has not four axes".into());
        };
        let heads = Heads::new(floats.numbers(), sizes(x.shape())?, [batch, head, row]);
        let heads = heads.ok_or("the strides lead out of the input")?;
        let out = results(out)?;
        super::checked(self.with(others, |how| rope::rope(Level::best(), &heads, how, None, out))?)
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [x, others @ ..] = inputs else { return Ok(Vec::new()) };
        Ok(vec![self.in_ops(x, others)?])
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

impl TurnHeads {
    /// Each of the heads with its input and its weight; then the inputs of the rotation.
    #[expect(clippy::type_complexity, reason = "two lists")]
    fn parts<'a, T>(&self, mut inputs: &'a [T]) -> (Vec<(&Part, &'a T, Option<&'a T>)>, &'a [T]) {
        let mut parts = Vec::new();
        for part in &self.parts {
            let Some((x, rest)) = inputs.split_first() else { break };
            inputs = rest;
            let weight = part.epsilon.and_then(|_| inputs.split_off_first());
            parts.push((part, x, weight));
        }
        (parts, inputs)
    }
}

impl Part {
    /// The batch, the length, and the width of a head of this shape.
    fn sizes(&self, shape: &[i32]) -> [i32; 3] {
        match *shape {
            [batch, length, all] => [batch, length, all / self.heads.max(1)],
            _ => [0; 3],
        }
    }
}

impl Primitive for TurnHeads {
    const NAME: &'static str = "rope_heads";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        let (parts, _) = self.parts(inputs);
        let spec = |(part, x, _): (&Part, &&Array, _)| {
            let [batch, length, width] = part.sizes(x.shape());
            Spec::new([batch, part.heads, length, width], x.dtype())
        };
        Ok(parts.into_iter().map(spec).collect())
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let (parts, others) = self.parts(inputs);
        self.turn.with(others, |how| {
            for ((part, x, weight), out) in parts.into_iter().zip(outputs) {
                let [batch, length, width] = part.sizes(x.shape()).map(|size| size.unsigned_abs() as usize);
                let shape = [batch, part.heads.unsigned_abs() as usize, length, width];
                let (floats, strides) = Floats::strided(x)?;
                let &[item, row, _] = strides.as_slice() else {
                    return Err("the input has not three axes".into());
                };
                let heads = Heads::new(floats.numbers(), shape, [item, width, row]);
                let heads = heads.ok_or("the strides lead out of the input")?;
                let weight = weight.map(Floats::of).transpose()?;
                let norm = part.epsilon.map(|epsilon| Norm {
                    width,
                    epsilon,
                    weight: weight.as_ref().map(Floats::numbers),
                    bias: None,
                });
                super::checked(rope::rope(Level::best(), &heads, how, norm.as_ref(), results(out)?))?;
            }
            Ok(())
        })?
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let (parts, others) = self.parts(inputs);
        let placed = parts.into_iter().map(|(part, x, weight)| {
            let [batch, length, width] = part.sizes(x.shape());
            let heads = x.reshape([batch, length, part.heads, width])?.transpose([0, 2, 1, 3])?;
            let heads = match part.epsilon {
                Some(epsilon) => raw::fast_rms_norm(&heads, weight, epsilon)?,
                None => heads,
            };
            self.turn.in_ops(&heads, others)
        });
        placed.collect()
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}
