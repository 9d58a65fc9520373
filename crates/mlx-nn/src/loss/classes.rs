//! Losses of classes and of distributions over them.

use mlx_core::{Array, Category, Device, Dtype, Result, cuda, fast, keep, select};

use super::{Reduction, require, same_shape, weighted};

/// How [`cross_entropy`] goes.
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy<'a> {
    /// One factor for each loss.
    pub weights: Option<&'a Array>,
    /// The axis of the classes.
    pub axis: i32,
    /// The part of each target that is spread over all classes, at least 0 and less than 1.
    pub label_smoothing: f32,
    /// What becomes of the losses.
    pub reduction: Reduction,
}

impl From<Reduction> for CrossEntropy<'_> {
    fn from(reduction: Reduction) -> Self {
        Self { weights: None, axis: -1, label_smoothing: 0.0, reduction }
    }
}

impl Default for CrossEntropy<'_> {
    fn default() -> Self {
        Reduction::None.into()
    }
}

/// `-ln softmax(logits)` at the targets: `logits` `[…, classes]`, one loss for each row.
///
/// `targets` are classes, `[…]` of integers, or their probabilities, `[…, classes]`. Classes out of range are clamped.
///
/// # Errors
/// The targets are neither, a weight is not there for each loss, or the label smoothing makes no sense.
#[track_caller]
pub fn cross_entropy<'a>(
    logits: &Array,
    targets: &Array,
    options: impl Into<CrossEntropy<'a>>,
) -> Result<Array> {
    const OP: &str = "cross_entropy";
    let CrossEntropy { weights, axis, label_smoothing, reduction } = options.into();
    require((0.0..1.0).contains(&label_smoothing), OP, || {
        format!("label smoothing is at least 0 and less than 1, not {label_smoothing}")
    })?;
    let are_classes = targets.ndim() != logits.ndim();
    if are_classes {
        one_for_each_row(OP, logits, targets, axis)?;
    } else {
        same_shape(OP, [("logits", logits), ("probabilities as targets", targets)])?;
    }
    let losses = if are_classes && label_smoothing == 0.0 && has_op(logits, targets, axis)? {
        fast::cross_entropy(logits, targets)?.astype(logits.dtype())?
    } else {
        from_logits(logits, targets, axis, label_smoothing)?
    };
    reduction.apply(weighted(OP, losses, weights)?)
}

/// Whether MLX's own op, which reduces as `float32`, gives what Python does: on CUDA always.
fn has_op(logits: &Array, targets: &Array, axis: i32) -> Result<bool> {
    let is_last = axis == -1 || axis == logits.ndim() as i32 - 1;
    let has_types = logits.dtype().is_float() && Category::Integer.contains(targets.dtype());
    let is_same = logits.dtype() == Dtype::Float32 || !Device::current().is_cpu() && cuda::is_available()?;
    Ok(is_last && has_types && is_same)
}

#[track_caller]
fn from_logits(logits: &Array, targets: &Array, axis: i32, label_smoothing: f32) -> Result<Array> {
    let logits = (logits - logits.max(keep(axis))?.stop_gradient()?)?;
    let score = if targets.ndim() == logits.ndim() {
        (&logits * targets)?.sum(axis)?
    } else {
        at_classes(&logits, targets, axis)?
    };
    let total = logits.logsumexp(axis)?;
    if label_smoothing == 0.0 {
        return total - score;
    }
    let sharp = (total - score * (1.0 - label_smoothing))?;
    sharp - logits.mean(axis)? * label_smoothing
}

/// The elements of `x` along `axis` that `classes` name.
#[track_caller]
fn at_classes(x: &Array, classes: &Array, axis: i32) -> Result<Array> {
    x.take_along_axis(&classes.expand_dims(axis)?, axis)?.squeeze(axis)
}

