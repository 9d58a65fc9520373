//! Taking whole layers.

use crate::layer::{Embedding, Head, Linear, RmsNorm};
use crate::weights::Elements;
use crate::{Result, Weights};

impl Weights {
    /// A linear layer with a weight of `[outputs, inputs]`, dense or quantized as stored, and no bias.
    pub fn linear(&self, name: &str, shape: [i32; 2]) -> Result<Linear> {
        Ok(Linear::new(self.at(name).matrix(shape)?, None))
    }

    /// A linear layer as [`linear`](Self::linear), with a bias `[outputs]` if the config says so.
    pub fn linear_with_bias(&self, name: &str, shape: [i32; 2], bias: bool) -> Result<Linear> {
        let layer = self.at(name);
        let [outputs, _] = shape;
        let weight = layer.matrix(shape)?;
        let bias = bias.then(|| layer.take("bias", &[outputs], Elements::Floats));
        Ok(Linear::new(weight, bias.transpose()?))
    }

    /// A table of `[tokens, width]`, dense or quantized as stored.
    pub fn embedding(&self, name: &str, shape: [i32; 2]) -> Result<Embedding> {
        Ok(Embedding::new(self.at(name).matrix(shape)?))
    }

    /// The last layer of a model: `embedding` again if `tied`, else a linear layer of the same shape.
    ///
    /// What a checkpoint stores under the name of a tied head is ignored.
    pub fn head(&self, name: &str, embedding: &Embedding, tied: bool) -> Result<Head> {
        if tied {
            let layer = self.at(name);
            for part in ["weight", "scales", "biases"] {
                layer.find(part);
            }
            return Ok(Head::Tied(embedding.clone()));
        }
        Ok(Head::Own(self.linear(name, embedding.shape()?)?))
    }

    /// A normalisation of vectors of `width` elements.
    pub fn rms_norm(&self, name: &str, width: i32, eps: f32) -> Result<RmsNorm> {
        Ok(RmsNorm::new(self.at(name).take("weight", &[width], Elements::Floats)?, eps))
    }
}
