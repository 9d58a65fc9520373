//! Muon.

use mlx_core::linalg::{Order, norm};
use mlx_core::{Array, Result, keep};

use super::rule::{average, decayed, zeros};
use super::{Now, Rule, Schedule, Slots};

/// Momentum, made orthogonal: for the matrices inside a network. Embeddings, the last layer, and vectors are for
/// another optimiser, by a [`MultiOptimizer`](super::MultiOptimizer). Kernels `[out, …]` count as matrices.
///
/// Jordan and others, "Muon: An optimizer for hidden layers in neural networks".
#[derive(Clone, Debug)]
pub struct Muon {
    /// How far a step goes.
    pub learning_rate: Schedule,
    /// How slowly the mean of gradients follows.
    pub momentum: f64,
    /// How much of the parameter is added to its gradient.
    pub weight_decay: f64,
    /// Look ahead by the momentum.
    pub nesterov: bool,
    /// How often the iteration towards an orthogonal matrix is done.
    pub ns_steps: u32,
}

impl Muon {
    /// With `momentum` 0.95, `weight_decay` 0.01, `nesterov`, and 5 iterations.
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        let learning_rate = learning_rate.into();
        Self { learning_rate, momentum: 0.95, weight_decay: 0.01, nesterov: true, ns_steps: 5 }
    }

    /// `update` made orthogonal, and how much further it goes for it; vectors stay as they are.
    fn orthogonal(&self, update: Array) -> Result<(Array, f64)> {
        let shape = update.shape().to_vec();
        let (Some(&first), &[.., rows, columns]) = (shape.first(), &*shape) else {
            return Ok((update, 1.0));
        };
        let matrix = if shape.len() > 2 { update.reshape([first, -1])? } else { update };
        let matrix = newton_schulz(&matrix, self.ns_steps)?;
        let update = if shape.len() > 2 { matrix.reshape(&shape)? } else { matrix };
        Ok((update, (f64::from(rows) / f64::from(columns)).max(1.0).sqrt()))
    }
}

/// A matrix near the orthogonal one that is nearest to `x`: with its singular vectors, and values around 1.
fn newton_schulz(x: &Array, steps: u32) -> Result<Array> {
    let (a, b, c) = (3.4445, -4.7750, 2.0315);
    let is_tall = x.shape().first() > x.shape().last();
    let mut x = if is_tall { x.t()? } else { x.clone() };
    let length = norm(&x, Order::Euclidean, keep(..))?;
    x = (x / (length + 1e-7)?)?;
    for _ in 0..steps {
        let square = x.matmul(x.t()?)?;
        let factor = (&square * b)?.addmm(&square, &square, c, 1.0)?;
        x = (&x * a)?.addmm(&factor, &x, 1.0, 1.0)?;
    }
    if is_tall { x.t() } else { Ok(x) }
}

impl Rule for Muon {
    fn learning_rate(&self) -> Option<&Schedule> {
        Some(&self.learning_rate)
    }

    fn init_single(&self, parameter: &Array, slots: &mut Slots<'_>) -> Result<()> {
        zeros(&["v"], parameter, slots)
    }

    fn apply_single(
        &self,
        now: &Now,
        parameter: &Array,
        gradient: &Array,
        slots: &mut Slots<'_>,
    ) -> Result<Array> {
        let rate = now.rate(gradient.dtype())?;
        let decayed = decayed(gradient, parameter, self.weight_decay)?;
        let v = average(self.momentum, slots.get("v")?, &decayed)?;
        slots.set("v", v.clone());
        let update = if self.nesterov { average(self.momentum, &v, &decayed)? } else { v };
        let (update, further) = self.orthogonal(update)?;
        parameter - ((rate * further)? * update)?
    }
}
