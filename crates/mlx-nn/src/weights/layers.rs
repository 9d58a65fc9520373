//! Taking whole layers.

use mlx_core::random::Key;
use mlx_core::{Array, Dtype};

use crate::layer::{Embedding, Head, Linear, RmsNorm};
use crate::{Result, Weights, init};

impl Weights {
    /// A linear layer with a weight of `[outputs, inputs]`, dense or quantized as stored, and no bias.
    pub fn linear(&self, name: &str, shape: [i32; 2]) -> Result<Linear> {
        self.linear_with_bias(name, shape, false)
    }

    /// A linear layer as [`linear`](Self::linear), with a bias `[outputs]` if the config says so.
    pub fn linear_with_bias(&self, name: &str, shape: [i32; 2], bias: bool) -> Result<Linear> {
        Linear::load(&self.at(name), shape, bias)
    }

    /// A table of `[tokens, width]`, dense or quantized as stored.
    pub fn embedding(&self, name: &str, shape: [i32; 2]) -> Result<Embedding> {
        let [_, width] = shape;
        let initial =
            |shape: &[i32], key: &Key| init::normal(shape, 0.0, reciprocal_root(width), Dtype::Float32, key);
        Ok(Embedding::new(self.at(name).matrix(shape, initial)?))
    }

    /// The last layer of a model: its `embedding` again if `tied`, else a linear layer of the same shape.
    ///
    /// What a checkpoint stores under the name of a tied head is ignored.
    pub fn head(&self, name: &str, embedding: &Embedding, tied: bool) -> Result<Head> {
        if tied {
            let layer = self.at(name);
            for part in ["weight", "scales", "biases"] {
                layer.find(part);
            }
            return Ok(Head::Tied);
        }
        Ok(Head::Own(self.linear(name, embedding.shape()?)?))
    }

    /// A normalisation of vectors of `width` elements.
    pub fn rms_norm(&self, name: &str, width: i32, eps: f32) -> Result<RmsNorm> {
        let ones = |shape: &[i32], _: &Key| Array::ones(shape, Dtype::Float32);
        Ok(RmsNorm::new(self.at(name).parameter("weight", [width], ones)?, eps))
    }
}

fn reciprocal_root(count: i32) -> f32 {
    f64::from(count).sqrt().recip() as f32
}
