//! Computing in 16 bits, and learning in 32.

use mlx_core::{Array, Dtype, Error, Result, Tree, select};

use crate::{Module, Parameters, module, value_and_grad};

/// As [`value_and_grad`], but `f` gets a copy of the model that computes in `dtype`, and its loss is multiplied by a
/// [`LossScale`] so that small gradients do not vanish.
///
/// Value and gradients come out unscaled, the gradients in the type of the model's own parameters: `float32`. Buffers
/// keep their type.
#[track_caller]
pub fn mixed_value_and_grad<M: Module + Clone, U: Tree>(
    dtype: Dtype,
    trainable: impl Fn(&str) -> bool,
    f: impl Fn(&M) -> Result<U>,
) -> impl Fn(&M, &LossScale) -> Result<(U, Parameters)> {
    move |model, scale| {
        let scaled = |model: &M| {
            let value = f(&in_type(model, dtype)?)?;
            let loss = value.leaves().first().map(|loss| loss.astype(Dtype::Float32)? * &scale.factor);
            let loss = loss.ok_or_else(|| Error::custom("grad", "the function returns no array"))??;
            Ok((loss, value))
        };
        let ((_, value), gradients) = value_and_grad(&trainable, scaled)(model)?;
        let gradients = gradients.map(|_, gradient| (gradient / &scale.factor)?.astype(gradient.dtype()))?;
        Ok((value, gradients))
    }
}

/// The model with all floats that are no buffers in `dtype`.
fn in_type<M: Module + Clone>(model: &M, dtype: Dtype) -> Result<M> {
    let mut copy = model.clone();
    module::put(&mut copy, &model.trainable(|_| true).map(|_, array| array.astype(dtype))?);
    Ok(copy)
}

/// What a loss is multiplied by: as much as its gradients bear in 16 bits.
///
/// Micikevicius et al., "Mixed Precision Training".
#[derive(Clone, Debug, Tree)]
pub struct LossScale {
    factor: Array,
    /// Steps since the factor last changed.
    steps: Array,
    /// After how many steps with finite gradients the factor is doubled; it never changes if there are none.
    #[tree(skip)]
    patience: Option<i32>,
}

impl LossScale {
    /// Always the same: 1 does for `bfloat16`, whose range is that of `float32`.
    pub fn fixed(factor: f32) -> Result<Self> {
        Self::new(factor, None)
    }

    /// 2^15 at first, half of that after a step with gradients that are not finite, and twice after 2000 without.
    pub fn dynamic() -> Result<Self> {
        Self::new(32768.0, Some(2000))
    }

    /// `factor` at first, half of that after a step with gradients that are not finite, and twice after `patience`
    /// without.
    pub fn new(factor: f32, patience: Option<i32>) -> Result<Self> {
        Ok(Self { factor: Array::from(factor), steps: Array::from(0), patience })
    }

    /// The factor.
    pub fn factor(&self) -> &Array {
        &self.factor
    }

    /// The scale for the next step, and whether all gradients of this one are finite: if not, it is to be left out.
    #[track_caller]
    pub fn adapt(&self, gradients: &Parameters) -> Result<(Self, Array)> {
        let mut finite = Array::from(true);
        for gradient in gradients.values() {
            finite = finite.logical_and(gradient.isfinite()?.all(..)?)?;
        }
        let Some(patience) = self.patience else { return Ok((self.clone(), finite)) };
        let steps = (&self.steps + 1)?;
        let patient = steps.greater_equal(patience)?;
        let grown = select(&patient, &(&self.factor * 2.0)?, &self.factor)?;
        let factor = select(&finite, &grown, (&self.factor * 0.5)?)?;
        let steps = select(&finite.logical_and(patient.logical_not()?)?, &steps, 0)?;
        Ok((Self { factor, steps, patience: self.patience }, finite))
    }
}

/// `yes` where `condition`, one truth value, holds, else `no`: a tree that is chosen without computing the condition.
///
/// # Errors
/// The two have different forms.
#[track_caller]
pub fn either<T: Tree>(condition: &Array, yes: &T, no: &T) -> Result<T> {
    yes.tree_zip(no, |_, yes, no| select(condition, yes, no))
}
