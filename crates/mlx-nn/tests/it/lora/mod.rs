//! Adapters: their arithmetic, their files, and that what is under them stays.

mod file;
mod layer;
mod training;

use mlx_core::{Array, Result};
use mlx_nn::{Embedding, Linear, Module, Weights, silu};

/// The model of `xtask/golden/lora.py`.
#[derive(Clone, Debug, Module)]
struct Tiny {
    embed_tokens: Embedding,
    layers: Vec<Block>,
    head: Linear,
}

#[derive(Clone, Debug, Module)]
struct Block {
    up: Linear,
    down: Linear,
}

impl Tiny {
    fn load(w: &Weights) -> mlx_nn::Result<Self> {
        let block = |w: Weights| {
            let (up, down) = (w.linear("up", [24, 16])?, w.linear_with_bias("down", [16, 24], true)?);
            Ok(Block { up, down })
        };
        Ok(Self {
            embed_tokens: w.embedding("embed_tokens", [12, 16])?,
            layers: w.each("layers", 3).map(block).collect::<mlx_nn::Result<_>>()?,
            head: w.linear("head", [12, 16])?,
        })
    }

    fn forward(&self, ids: &Array) -> Result<Array> {
        let x = self.layers.iter().try_fold(self.embed_tokens.forward(ids)?, |x, block| {
            &x + block.down.forward(&silu(&block.up.forward(&x)?)?)?
        })?;
        self.head.forward(&x)
    }
}

/// The module with `value` of some parameters.
fn with<M: Module + Clone>(module: &M, value: impl Fn(&str) -> Option<Array>) -> M {
    let mut module = module.clone();
    let names = module.parameters();
    let values = names.names().filter_map(|path| Some((path, value(path)?)));
    module.update(&values.collect()).unwrap();
    module
}

/// The values of all parameters that `accepts`, by path.
fn values<M: Module>(module: &M, accepts: impl Fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
    let parameters = module.parameters().filter(accepts);
    parameters.into_iter().map(|(path, array)| (path, bytes(&array))).collect()
}

fn bytes(array: &Array) -> Vec<u8> {
    array.view(mlx_core::Dtype::Uint8).unwrap().to_vec().unwrap()
}
