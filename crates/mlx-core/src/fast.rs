//! Fused ops of transformers.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use crate::ffi::raw;
use crate::{Array, Dtype, Error, Kind, Quantized, Result, cpu};

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
            Self::Gelu => {
                let below = ((x * FRAC_1_SQRT_2)?.erf()? + 1.0)?;
                (x * below)? / 2.0
            }
            Self::GeluApprox => {
                let cubic = (x + (x.power(3)? * 0.044_715)?)?;
                let below = ((cubic * FRAC_2_PI.sqrt())?.tanh()? + 1.0)?;
                (x * 0.5)? * below
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

/// A layer of floats for [`linear`].
#[derive(Clone, Copy, Debug)]
pub struct LinearLayer<'a> {
    /// `[outputs, inputs]`.
    pub weight: &'a Array,
    /// `[outputs]`.
    pub bias: Option<&'a Array>,
    /// What becomes of the sums.
    pub activation: Option<Activation>,
}

impl LinearLayer<'_> {
    /// In MLX's ops.
    #[track_caller]
    pub(crate) fn in_ops(self, x: &Array, plus: Option<&Array>) -> Result<Array> {
        let mut y = x.matmul(self.weight.swapaxes(-1, -2)?)?;
        if let Some(bias) = self.bias {
            y = (y + bias)?;
        }
        if let Some(activation) = self.activation {
            y = activate(activation, &y)?;
        }
        match plus {
            Some(plus) => y + plus,
            None => Ok(y),
        }
    }
}

/// `activation(x · weightᵀ + bias) + plus`: `[…, inputs] -> […, outputs]`, in one op on a CPU, which rounds once.
///
/// ```
/// # use mlx_core::{Array, fast::{LinearLayer, linear}};
/// let (x, weight, bias) = (Array::from([[1.0, 2.0]]), Array::from([[3.0, 4.0]]), Array::from([0.5]));
/// let layer = LinearLayer { weight: &weight, bias: Some(&bias), activation: None };
/// assert_eq!(linear(&x, layer, None)?.to_vec::<f32>()?, [11.5]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[track_caller]
pub fn linear(x: &Array, layer: LinearLayer<'_>, plus: Option<&Array>) -> Result<Array> {
    match cpu::linear(x, layer, plus) {
        Some(y) => y,
        None => layer.in_ops(x, plus),
    }
}

/// The matrices of [`feed_forward`], each `[out, in]`, and the activation of the gate.
#[derive(Clone, Copy, Debug)]
pub struct GatedLayer<'a> {
    /// `[inner, width]`.
    pub gate: &'a Quantized,
    /// `[inner, width]`.
    pub up: &'a Quantized,
    /// `[width, inner]`.
    pub down: &'a Quantized,
    /// What becomes of the gate.
    pub activation: Activation,
}

/// `down(activation(gate(x)) · up(x))`, `[…, width] -> […, width]`: one op on a CPU.
///
/// Shazeer, "GLU Variants Improve Transformer".
///
/// # Errors
/// The shapes do not fit together.
#[track_caller]
pub fn feed_forward(x: &Array, layer: GatedLayer<'_>) -> Result<Array> {
    let GatedLayer { gate, up, down, activation } = layer;
    if fits(x, layer)
        && let Some(y) = cpu::feed_forward(x, layer)
    {
        return y;
    }
    let between = gated(activation, &x.quantized_matmul(gate)?, &x.quantized_matmul(up)?)?;
    between.quantized_matmul(down)
}

/// Whether the rows of `x` and the matrices are as long as they have to be.
fn fits(x: &Array, layer: GatedLayer<'_>) -> bool {
    let GatedLayer { gate, up, down, .. } = layer;
    let sizes = |w: &Quantized| match *w.scales.shape() {
        [rows, groups] => Some((rows, groups.saturating_mul(w.scheme.group_size))),
        _ => None,
    };
    let (Some((inner, width)), Some((_, depth))) = (sizes(gate), sizes(down)) else { return false };
    sizes(up) == Some((inner, width)) && depth == inner && x.shape().last() == Some(&width)
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

/// Heads that lie side by side, as a projection gives them.
#[derive(Clone, Copy, Debug)]
pub struct Heads<'a> {
    /// `[batch, length, heads · width]`.
    pub x: &'a Array,
    /// How many there are.
    pub heads: i32,
    /// The weight `[width]` of an [`rms_norm`] of each head, and what is added to the mean square.
    pub norm: Option<(&'a Array, f32)>,
}

impl Heads<'_> {
    /// Each head by itself, and normalised if there is a norm: `[batch, heads, length, width]`.
    ///
    /// # Errors
    /// `x` has not three axes, or the heads do not divide the last.
    #[track_caller]
    pub fn split(&self) -> Result<Array> {
        let [batch, length, _] = self.x.dims()?;
        let heads = self.x.reshape([batch, length, self.heads, -1])?.transpose([0, 2, 1, 3])?;
        match self.norm {
            Some((weight, eps)) => rms_norm(&heads, Some(weight), eps),
            None => Ok(heads),
        }
    }

    /// Features of a head; 0 if there are no heads.
    pub(crate) fn width(&self) -> i32 {
        match *self.x.shape() {
            [_, _, all] if self.heads > 0 && all % self.heads == 0 => all / self.heads,
            _ => 0,
        }
    }
}

/// Splits heads, normalises each by itself if there is a norm, and turns it as [`rope`] and, with an `offset`,
/// [`rope_dynamic`] do: `[batch, length, heads · width] -> [batch, heads, length, width]` for each of `all`, in one op on a
/// CPU.
///
/// # Errors
/// `x` has not three axes, or the heads do not divide the last.
#[track_caller]
pub fn rope_heads<const N: usize>(
    all: [Heads<'_>; N],
    how: Rope<'_>,
    offset: Option<&Array>,
) -> Result<[Array; N]> {
    if all.iter().all(|part| part.width() > 0)
        && let Some(placed) = cpu::rope_heads(&all, how, offset)
    {
        return <[Array; N]>::try_from(placed?)
            .map_err(|_| Error::new(Kind::Mlx, "fast.rope_heads", "a result is missing"));
    }
    let mut placed = all.map(|part| part.x.clone());
    for (placed, part) in placed.iter_mut().zip(all) {
        let heads = part.split()?;
        *placed = match offset {
            Some(offset) => rope_dynamic(&heads, how, offset)?,
            None => rope(&heads, how)?,
        };
    }
    Ok(placed)
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
