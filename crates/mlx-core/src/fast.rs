//! Fused ops of transformers.

use crate::ffi::raw;
use crate::{Array, Dtype, Error, Kind, Result, cpu};

/// Divides by the root mean square of the last axis, then scales by `weight` `[width]`.
///
/// Zhang and Sennrich, "Root Mean Square Layer Normalization".
#[track_caller]
pub fn rms_norm(x: &Array, weight: Option<&Array>, eps: f32) -> Result<Array> {
    match cpu::rms_norm(x, weight, eps) {
        Some(normal) => normal,
        None => raw::fast_rms_norm(x, weight, eps),
    }
}

/// Brings the last axis to mean 0 and variance 1, then scales by `weight` and adds `bias`, both `[width]`.
///
/// Ba, Kiros and Hinton, "Layer Normalization".
#[track_caller]
pub fn layer_norm(x: &Array, weight: Option<&Array>, bias: Option<&Array>, eps: f32) -> Result<Array> {
    match cpu::layer_norm(x, weight, bias, eps) {
        Some(normal) => normal,
        None => raw::fast_layer_norm(x, weight, bias, eps),
    }
}

/// `x + y`, and [`rms_norm`] of that.
#[track_caller]
pub fn add_rms_norm(x: &Array, y: &Array, weight: &Array, eps: f32) -> Result<(Array, Array)> {
    if let Some(both) = cpu::add_rms_norm(x, y, weight, eps)
        && let [sum, normal] = both?.as_slice()
    {
        return Ok((sum.clone(), normal.clone()));
    }
    let sum = (x + y)?;
    let normal = rms_norm(&sum, Some(weight), eps)?;
    Ok((sum, normal))
}

/// A smooth step that lets positive numbers through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x · σ(x)`. Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)".
    Silu,
    /// `x · Φ(x)`, from the same paper.
    Gelu,
    /// `Gelu` with the paper's approximation by `tanh`.
    GeluApprox,
}

impl Activation {
    /// In MLX's ops.
    #[track_caller]
    pub(crate) fn in_ops(self, x: &Array) -> Result<Array> {
        match self {
            Self::Silu => x * x.sigmoid()?,
            Self::Gelu => (x * ((x / 2.0_f32.sqrt())?.erf()? + 1.0)?)? / 2.0,
            Self::GeluApprox => {
                let bent = ((x.power(3)? * 0.044_715)? + x)?;
                ((bent * (2.0 / std::f32::consts::PI).sqrt())?.tanh()? + 1.0)? * (x * 0.5)?
            }
        }
    }
}

/// The activation of each element.
#[track_caller]
pub fn activate(by: Activation, x: &Array) -> Result<Array> {
    match cpu::gated(by, x, None) {
        Some(active) => active,
        None => by.in_ops(x),
    }
}

/// The activation of `gate`, times `x`.
///
/// Shazeer, "GLU Variants Improve Transformer".
#[track_caller]
pub fn gated(by: Activation, gate: &Array, x: &Array) -> Result<Array> {
    match cpu::gated(by, gate, Some(x)) {
        Some(product) => product,
        None => by.in_ops(gate)? * x,
    }
}

/// The rotation of [`rope`].
#[derive(Clone, Copy, Debug)]
pub struct Rope<'a> {
    /// Leading features of the last axis that are turned; the others stay.
    pub dims: i32,
    /// Turn neighbours `(2i, 2i + 1)` instead of halves `(i, i + dims / 2)`.
    pub traditional: bool,
    /// Base of the frequencies, unless `freqs` gives them.
    pub base: Option<f32>,
    /// Positions are multiplied by this.
    pub scale: f32,
    /// Position of the first element of the second-last axis.
    pub offset: i32,
    /// Wavelengths `[dims / 2]` in radians, in place of `base`.
    pub freqs: Option<&'a Array>,
}

