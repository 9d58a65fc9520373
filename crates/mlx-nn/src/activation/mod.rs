//! Nonlinear functions, and each of them as a layer.
//!
//! Those that are methods of [`Array`](mlx_core::Array) already, such as `sigmoid`, `softmax` and `tanh`, are
//! not here again; their layers are.

mod gate;
mod layer;
mod piecewise;
mod smooth;
mod softmax;

pub use gate::{glu, swiglu};
pub use layer::{
    Celu, Elu, Gelu, Glu, HardShrink, HardTanh, Hardswish, Identity, LeakyRelu, LogSigmoid, LogSoftmax, Mish,
    PRelu, Relu, Relu2, Relu6, Selu, Sigmoid, Silu, Softmax, Softmin, Softplus, Softshrink, Softsign, Step,
    Tanh,
};
pub use piecewise::{
    hard_shrink, hard_tanh, hardswish, leaky_relu, prelu, relu, relu2, relu6, softshrink, step,
};
pub use smooth::{
    celu, elu, gelu, gelu_approx, gelu_fast_approx, log_sigmoid, mish, selu, silu, softplus, softsign,
};
pub use softmax::{log_softmax, softmin};
