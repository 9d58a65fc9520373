//! Several optimisers for one model.

use std::fmt;

use mlx_core::{Array, Result};

use super::{Optimizer, State};
use crate::Parameters;

/// Gives each parameter to the first optimiser whose predicate accepts it, and the others to the last, which has none.
///
/// ```
/// use mlx_nn::optim::{AdamW, MultiOptimizer, Muon};
///
/// let optimizer = MultiOptimizer::new(AdamW::new(1e-3))
///     .with(Muon::new(0.02), |path, parameter| path.starts_with("layers.") && parameter.ndim() == 2);
/// ```
pub struct MultiOptimizer {
    parts: Vec<Part>,
    rest: Box<dyn Optimizer>,
}

type Predicate = dyn Fn(&str, &Array) -> bool;

struct Part {
    accepts: Box<Predicate>,
    optimizer: Box<dyn Optimizer>,
}

impl MultiOptimizer {
    /// All parameters to `rest`.
    pub fn new(rest: impl Optimizer + 'static) -> Self {
        Self { parts: Vec::new(), rest: Box::new(rest) }
    }

    /// And those that `accepts` names to `optimizer`, unless an earlier one has them.
    #[must_use]
    pub fn with(
        mut self,
        optimizer: impl Optimizer + 'static,
        accepts: impl Fn(&str, &Array) -> bool + 'static,
    ) -> Self {
        self.parts.push(Part { accepts: Box::new(accepts), optimizer: Box::new(optimizer) });
        self
    }

    fn optimizers(&self) -> impl Iterator<Item = &dyn Optimizer> {
        self.parts.iter().map(|part| &part.optimizer).chain([&self.rest]).map(AsRef::as_ref)
    }

    /// Each optimiser with what of `arrays` is its own.
    fn split(&self, arrays: &Parameters) -> Vec<(&dyn Optimizer, Parameters)> {
        let mut split: Vec<_> =
            self.optimizers().map(|optimizer| (optimizer, Parameters::default())).collect();
        for (path, array) in arrays.iter() {
            let place = self.parts.iter().position(|part| (part.accepts)(path, array));
            if let Some((_, own)) = split.get_mut(place.unwrap_or(self.parts.len())) {
                own.insert(path, array.clone());
            }
        }
        split
    }
}

impl Optimizer for MultiOptimizer {
    fn init(&self, parameters: &Parameters) -> crate::Result<State> {
        let states = self.split(parameters).into_iter().map(|(optimizer, own)| optimizer.init(&own));
        Ok(State::of_parts(states.collect::<crate::Result<Vec<_>>>()?))
    }

    fn apply(
        &self,
        parameters: &Parameters,
        gradients: &Parameters,
        state: &State,
    ) -> Result<(Parameters, State)> {
        let (mut parameters, mut states) = (parameters.clone(), Vec::new());
        for (at, (optimizer, own)) in self.split(gradients).into_iter().enumerate() {
            let (changed, state) = optimizer.apply(&parameters, &own, &state.part(at))?;
            parameters = changed;
            states.push(state);
        }
        Ok((parameters, State::of_parts(states)))
    }
}

impl fmt::Debug for MultiOptimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.optimizers()).finish()
    }
}
