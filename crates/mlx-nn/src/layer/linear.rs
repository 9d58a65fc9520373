//! A linear layer.

use mlx_core::fast::{self, GatedLayer, LinearLayer};
use mlx_core::{Array, Error, Quantized, Result};

use crate::layer::layers;
use crate::lora::{Adapter, Place, PlaceMut, Role};
use crate::{Matrix, Module, Weights, init};

/// `x · wᵀ + b`, with a weight of `[outputs, inputs]` that may be quantized, and [adapted](crate::lora).
#[derive(Clone, Debug, Module)]
pub struct Linear {
    #[module(flatten)]
    weight: Matrix,
    bias: Option<Array>,
    #[module(flatten)]
    adapter: Option<Adapter>,
}

impl Linear {
    /// A layer of a weight `[outputs, inputs]` and perhaps a bias `[outputs]`.
    pub fn new(weight: impl Into<Matrix>, bias: Option<Array>) -> Self {
        Self { weight: weight.into(), bias, adapter: None }
    }

    /// The layer at the path of `w`, of a weight of `[outputs, inputs]`, dense or quantized as stored.
    pub fn load(w: &Weights, [outputs, inputs]: [i32; 2], bias: bool) -> crate::Result<Self> {
        let weight = w.matrix([outputs, inputs], init::within_root(inputs))?;
        let bias = bias.then(|| w.parameter("bias", [outputs], init::within_root(inputs)));
        Ok(Self::new(weight, bias.transpose()?))
    }

    /// `[…, inputs] -> […, outputs]`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        self.forward_then(x, None, None)
    }

    /// `activation(forward(x)) + plus`: `[…, inputs] -> […, outputs]`. A layer of floats is one op on a CPU.
    #[track_caller]
    pub fn forward_then(
        &self,
        x: &Array,
        activation: Option<fast::Activation>,
        plus: Option<&Array>,
    ) -> Result<Array> {
        let fuses = self.bias.is_some() || activation.is_some() || plus.is_some();
        if let (Matrix::Dense { weight }, None, true) = (&self.weight, &self.adapter, fuses) {
            return fast::linear(x, LinearLayer { weight, bias: self.bias.as_ref(), activation }, plus);
        }
        let mut y = self.shift(self.project(x)?)?;
        if let Some(activation) = activation {
            y = fast::activate(activation, &y)?;
        }
        match plus {
            Some(plus) => y + plus,
            None => Ok(y),
        }
    }

    /// What each of the layers makes of `x`. The products with quantized matrices are one op on a CPU, which costs less
    /// than one for each.
    #[track_caller]
    pub fn forward_each<const N: usize>(layers: [&Self; N], x: &Array) -> Result<[Array; N]> {
        let plain: Vec<_> = layers.into_iter().filter_map(Self::unadapted).collect();
        let mut outputs = Vec::with_capacity(N);
        if plain.len() == N {
            for (layer, product) in layers.into_iter().zip(x.quantized_matmul_each(&plain)?) {
                outputs.push(layer.shift(product)?);
            }
        } else {
            for layer in layers {
                outputs.push(layer.forward(x)?);
            }
        }
        let all = <[Array; N]>::try_from(outputs);
        all.map_err(|_| Error::custom("linear", "a layer has no output"))
    }

    /// `down(activation(gate(x)) · up(x))` of the layers gate, up and down, `[…, width] -> […, width]`. Quantized layers
    /// without biases are one op on a CPU.
    ///
    /// Shazeer, "GLU Variants Improve Transformer".
    #[track_caller]
    pub fn feed_forward(layers: [&Self; 3], activation: fast::Activation, x: &Array) -> Result<Array> {
        let [gate, up, down] = layers;
        if let [Some(gate), Some(up), Some(down)] = layers.map(Self::unadapted)
            && layers.iter().all(|layer| layer.bias.is_none())
        {
            return fast::feed_forward(x, GatedLayer { gate, up, down, activation });
        }
        let [gate, up] = Self::forward_each([gate, up], x)?;
        down.forward(&fast::gated(activation, &gate, &up)?)
    }

    /// The weight, if it is quantized and nothing is added to it.
    fn unadapted(&self) -> Option<&Quantized> {
        match (&self.weight, &self.adapter) {
            (Matrix::Quantized(weight), None) => Some(weight),
            _ => None,
        }
    }

    /// `x · wᵀ`, adapted.
    #[track_caller]
    pub(super) fn project(&self, x: &Array) -> Result<Array> {
        match &self.adapter {
            Some(adapter) => adapter.project(&self.weight, x),
            None => self.weight.project(x),
        }
    }

    /// `y + b`, if there is a bias.
    #[track_caller]
    pub(super) fn shift(&self, y: Array) -> Result<Array> {
        match &self.bias {
            Some(bias) => y + bias,
            None => Ok(y),
        }
    }

    pub(crate) fn place(&self) -> Place<'_> {
        Place { role: Role::Linear, matrix: &self.weight, adapter: self.adapter.as_ref() }
    }

    pub(crate) fn place_mut(&mut self) -> PlaceMut<'_> {
        PlaceMut { role: Role::Linear, matrix: &mut self.weight, adapter: &mut self.adapter }
    }
}

layers!(Linear);
