//! Optimisers and learning rates: how gradients change parameters.
//!
//! An optimiser is a plain struct of settings. It changes nothing: [`Optimizer::apply`] returns new parameters and a
//! new [`State`], so a step works under `grad` and `compile`. One of your own is a [`Rule`].
//!
//! ```
//! use mlx_core::transform::{Shapes, compile};
//! use mlx_core::{Array, Dtype, random::Key};
//! use mlx_nn::optim::{AdamW, Optimizer, State, cosine_decay};
//! use mlx_nn::{Mlp, Module, Weights, value_and_grad};
//!
//! fn main() -> mlx_nn::Result<()> {
//!     let model = Weights::init(Key::new(0)?).build(|w| Mlp::load(w, 4, 8, true))?;
//!     let adam = AdamW { weight_decay: 0.1, ..AdamW::new(cosine_decay(1e-3, 1000, 0.0)?) };
//!     let state = adam.init(&model.trainable(|_| true))?;
//!     let x = Array::ones([1, 4], Dtype::Float32)?;
//!
//!     let step = compile(
//!         move |(model, state): &(Mlp, State)| {
//!             let loss = |model: &Mlp| model.forward(&x)?.square()?.mean(..);
//!             let (loss, gradients) = value_and_grad(|_| true, loss)(model)?;
//!             Ok((loss, adam.update(model, &gradients, state)?))
//!         },
//!         Shapes::Exact,
//!     );
//!     let (before, next) = step(&(model, state))?;
//!     let (after, _) = step(&next)?;
//!     assert!(after.item::<f32>()? < before.item::<f32>()?);
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
pub(crate) use gradient_norm::clip_to;
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

use crate::{Module, Parameters, module};

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

    /// The model and the state after a step: [`apply`](Self::apply) to what of the model has gradients.
    ///
    /// # Errors
    /// As those of `apply`.
    fn update<M: Module + Clone>(
        &self,
        model: &M,
        gradients: &Parameters,
        state: &State,
    ) -> Result<(M, State)>
    where
        Self: Sized,
    {
        let learned = model.trainable(|path| gradients.get(path).is_some());
        let (learned, state) = self.apply(&learned, gradients, state)?;
        let mut model = model.clone();
        module::put(&mut model, &learned);
        Ok((model, state))
    }
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
