//! CPU ops written in Rust.

use std::any::Any;
use std::sync::Arc;

use super::{Input, Output};
use crate::{Array, Device, Dtype, Error, Kind, Result, ffi};

/// Why a kernel failed: any error, or a text.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// An op whose kernel for the CPU is Rust.
///
/// MLX runs the kernel when a result is needed, on a thread of its own. For gradients, `vmap` and devices other
/// than the CPU it uses the fallback, the same function in ops of MLX.
///
/// ```
/// use std::sync::Arc;
///
/// use mlx_core::kernel::{self, Failure, Input, Output, Primitive, Spec};
/// use mlx_core::prelude::*;
///
/// struct Cube;
///
/// impl Primitive for Cube {
///     const NAME: &'static str = "Cube";
///
///     fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
///         Ok(inputs.iter().map(|x| Spec::like(x)).collect())
///     }
///
///     fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
///         for (x, y) in inputs.iter().zip(outputs) {
///             let x = x.values::<f32>()?;
///             y.values::<f32>()?.iter_mut().zip(x.iter()).for_each(|(y, x)| *y = x * x * x);
///         }
///         Ok(())
///     }
///
///     fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
///         inputs.iter().map(|x| x.square()? * x).collect()
///     }
/// }
///
/// fn main() -> Result<()> {
///     let y = kernel::apply(&Arc::new(Cube), [&Array::from([1.0, 2.0])])?;
///     assert_eq!(y[0].to_vec::<f32>()?, [1.0, 8.0]);
///     Ok(())
/// }
/// ```
pub trait Primitive: Send + Sync + 'static {
    /// The name in errors and, after `Kernel:`, in drawings of the graph.
    const NAME: &'static str;

    /// Whether [`run`](Self::run) writes every element of the results. Else they are zero before, which takes time.
    const FILLS: bool = false;

    /// The shape and type of each result.
    ///
    /// # Errors
    /// The inputs do not suit the op.
    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>>;

    /// Computes the results. It cannot compute with arrays: MLX waits for it.
    ///
    /// # Errors
    /// An error or a panic is what [`eval`](crate::eval) of a result returns.
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure>;

    /// The same results from MLX's ops, of the shapes and types that [`outputs`](Self::outputs) says.
    ///
    /// # Errors
    /// One of the ops failed.
    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>>;

    /// Whether this and `other` give the same results for the same inputs, so that a compiled graph may run one
    /// for both.
    fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// The shape and type of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The length of each axis.
    pub shape: Vec<i32>,
    /// The type of the elements.
    pub dtype: Dtype,
}

impl Spec {
    /// A result of these lengths and this type.
    pub fn new(shape: impl Into<Vec<i32>>, dtype: Dtype) -> Self {
        Self { shape: shape.into(), dtype }
    }

    /// The shape and type of `array`.
    pub fn like(array: &Array) -> Self {
        Self::new(array.shape(), array.dtype())
    }
}

/// Adds the op to the graph and returns its results.
///
/// # Errors
/// The primitive refuses the inputs, or states a shape that does not fit in memory.
#[track_caller]
pub fn apply<'a, P: Primitive>(
    primitive: &Arc<P>,
    inputs: impl IntoIterator<Item = &'a Array>,
) -> Result<Vec<Array>> {
    let inputs: Vec<_> = inputs.into_iter().collect();
    let specs = match primitive.outputs(&inputs) {
        Ok(specs) => specs,
        Err(error) => return Err(error.at_caller()),
    };
    for Spec { shape, dtype } in &specs {
        if dtype.bytes_of(shape).is_none() {
            let message = format!("an output of shape {shape:?} does not fit in memory");
            return Err(Error::new(Kind::Shape, P::NAME, message));
        }
    }
    if Device::current().is_cpu() {
        let kernel: Arc<dyn Kernel> = Arc::<P>::clone(primitive);
        ffi::primitive::apply(kernel, &inputs, specs)
    } else {
        let owned: Vec<_> = inputs.into_iter().cloned().collect();
        match ffi::primitive::fallback(&**primitive, &owned, &specs) {
            Ok(outputs) => Ok(outputs),
            Err(error) => Err(error.at_caller()),
        }
    }
}

/// A primitive of any type, as C passes it around.
pub(crate) trait Kernel: Any + Send + Sync {
    fn name(&self) -> &'static str;
    fn fills(&self) -> bool;
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure>;
    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>>;
    fn is_same(&self, other: &dyn Kernel) -> bool;
}

impl<P: Primitive> Kernel for P {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn fills(&self) -> bool {
        P::FILLS
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        Primitive::run(self, inputs, outputs)
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        Primitive::fallback(self, inputs)
    }

    fn is_same(&self, other: &dyn Kernel) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<P>().is_some_and(|other| Primitive::is_same(self, other))
    }
}