/// Turns pairs of features of `x` `[batch, …, length, width]` by angles that grow with the position.
///
/// Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding".
///
/// ```
/// # use mlx_core::{Array, Dtype, fast::{Rope, rope}};
/// let x = Array::ones([1, 2, 4], Dtype::Float32)?;
/// let how = Rope { dims: 4, traditional: false, base: Some(1e4), scale: 1.0, offset: 0, freqs: None };
/// assert_eq!(rope(&x, how)?.index((0, 0))?.to_vec::<f32>()?, [1.0; 4]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[track_caller]
pub fn rope(x: &Array, how: Rope<'_>) -> Result<Array> {
    if let Some(turned) = cpu::rope(x, how, None) {
        return turned;
    }
    let Rope { dims, traditional, base, scale, offset, freqs } = how;
    raw::fast_rope(x, dims, traditional, base, scale, offset, freqs)
}

/// [`rope`] with positions that are computed: `offset`, one whole number or one for each of the batch, is added to
/// that of `how`.
#[track_caller]
pub fn rope_dynamic(x: &Array, how: Rope<'_>, offset: &Array) -> Result<Array> {
    if let Some(turned) = cpu::rope(x, how, Some(offset)) {
        return turned;
    }
    let Rope { dims, traditional, base, scale, offset: first, freqs } = how;
    let offset = if first == 0 { offset.clone() } else { (offset + first)? };
    raw::fast_rope_dynamic(x, dims, traditional, base, scale, &offset, freqs)
}

/// `logsumexp(logits) - logits[target]` over the last axis, as `float32`, for `targets` of the other axes.
///
/// Targets that are no class are clamped.
///
/// # Errors
/// `targets` are not whole numbers or have another shape, or there is no class.
#[track_caller]
pub fn cross_entropy(logits: &Array, targets: &Array) -> Result<Array> {
    let (classes, others) = match logits.shape().split_last() {
        Some((&classes, others)) if others == targets.shape() => (classes, others),
        _ => {
            let message = format!("targets {targets:?} are not one for each row of logits {logits:?}");
            return Err(Error::new(Kind::Shape, "fast.cross_entropy", message));
        }
    };
    let targets = targets.places(classes.into(), "fast.cross_entropy")?;
    if others.contains(&0) {
        Array::zeros(others, Dtype::Float32)
    } else {
        raw::fast_cross_entropy(logits, &targets)
    }
}

/// Which keys a query may see.
#[derive(Clone, Copy, Debug, Default)]
pub enum Mask<'a> {
    /// All of them.
    #[default]
    None,
    /// Those at the same place and before; the last query is at the last key.
    Causal,
    /// Where a boolean array is true, or plus an array of numbers; it broadcasts to
    /// `[batch, heads, queries, keys]`.
    Array(&'a Array),
}

/// `softmax(scale · q · kᵀ + mask) · v` for `q` `[batch, heads, queries, width]`, `k` and `v`
/// `[batch, kv_heads, keys, width]`; `kv_heads` divides `heads`.
#[track_caller]
pub fn scaled_dot_product_attention(
    q: &Array,
    k: &Array,
    v: &Array,
    scale: f32,
    mask: Mask<'_>,
    sinks: Option<&Array>,
) -> Result<Array> {
    check_heads(q, k, v)?;
    if let Some(seen) = cpu::attention([q, k, v], scale, mask, sinks) {
        return seen;
    }
    let (mode, array) = match mask {
        Mask::None => (c"", None),
        Mask::Causal => (c"causal", None),
        Mask::Array(array) => (c"array", Some(array)),
    };
    raw::fast_scaled_dot_product_attention(q, k, v, scale, mode, array, sinks, false)
}

/// Checks what MLX takes for granted: it divides by the number of heads, and reads as many values as keys.
#[track_caller]
fn check_heads(q: &Array, k: &Array, v: &Array) -> Result<()> {
    if let ([_, heads, ..], [_, _, keys, _], [_, _, values, _]) = (k.shape(), k.shape(), v.shape())
        && (*heads == 0 || keys != values)
    {
        let (q, k, v) = (q.shape(), k.shape(), v.shape());
        let message = format!("queries {q:?}, keys {k:?} and values {v:?} do not go together");
        return Err(Error::new(Kind::Shape, "scaled_dot_product_attention", message));
    }
    Ok(())
}
