//! Optimisers and learning rates: how gradients change parameters.
//!
//! An optimiser is a plain struct of settings. It changes nothing: [`Optimizer::apply`] returns new parameters and a
//! new [`State`], so a step works under `grad` and `compile`. One of your own is a [`Rule`].
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use mlx_core::transform::{Shapes, compile, value_and_grad};
//! use mlx_core::{Array, Result};
//! use mlx_nn::optim::{AdamW, Optimizer, State, cosine_decay};
//! use mlx_nn::Parameters;
//!
//! fn main() -> mlx_nn::Result<()> {
//!     let adam = AdamW { weight_decay: 0.1, ..AdamW::new(cosine_decay(0.1, 1000, 0.0)?) };
//!     let parameters = Parameters::from_iter([("w", Array::from([1.0, 2.0]))]);
//!     let state = adam.init(&parameters)?;
//!
//!     let step = compile(
//!         move |(parameters, state): &(Parameters, State)| {
//!             let loss = |p: &Parameters| p.values().map(Array::square).sum::<Result<Array>>()?.sum(..);
//!             let (loss, gradients) = value_and_grad(loss)(parameters)?;
//!             Ok((loss, adam.apply(parameters, &gradients, state)?))
//!         },
//!         Shapes::Exact,
//!     );
//!     let (first, next) = step(&(parameters, state))?;
//!     let (second, _) = step(&next)?;
//!     assert!(second.item::<f32>()? < first.item::<f32>()?);
//!     Ok(())
//! }
//! ```

mod ada_delta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod gradient_norm;
mod lion;
mod multi;
mod muon;
mod rms_prop;
mod rule;
mod schedule;
mod sgd;
mod state;

pub use ada_delta::AdaDelta;
pub use adafactor::Adafactor;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use gradient_norm::clip_grad_norm;
pub use lion::Lion;
pub use multi::MultiOptimizer;
pub use muon::Muon;
pub use rms_prop::RmsProp;
pub use rule::{Now, Rule};
pub use schedule::{Schedule, cosine_decay, exponential_decay, join_schedules, linear_schedule, step_decay};
pub use sgd::Sgd;
pub use state::{Slots, State};

use std::fmt::Debug;

use mlx_core::Result;

use crate::Parameters;

/// What turns gradients into new parameters.
pub trait Optimizer: Debug {
    /// The state before the first step, for the parameters that are to be trained.
    ///
    /// # Errors
    /// A setting makes no sense.
    fn init(&self, parameters: &Parameters) -> crate::Result<State>;

    /// The parameters and the state after a step. Parameters without a gradient stay as they are.
    ///
    /// # Errors
    /// A gradient belongs to no parameter, or the state was made for others.
    fn apply(
        &self,
        parameters: &Parameters,
        gradients: &Parameters,
        state: &State,
    ) -> Result<(Parameters, State)>;
}

impl Optimizer for Box<dyn Optimizer> {
    fn init(&self, parameters: &Parameters) -> crate::Result<State> {
        self.as_ref().init(parameters)
    }

    fn apply(
        &self,
        parameters: &Parameters,
        gradients: &Parameters,
        state: &State,
    ) -> Result<(Parameters, State)> {
        self.as_ref().apply(parameters, gradients, state)
    }
}
