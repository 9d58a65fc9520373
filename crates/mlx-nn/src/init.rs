//! Values that parameters start with.
//!
//! Each function makes an array of a shape and type; those that draw take a key. [`Weights::init`] draws every
//! parameter of a model by the functions that its layers name, which are those of Python's layers.
//!
//! [`Weights::init`]: crate::Weights::init

use mlx_core::random::{self, Key};
use mlx_core::{Array, Dtype, Error, Result, Scalar, linalg, select};

/// Which side of a layer keeps its variance in [`he_normal`] and [`he_uniform`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fan {
    /// The inputs: activations keep their variance.
    #[default]
    In,
    /// The outputs: gradients keep theirs.
    Out,
}

/// The same value everywhere.
#[track_caller]
pub fn constant(shape: impl AsRef<[i32]>, value: impl Into<Scalar>, dtype: Dtype) -> Result<Array> {
    Array::full(shape, value, dtype)
}

/// A normal distribution.
#[track_caller]
pub fn normal(shape: impl AsRef<[i32]>, mean: f32, std: f32, dtype: Dtype, key: &Key) -> Result<Array> {
    let (mean, std) = (Array::full([], mean, dtype)?, Array::full([], std, dtype)?);
    random::normal(shape, random::Normal { dtype, loc: Some(&mean), scale: Some(&std) }, key)
}

/// Numbers from `low` to below `high`, all as likely.
#[track_caller]
pub fn uniform(shape: impl AsRef<[i32]>, low: f32, high: f32, dtype: Dtype, key: &Key) -> Result<Array> {
    random::uniform(shape, low, high, dtype, key)
}

/// What layers that see `inputs` numbers start with: numbers within `± √(1 / inputs)`, all as likely.
pub(crate) fn within_root(inputs: impl Into<f64>) -> impl Fn(&[i32], &Key) -> Result<Array> + Copy {
    let limit = inputs.into().recip().sqrt() as f32;
    move |shape, key| uniform(shape, -limit, limit, Dtype::Float32, key)
}

/// Glorot's normal distribution, of standard deviation `gain · √(2 / (fan_in + fan_out))`.
///
/// Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks".
#[track_caller]
pub fn glorot_normal(shape: impl AsRef<[i32]>, gain: f32, dtype: Dtype, key: &Key) -> Result<Array> {
    let fans = Fans::of(shape.as_ref())?;
    normal(shape, 0.0, fans.glorot(gain, 2.0), dtype, key)
}

/// Glorot's uniform distribution, within `± gain · √(6 / (fan_in + fan_out))`.
#[track_caller]
pub fn glorot_uniform(shape: impl AsRef<[i32]>, gain: f32, dtype: Dtype, key: &Key) -> Result<Array> {
    let limit = Fans::of(shape.as_ref())?.glorot(gain, 6.0);
    uniform(shape, -limit, limit, dtype, key)
}

/// He's normal distribution, of standard deviation `gain · √(1 / fan)`.
///
/// He et al., "Delving Deep into Rectifiers".
#[track_caller]
pub fn he_normal(shape: impl AsRef<[i32]>, fan: Fan, gain: f32, dtype: Dtype, key: &Key) -> Result<Array> {
    let fans = Fans::of(shape.as_ref())?;
    normal(shape, 0.0, fans.he(fan, gain, 1.0), dtype, key)
}

/// He's uniform distribution, within `± gain · √(3 / fan)`.
#[track_caller]
pub fn he_uniform(shape: impl AsRef<[i32]>, fan: Fan, gain: f32, dtype: Dtype, key: &Key) -> Result<Array> {
    let limit = Fans::of(shape.as_ref())?.he(fan, gain, 3.0);
    uniform(shape, -limit, limit, dtype, key)
}

/// The identity of a square shape.
#[track_caller]
pub fn identity(shape: impl AsRef<[i32]>, dtype: Dtype) -> Result<Array> {
    match *shape.as_ref() {
        [rows, columns] if rows == columns => Array::eye([rows, columns], 0, dtype),
        ref shape => Err(Error::custom("init.identity", format!("{shape:?} is not a square matrix"))),
    }
}

/// A matrix of orthonormal rows or columns, whichever are fewer, times `gain`. It is factored on the CPU.
#[track_caller]
pub fn orthogonal(shape: impl AsRef<[i32]>, gain: f32, dtype: Dtype, key: &Key) -> Result<Array> {
    let [rows, columns] = matrix("init.orthogonal", shape.as_ref())?;
    let side = rows.max(columns);
    let [q, r] = linalg::qr(&random::normal([side, side], Dtype::Float32, key)?)?;
    let q = (q * r.diag(0)?.sign()?)?.index((..rows, ..columns))?;
    (q * gain)?.astype(dtype)
}

/// A normal distribution of which a part, `sparsity` of each row, is zero.
///
/// Martens, "Deep learning via Hessian-free optimization".
#[track_caller]
pub fn sparse(
    shape: impl AsRef<[i32]>,
    sparsity: f32,
    mean: f32,
    std: f32,
    dtype: Dtype,
    key: &Key,
) -> Result<Array> {
    let [rows, columns] = matrix("init.sparse", shape.as_ref())?;
    let zeros = (f64::from(sparsity) * f64::from(columns)).ceil() as i32;
    let (places, values) = key.split()?;
    let order = random::uniform([rows, columns], 0.0, 1.0, Dtype::Float32, &places)?.argsort(1)?;
    let values = normal([rows, columns], mean, std, dtype, &values)?;
    select(&order.greater_equal(zeros)?, &values, 0.0)
}

/// The inputs that one output of a layer sees, and the outputs that one input reaches.
struct Fans {
    inputs: f64,
    outputs: f64,
}

impl Fans {
    /// Those of a weight `[outputs, …, inputs]`; a convolution has its window between them.
    #[track_caller]
    fn of(shape: &[i32]) -> Result<Self> {
        match shape {
            [outputs, window @ .., inputs] => {
                let window: f64 = window.iter().copied().map(f64::from).product();
                Ok(Self { inputs: f64::from(*inputs) * window, outputs: f64::from(*outputs) * window })
            }
            _ => {
                Err(Error::custom("init", format!("{shape:?} has no inputs and outputs: it needs two axes")))
            }
        }
    }

    fn glorot(&self, gain: f32, variance: f64) -> f32 {
        (f64::from(gain) * (variance / (self.inputs + self.outputs)).sqrt()) as f32
    }

    fn he(&self, fan: Fan, gain: f32, variance: f64) -> f32 {
        let fan = match fan {
            Fan::In => self.inputs,
            Fan::Out => self.outputs,
        };
        (f64::from(gain) * (variance / fan).sqrt()) as f32
    }
}

#[track_caller]
fn matrix(op: &'static str, shape: &[i32]) -> Result<[i32; 2]> {
    shape.try_into().map_err(|_| Error::custom(op, format!("{shape:?} is not a matrix")))
}