/// Refuses `targets` that are not one class for each row of `x` along `axis`.
#[track_caller]
fn one_for_each_row(op: &'static str, x: &Array, targets: &Array, axis: i32) -> Result<()> {
    let classes = x.dim(axis)?;
    let rank = x.ndim() as i32;
    let at = if axis < 0 { axis + rank } else { axis };
    let rows: Vec<_> =
        (0..).zip(x.shape()).filter(|&(axis, _)| axis != at).map(|(_, &length)| length).collect();
    require(targets.shape() == rows, op, || {
        let (found, of) = (targets.shape(), x.shape());
        format!("targets {found:?} are not one of {classes} classes for each row along axis {axis} of {of:?}")
    })
}

/// How [`binary_cross_entropy`] goes.
#[derive(Clone, Copy, Debug)]
pub struct BinaryCrossEntropy<'a> {
    /// One factor for each loss.
    pub weights: Option<&'a Array>,
    /// Whether the inputs are logits, not probabilities.
    pub with_logits: bool,
    /// What becomes of the losses.
    pub reduction: Reduction,
}

impl From<Reduction> for BinaryCrossEntropy<'_> {
    fn from(reduction: Reduction) -> Self {
        Self { weights: None, with_logits: true, reduction }
    }
}

impl Default for BinaryCrossEntropy<'_> {
    fn default() -> Self {
        Reduction::Mean.into()
    }
}

/// `-(t · ln p + (1 - t) · ln(1 - p))` for each element, where `p` is the sigmoid of a logit.
///
/// Logarithms of probabilities are at least -100.
///
/// # Errors
/// Inputs, targets and weights do not have one shape.
#[track_caller]
pub fn binary_cross_entropy<'a>(
    inputs: &Array,
    targets: &Array,
    options: impl Into<BinaryCrossEntropy<'a>>,
) -> Result<Array> {
    const OP: &str = "binary_cross_entropy";
    let BinaryCrossEntropy { weights, with_logits, reduction } = options.into();
    same_shape(OP, [("inputs", inputs), ("targets", targets)])?;
    let losses = if with_logits {
        inputs.logaddexp(0.0)? - inputs * targets
    } else {
        let rest = |x: &Array| (-x)? + 1.0;
        let yes = (targets * log_probability(inputs)?)?;
        let no = (rest(targets)? * log_probability(&rest(inputs)?)?)?;
        -&(yes + no)?
    };
    reduction.apply(weighted(OP, losses?, weights)?)
}

/// The logarithm, or -100 where it is less.
#[track_caller]
fn log_probability(p: &Array) -> Result<Array> {
    // Where `p` is zero, the gradient of the logarithm would be infinite, and that of the loss not a number.
    let is_possible = p.not_equal(0.0)?;
    select(&is_possible, &select(&is_possible, p, 1.0)?.log()?.clip(-100.0..)?, -100.0)
}

/// The negative of the log probabilities at the targets: `log_probabilities` `[…, classes]`, one loss for each row.
///
/// `targets` are classes, `[…]`; those out of range are clamped.
///
/// # Errors
/// There is not one target for each row.
#[track_caller]
pub fn nll(log_probabilities: &Array, targets: &Array, axis: i32, reduction: Reduction) -> Result<Array> {
    one_for_each_row("nll", log_probabilities, targets, axis)?;
    reduction.apply((-at_classes(log_probabilities, targets, axis)?)?)
}

/// The Kullback-Leibler divergence of `inputs` from `targets`, both log probabilities `[…, classes]` that broadcast.
#[track_caller]
pub fn kl_div(inputs: &Array, targets: &Array, axis: i32, reduction: Reduction) -> Result<Array> {
    reduction.apply((targets.exp()? * (targets - inputs)?)?.sum(axis)?)
}

/// `max(0, 1 - input · target)` for each element; targets are 1 or -1.
///
/// # Errors
/// The shapes differ.
#[track_caller]
pub fn hinge(inputs: &Array, targets: &Array, reduction: Reduction) -> Result<Array> {
    same_shape("hinge", [("inputs", inputs), ("targets", targets)])?;
    reduction.apply(((-(inputs * targets)?)? + 1.0)?.maximum(0.0)?)
}
