//! Layers one after another.

use mlx_core::{Array, Result};

use crate::Module;

/// A module of one input and one output.
///
/// Layers have a `forward` of their own; this trait is for those who do not know which layer it is.
pub trait Layer: Module {
    /// The output for `x`.
    fn forward(&self, x: &Array) -> Result<Array>;
}

/// Gives layers their own `forward` as that of [`Layer`].
macro_rules! layers {
    ($($layer:ty),* $(,)?) => {$(
        impl $crate::Layer for $layer {
            #[track_caller]
            fn forward(&self, x: &::mlx_core::Array) -> ::mlx_core::Result<::mlx_core::Array> {
                Self::forward(self, x)
            }
        }
    )*};
}
pub(crate) use layers;

/// Layers that are called in order: a tuple of different ones, or a list.
///
/// ```
/// use mlx_core::{Array, Dtype, random::Key};
/// use mlx_nn::{Sequential, Weights};
///
/// let w = Weights::init(Key::new(0)?).at("layers");
/// let model = Sequential::new((w.linear("0", [16, 8])?, w.rms_norm("1", 16, 1e-5)?, w.linear("2", [4, 16])?));
/// assert_eq!(model.forward(&Array::ones([2, 8], Dtype::Float32)?)?.shape(), [2, 4]);
/// # Ok::<(), mlx_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct Sequential<T> {
    layers: T,
}

impl<T> Sequential<T> {
    /// The layers of a tuple or a list.
    pub fn new(layers: T) -> Self {
        Self { layers }
    }
}

impl<T: Layer> Sequential<T> {
    /// What the last layer makes of `x`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        self.layers.forward(x)
    }
}

impl<T: Layer> Layer for Sequential<T> {
    #[track_caller]
    fn forward(&self, x: &Array) -> Result<Array> {
        self.layers.forward(x)
    }
}

impl<L: Layer + ?Sized> Layer for Box<L> {
    #[track_caller]
    fn forward(&self, x: &Array) -> Result<Array> {
        (**self).forward(x)
    }
}

impl<L: Layer> Layer for Vec<L> {
    #[track_caller]
    fn forward(&self, x: &Array) -> Result<Array> {
        self.iter().try_fold(x.clone(), |x, layer| layer.forward(&x))
    }
}

macro_rules! tuples {
    ($(($first:ident $(, $next:ident $index:tt)*);)*) => {$(
        impl<$first: Layer, $($next: Layer),*> Layer for ($first, $($next,)*) {
            #[track_caller]
            fn forward(&self, x: &Array) -> Result<Array> {
                let y = self.0.forward(x)?;
                $(let y = self.$index.forward(&y)?;)*
                Ok(y)
            }
        }
    )*};
}

tuples! {
    (A);
    (A, B 1);
    (A, B 1, C 2);
    (A, B 1, C 2, D 3);
    (A, B 1, C 2, D 3, E 4);
    (A, B 1, C 2, D 3, E 4, F 5);
    (A, B 1, C 2, D 3, E 4, F 5, G 6);
    (A, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
    (A, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
    (A, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
    (A, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
    (A, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
}
