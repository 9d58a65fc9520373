//! Gradients of functions of models.

use std::rc::Rc;

use mlx_core::transform::{self, Path};
use mlx_core::{Array, Result, Tree};

use crate::{Module, Parameters, module};

/// The value of `f`, and the gradient of its first array with respect to what a model learns: the floats whose
/// paths `trainable` accepts, without buffers. All else is frozen.
///
/// `f` gets a copy of the model; what else it returns is passed through. It is pure, so that it can be a part of a
/// compiled step.
///
/// ```
/// use mlx_core::{Array, Dtype, Result, random::Key};
/// use mlx_nn::{Mlp, Module, Weights, value_and_grad};
///
/// let mut model = Weights::init(Key::new(0)?).build(|w| Mlp::load(w, 4, 8, true))?;
/// let x = Array::ones([1, 4], Dtype::Float32)?;
/// let loss = |m: &Mlp| -> Result<Array> { m.forward(&x)?.square()?.mean(..) };
/// let weights = |path: &str| path.ends_with("weight");
///
/// let (before, gradients) = value_and_grad(weights, loss)(&model)?;
/// assert_eq!(gradients.len(), 3);
/// let steps = gradients.map(|_, gradient| gradient * -0.1)?;
/// let moved = steps.map(|path, step| step + model.parameters().get(path).unwrap_or(step))?;
/// model.update(&moved)?;
/// assert!(loss(&model)?.item::<f32>()? < before.item::<f32>()?);
/// # Ok::<(), mlx_nn::Error>(())
/// ```
///
/// # Errors
/// `f` failed, its first array is no real number, or nothing is trainable.
#[track_caller]
pub fn value_and_grad<M: Module + Clone, U: Tree>(
    trainable: impl Fn(&str) -> bool,
    f: impl Fn(&M) -> Result<U>,
) -> impl Fn(&M) -> Result<(U, Parameters)> {
    let gradient = transform::value_and_grad(move |learner: &Learner<M>| f(&learner.model()));
    move |model| {
        let learner = Learner { frozen: Rc::new(model.clone()), learned: model.trainable(&trainable) };
        gradient(&learner).map(|(value, gradient)| (value, gradient.learned))
    }
}

/// A model, as a tree of what it learns.
struct Learner<M> {
    frozen: Rc<M>,
    learned: Parameters,
}

impl<M: Module + Clone> Learner<M> {
    fn model(&self) -> M {
        let mut model = M::clone(&self.frozen);
        module::put(&mut model, &self.learned);
        model
    }
}

impl<M> Tree for Learner<M> {
    fn visit_leaves<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        self.learned.visit_leaves(path, visit);
    }

    fn map_leaves(
        &self,
        path: &mut Path,
        map: &mut dyn FnMut(&str, &Array) -> Result<Array>,
    ) -> Result<Self> {
        Ok(Self { frozen: Rc::clone(&self.frozen), learned: self.learned.map_leaves(path, map)? })
    }

    fn same_form(&self, other: &Self) -> bool {
        self.learned.same_form(&other.learned)
    }
}
