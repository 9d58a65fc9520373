//! Attention of heads.

use mlx_cpu::Level;
use mlx_cpu::attention::{self, Attention, Heads, Reach, Visibility};

use super::numbers::{Floats, fits, in_order, results, sizes};
use crate::fast::Mask;
use crate::ffi::raw;
use crate::kernel::{Failure, Input, Output, Primitive, Spec};
use crate::{Array, Dtype, Result};

/// Attention of queries, keys and values, perhaps with a mask, perhaps with sinks.
#[derive(PartialEq)]
struct Attend {
    scale: f32,
    /// Whether the result is `[batch, length, heads, width]`: what joins the heads then has nothing to copy.
    joined: bool,
    causal: bool,
    mask: bool,
    sinks: bool,
}

/// As [`crate::fast::scaled_dot_product_attention`]; none if there is no kernel for it.
#[track_caller]
pub(crate) fn attention(
    [q, k, v]: [&Array; 3],
    scale: f32,
    mask: Mask<'_>,
    sinks: Option<&Array>,
) -> Option<Result<Array>> {
    let array = match mask {
        Mask::Array(array) => Some(array),
        Mask::None | Mask::Causal => None,
    };
    let ([b, heads, length, width], [_, kv_heads, keys, _]) = (axes(q)?, axes(k)?);
    let [_, _, _, value_width] = axes(v)?;
    let shapes = axes(k)? == [b, kv_heads, keys, width]
        && axes(v)? == [b, kv_heads, keys, value_width]
        && kv_heads > 0
        && heads % kv_heads == 0
        && [b, heads, length, keys, width, value_width].iter().all(|&length| length > 0);
    let dtype = promoted([q, k, v]);
    let floats = [q, k, v].iter().all(|array| fits(array.dtype()));
    let masks = array.is_none_or(|mask| {
        let typed =
            mask.dtype() == Dtype::Bool || (fits(mask.dtype()) && mask.dtype().promote(dtype) == dtype);
        typed && broadcasts(mask.shape(), [b, heads, length, keys])
    });
    let sunk = sinks.is_none_or(|sinks| sinks.shape() == [heads] && fits(sinks.dtype()));
    if !(shapes && floats && masks && sunk && super::is_on()) {
        return None;
    }
    let op = Attend {
        scale,
        joined: length > 1 && heads > 1,
        causal: matches!(mask, Mask::Causal),
        mask: array.is_some(),
        sinks: sinks.is_some(),
    };
    let joined = op.joined;
    let seen = super::apply(op, [Some(q), Some(k), Some(v), array, sinks].into_iter().flatten());
    Some(if joined { seen.and_then(|seen| seen.transpose(JOIN)) } else { seen })
}

/// Swaps heads and places.
const JOIN: [i32; 4] = [0, 2, 1, 3];

fn axes(array: &Array) -> Option<[i32; 4]> {
    array.shape().try_into().ok()
}

fn promoted(arrays: [&Array; 3]) -> Dtype {
    let [q, k, v] = arrays.map(Array::dtype);
    q.promote(k).promote(v)
}

fn broadcasts(shape: &[i32], to: [i32; 4]) -> bool {
    shape.len() <= 4
        && shape.iter().rev().zip(to.iter().rev()).all(|(&length, &to)| length == 1 || length == to)
}

/// The strides of an array as those of four axes, with 0 where it is repeated.
fn repeated(shape: &[i32], strides: &[usize]) -> [usize; 4] {
    let mut all = [0; 4];
    for ((to, &length), &stride) in all.iter_mut().rev().zip(shape.iter().rev()).zip(strides.iter().rev()) {
        *to = if length == 1 { 0 } else { stride };
    }
    all
}

impl Attend {
    /// The mask and the sinks among the inputs behind the first three.
    fn places<'a, T>(&self, others: &'a [T]) -> (Option<&'a T>, Option<&'a T>) {
        let mask = others.first().filter(|_| self.mask);
        (mask, others.get(usize::from(self.mask)).filter(|_| self.sinks))
    }
}

/// Numbers with the strides of three axes.
struct Side<'a> {
    floats: Floats<'a>,
    shape: [usize; 4],
    strides: [usize; 3],
}

impl<'a> Side<'a> {
    fn of(input: &'a Input<'_>) -> Result<Self, Failure> {
        let (floats, strides) = Floats::strided(input)?;
        let &[a, b, c, _] = strides.as_slice() else { return Err("an input has not four axes".into()) };
        Ok(Self { floats, shape: sizes(input.shape())?, strides: [a, b, c] })
    }

    fn heads(&self) -> Result<Heads<'_>, Failure> {
        let heads = Heads::new(self.floats.numbers(), self.shape, self.strides);
        heads.ok_or_else(|| "the strides lead out of an input".into())
    }
}

impl Primitive for Attend {
    const NAME: &'static str = "scaled_dot_product_attention";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        let &[q, k, v, ..] = inputs else { return Ok(Vec::new()) };
        let ([b, heads, length, _], [.., width]) = (q.dims()?, v.dims::<4>()?);
        let [second, third] = if self.joined { [length, heads] } else { [heads, length] };
        Ok(vec![Spec::new([b, second, third, width], promoted([q, k, v]))])
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([q, k, v, others @ ..], [out]) = (inputs, outputs) else {
            return Err("an input is missing".into());
        };
        let (mask, sinks) = self.places(others);
        let sinks = sinks.map(Floats::of).transpose()?;
        let (added, seen);
        let mask = match mask {
            None => None,
            Some(mask) if mask.dtype() == Dtype::Bool => {
                seen = mask.values::<bool>()?;
                let strides = repeated(mask.shape(), &in_order(mask.shape()));
                Some(attention::Mask { values: Visibility::Seen(&seen), strides })
            }
            Some(mask) => {
                added = Floats::of(mask)?;
                let strides = repeated(mask.shape(), &in_order(mask.shape()));
                Some(attention::Mask { values: Visibility::Added(added.numbers()), strides })
            }
        };
        let how = Attention {
            scale: self.scale,
            softcap: None,
            reach: if self.causal { Reach::Causal } else { Reach::All },
            mask,
            sinks: sinks.as_ref().map(Floats::numbers),
            joined: self.joined,
        };
        let (q, k, v) = (Side::of(q)?, Side::of(k)?, Side::of(v)?);
        super::checked(attention::attention(
            Level::best(),
            &q.heads()?,
            &k.heads()?,
            &v.heads()?,
            &how,
            results(out)?,
        ))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [q, k, v, others @ ..] = inputs else { return Ok(Vec::new()) };
        let (mask, sinks) = self.places(others);
        let mode = match mask {
            _ if self.causal => c"causal",
            Some(_) => c"array",
            None => c"",
        };
        let seen = raw::fast_scaled_dot_product_attention(q, k, v, self.scale, mode, mask, sinks, false)?;
        Ok(vec![if self.joined { seen.transpose(JOIN)? } else { seen }])
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}
