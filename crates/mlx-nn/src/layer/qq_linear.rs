//! A linear layer that quantizes its input, too.

use mlx_core::transform::{CustomFunction, custom_function};
use mlx_core::{Array, Quantization, QuantizationMode, Quantized, Result};

use crate::layer::layers;
use crate::{Error, Matrix, Module, Weights, init};

/// `x · wᵀ` of an input and a weight `[outputs, inputs]` that are both quantized as nvfp4 or mxfp8; without a bias.
///
/// A dense weight is quantized anew in each call and learns, as Python's layer does in training; a quantized one is
/// for use. The gradients are quantized products themselves, along the rows of `x` and the outputs: both must be
/// whole groups. CPUs multiply the dequantized matrices, for which Python has no kernel.
#[derive(Clone, Debug, Module)]
pub struct QqLinear {
    #[module(flatten)]
    weight: Matrix,
    #[module(skip)]
    scheme: Quantization,
}

impl QqLinear {
    /// A layer of this weight, dense or quantized in the very scheme.
    ///
    /// # Errors
    /// The scheme is neither nvfp4 nor mxfp8, or the weight is quantized in another.
    pub fn new(weight: impl Into<Matrix>, scheme: Quantization) -> crate::Result<Self> {
        let weight = weight.into();
        if !matches!(scheme.mode, QuantizationMode::Nvfp4 | QuantizationMode::Mxfp8) {
            let problem = format!("{scheme} does not quantize inputs: nvfp4 and mxfp8 do");
            return Err(Error::config("mode", problem));
        }
        if let Matrix::Quantized(Quantized { scheme: stored, .. }) = &weight
            && *stored != scheme
        {
            return Err(Error::config("mode", format!("the weight is {stored}, not {scheme}")));
        }
        Ok(Self { weight, scheme })
    }

    /// The layer at the path of `w`, of a weight of this shape, dense or quantized as stored.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn load(w: &Weights, shape: [i32; 2], scheme: Quantization) -> crate::Result<Self> {
        let [_, inputs] = shape;
        Self::new(w.matrix(shape, init::within_root(inputs))?, scheme)
    }

    /// The same layer with a quantized weight, for use.
    #[track_caller]
    pub fn quantize(&self) -> Result<Self> {
        let weight = match &self.weight {
            Matrix::Dense { weight } => Quantized::of(weight, self.scheme)?.into(),
            quantized @ Matrix::Quantized(_) => quantized.clone(),
        };
        Ok(Self { weight, scheme: self.scheme })
    }

    /// The same layer with a dense weight, to be trained.
    #[track_caller]
    pub fn dequantize(&self) -> Result<Self> {
        let weight = match &self.weight {
            Matrix::Quantized(weight) => weight.dequantize(None)?.into(),
            dense @ Matrix::Dense { .. } => dense.clone(),
        };
        Ok(Self { weight, scheme: self.scheme })
    }

    /// `[…, inputs] -> […, outputs]`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        match &self.weight {
            Matrix::Quantized(weight) => x.qqmm(weight, None),
            Matrix::Dense { weight } => {
                let rows = x.reshape([-1, x.dim(-1)?])?;
                let y = learned(self.scheme).call(&(rows, weight.clone()))?;
                let mut shape = x.shape().to_vec();
                shape.pop();
                shape.push(y.dim(-1)?);
                y.reshape(shape)
            }
        }
    }
}

layers!(QqLinear);

/// `x · wᵀ` of quantized copies of two dense matrices, with gradients that are such products.
fn learned(scheme: Quantization) -> CustomFunction<(Array, Array), Array> {
    let product = move |a: &Array, b: &Array| a.qqmm(&Quantized::of(b, scheme)?, None);
    custom_function(move |(x, w): &(Array, Array)| product(x, w)).vjp(move |(x, w), cotangent, _| {
        Ok((product(cotangent, &w.t()?)?, product(&cotangent.t()?, &x.t()?)?))
    })
}
