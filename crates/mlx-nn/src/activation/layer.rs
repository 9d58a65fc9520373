//! Activations as layers, for [`Sequential`](crate::Sequential) models and for fields of a model.

use mlx_core::{Array, Dtype, Result};

use super::{
    celu, elu, gelu, gelu_approx, gelu_fast_approx, glu, hard_shrink, hard_tanh, hardswish, leaky_relu,
    log_sigmoid, log_softmax, mish, prelu, relu, relu2, relu6, selu, silu, softmin, softplus, softshrink,
    softsign, step,
};
use crate::layer::layers;
use crate::{Module, Weights, init};

/// A layer without settings for each function.
macro_rules! plain {
    ($($name:ident => $function:path;)*) => {$(
        #[doc = concat!("[`", stringify!($function), "`] as a layer.")]
        #[derive(Clone, Copy, Debug, Default, Module, PartialEq, Eq)]
        pub struct $name;

        impl $name {
            /// One value for each element of `x`.
            #[track_caller]
            pub fn forward(&self, x: &Array) -> Result<Array> {
                $function(x)
            }
        }

        layers!($name);
    )*};
}

plain! {
    Hardswish => hardswish;
    LogSigmoid => log_sigmoid;
    Mish => mish;
    Relu => relu;
    Relu2 => relu2;
    Relu6 => relu6;
    Selu => selu;
    Sigmoid => Array::sigmoid;
    Silu => silu;
    Softplus => softplus;
    Softsign => softsign;
    Tanh => Array::tanh;
}

/// A layer for each function, whose other arguments are the layer's settings, with their defaults.
macro_rules! with_settings {
    ($($name:ident { $($(#[$doc:meta])* $setting:ident: $kind:ty = $default:expr),* } => $function:path;)*) => {$(
        #[doc = concat!("[`", stringify!($function), "`] as a layer.")]
        #[derive(Clone, Copy, Debug, Module, PartialEq)]
        pub struct $name {
            $($(#[$doc])* pub $setting: $kind),*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($setting: $default),* }
            }
        }

        impl $name {
            /// What the function gives for `x`.
            #[track_caller]
            pub fn forward(&self, x: &Array) -> Result<Array> {
                $function(x, $(self.$setting),*)
            }
        }

        layers!($name);
    )*};
}

with_settings! {
    Celu {
        /// How far it goes below zero.
        alpha: f32 = 1.0
    } => celu;
    Elu {
        /// How far it goes below zero.
        alpha: f32 = 1.0
    } => elu;
    Glu {
        /// The axis whose halves are multiplied.
        axis: i32 = -1
    } => glu;
    HardShrink {
        /// The greatest magnitude that becomes zero.
        lambda: f32 = 0.5
    } => hard_shrink;
    HardTanh {
        /// The least value.
        min: f32 = -1.0,
        /// The greatest value.
        max: f32 = 1.0
    } => hard_tanh;
    LeakyRelu {
        /// The slope below zero.
        negative_slope: f32 = 0.01
    } => leaky_relu;
    LogSoftmax {
        /// The axis of the classes.
        axis: i32 = -1
    } => log_softmax;
    Softmax {
        /// The axis of the classes.
        axis: i32 = -1
    } => Array::softmax;
    Softmin {
        /// The axis of the classes.
        axis: i32 = -1
    } => softmin;
    Softshrink {
        /// The greatest magnitude that becomes zero.
        lambda: f32 = 0.5
    } => softshrink;
    Step {
        /// The least value that becomes 1.
        threshold: f32 = 0.0
    } => step;
}

/// The layer that changes nothing.
#[derive(Clone, Copy, Debug, Default, Module, PartialEq, Eq)]
pub struct Identity;

impl Identity {
    /// `x` itself.
    pub fn forward(&self, x: &Array) -> Result<Array> {
        Ok(x.clone())
    }
}

/// [`gelu`] or one of its approximations as a layer.
#[derive(Clone, Copy, Debug, Default, Module, PartialEq, Eq)]
pub enum Gelu {
    /// [`gelu`].
    #[default]
    Exact,
    /// [`gelu_approx`].
    Approx,
    /// [`gelu_fast_approx`].
    Fast,
}

impl Gelu {
    /// One value for each element of `x`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        match self {
            Self::Exact => gelu(x),
            Self::Approx => gelu_approx(x),
            Self::Fast => gelu_fast_approx(x),
        }
    }
}

/// [`prelu`] with slopes that are learned.
#[derive(Clone, Debug, Module)]
pub struct PRelu {
    weight: Array,
}

impl PRelu {
    /// A layer with a slope for each feature, `[width]`, or one for all, `[1]`.
    pub fn new(weight: Array) -> Self {
        Self { weight }
    }

    /// The layer at the path of `w`, with `slopes` slopes that start at 0.25.
    pub fn load(w: &Weights, slopes: i32) -> crate::Result<Self> {
        let initial = |shape: &[i32], _: &_| init::constant(shape, 0.25, Dtype::Float32);
        Ok(Self::new(w.parameter("weight", [slopes], initial)?))
    }

    /// One value for each element of `x` `[…, width]`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        prelu(x, &self.weight)
    }
}

layers!(Gelu, Identity, PRelu);
