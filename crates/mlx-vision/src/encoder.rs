//! The layers that CLIP and SigLIP share.

use mlx_core::fast::Mask;
use mlx_core::{Array, Device, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Module, Result, Weights};

use crate::{Activation, Attention, AttentionNames, FeedForward};

/// Layers, one behind the other.
///
/// Dosovitskiy et al., "An Image is Worth 16x16 Words".
#[derive(Module)]
#[module(no_tree)]
pub struct Encoder {
    #[module(flatten)]
    layers: Vec<EncoderLayer>,
}

/// Attention and two linear layers, each behind a norm and added to its input.
#[derive(Module)]
#[module(no_tree)]
pub struct EncoderLayer {
    layer_norm1: LayerNorm,
    self_attn: Attention,
    layer_norm2: LayerNorm,
    mlp: FeedForward,
}

/// What layers are like.
#[derive(Clone, Copy, Debug)]
pub struct EncoderSizes {
    /// How many there are.
    pub layers: usize,
    /// The width of a vector.
    pub width: i32,
    /// The width between the two linear layers.
    pub inner: i32,
    /// How many heads share `width`.
    pub heads: i32,
    /// What norms add to the variance.
    pub eps: f32,
    /// What is between the two linear layers.
    pub activation: Activation,
}

/// What a checkpoint calls the parts of a layer.
#[derive(Clone, Copy, Debug)]
pub struct LayerNames<'n> {
    /// The norms before attention and before the linear layers.
    pub norms: [&'n str; 2],
    /// Attention.
    pub attention: &'n str,
    /// Its layers.
    pub projections: AttentionNames<'n>,
}

impl Default for LayerNames<'_> {
    fn default() -> Self {
        Self {
            norms: ["layer_norm1", "layer_norm2"],
            attention: "self_attn",
            projections: AttentionNames::Apart(["q_proj", "k_proj", "v_proj", "out_proj"]),
        }
    }
}

impl EncoderSizes {
    /// A norm of these layers.
    pub fn norm(&self, w: &Weights, name: &str) -> Result<LayerNorm> {
        let options = LayerNormOptions { eps: self.eps, ..LayerNormOptions::default() };
        LayerNorm::load(&w.at(name), self.width, options)
    }
}

impl Encoder {
    /// The layers at `layers` in the scope `w`.
    pub fn load(w: &Weights, sizes: &EncoderSizes) -> Result<Self> {
        Self::named(w, "layers", sizes, LayerNames::default())
    }

    /// The layers at `name` in the scope `w`, whose parts have these names.
    pub fn named(w: &Weights, name: &str, sizes: &EncoderSizes, names: LayerNames<'_>) -> Result<Self> {
        let layers = w.each(name, sizes.layers).map(|w| EncoderLayer::named(&w, sizes, names));
        Ok(Self { layers: layers.collect::<Result<_>>()? })
    }

    /// How many layers there are.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// `[patches, width]` behind as many layers as each of `numbers` says: 0 is `x` itself, and
    /// [`depth`](Self::depth) what the last layer gives. Patches see those of their group, of which `groups` are the sizes.
    ///
    /// # Errors
    /// There are not so many layers.
    pub fn states(&self, x: Array, groups: &[i32], numbers: &[usize]) -> MlxResult<Vec<Array>> {
        let last = numbers.iter().copied().max().unwrap_or_default();
        let Some(layers) = self.layers.get(..last) else {
            let problem = format!("there is nothing behind layer {last} of {}", self.depth());
            return Err(mlx_core::Error::custom("encoder", problem));
        };
        let mut wanted = vec![None; numbers.len()];
        let mut keep = |number: usize, x: &Array| {
            for (slot, _) in wanted.iter_mut().zip(numbers).filter(|(_, wanted)| **wanted == number) {
                *slot = Some(x.clone());
            }
        };
        keep(0, &x);
        let mut x = x;
        for (layer, number) in layers.iter().zip(1..) {
            x = waited(layer.forward(&x, groups)?)?;
            keep(number, &x);
        }
        Ok(wanted.into_iter().flatten().collect())
    }

    /// `[patches, width]` behind the last layer.
    pub fn forward(&self, mut x: Array, groups: &[i32]) -> MlxResult<Array> {
        for layer in &self.layers {
            x = waited(layer.forward(&x, groups)?)?;
        }
        Ok(x)
    }

    /// `[texts, length, width]` behind the last layer, where `mask` says which tokens see which.
    pub fn forward_texts(&self, mut x: Array, mask: Mask<'_>) -> MlxResult<Array> {
        for layer in &self.layers {
            x = waited(layer.forward_texts(&x, mask)?)?;
        }
        Ok(x)
    }
}

impl EncoderLayer {
    /// The layer at the path of `w`.
    pub fn load(w: &Weights, sizes: &EncoderSizes) -> Result<Self> {
        Self::named(w, sizes, LayerNames::default())
    }

    /// The layer at the path of `w`, whose parts have these names.
    pub fn named(w: &Weights, sizes: &EncoderSizes, names: LayerNames<'_>) -> Result<Self> {
        let EncoderSizes { width, inner, heads, activation, .. } = *sizes;
        let LayerNames { norms: [first, second], attention, projections } = names;
        Ok(Self {
            layer_norm1: sizes.norm(w, first)?,
            self_attn: Attention::load(&w.at(attention), projections, [width, heads], true)?,
            layer_norm2: sizes.norm(w, second)?,
            mlp: FeedForward::load(&w.at("mlp"), ["fc1", "fc2"], [width, inner], activation)?,
        })
    }

    /// `[patches, width] -> [patches, width]`. Patches see those of their group, of which `groups` are the sizes.
    pub fn forward(&self, x: &Array, groups: &[i32]) -> MlxResult<Array> {
        let x = self.self_attn.forward(&self.layer_norm1.forward(x)?, None, groups, x)?;
        self.mlp.forward(&self.layer_norm2.forward(&x)?, &x)
    }

    /// As [`forward`](Self::forward), for texts of one length, `[texts, length, width]`.
    pub fn forward_texts(&self, x: &Array, mask: Mask<'_>) -> MlxResult<Array> {
        let x = self.self_attn.forward_texts(&self.layer_norm1.forward(x)?, mask, x)?;
        self.mlp.forward(&self.layer_norm2.forward(&x)?, &x)
    }
}

/// Computes what a layer made before the next is begun, so that one layer's memory is enough. A GPU is not waited for.
fn waited(x: Array) -> MlxResult<Array> {
    if Device::current().is_cpu() {
        x.eval()?;
    }
    Ok(x)
}
