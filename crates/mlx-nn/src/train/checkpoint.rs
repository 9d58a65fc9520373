//! Less memory for more time.

use mlx_core::{Array, Result, Tree, transform};

use crate::{Layer, Module};

/// A function of a model whose inner values are not kept for its gradient, but computed again.
///
/// Its gradient reaches the model and `x`; to capture an array that is being differentiated is an error.
#[track_caller]
pub fn checkpoint<M, X, U>(f: impl Fn(&M, &X) -> Result<U> + 'static) -> impl Fn(&M, &X) -> Result<U>
where
    M: Module + Tree + Clone,
    X: Tree + Clone + 'static,
    U: Tree + 'static,
{
    let f = transform::checkpoint(move |(model, x): &(M, X)| f(model, x));
    move |model, x| f(&(model.clone(), x.clone()))
}

/// A layer whose inner values are computed again for its gradient. Its parameters have the layer's own names.
#[derive(Clone, Debug, Module)]
pub struct Checkpointed<L>(pub L);

impl<L: Layer + Tree + Clone> Checkpointed<L> {
    /// What the layer makes of `x`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        checkpoint(|layer: &L, x: &Array| layer.forward(x))(&self.0, x)
    }
}

impl<L: Layer + Tree + Clone> Layer for Checkpointed<L> {
    #[track_caller]
    fn forward(&self, x: &Array) -> Result<Array> {
        Self::forward(self, x)
    }
}
