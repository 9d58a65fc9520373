//! Layers of attention to the vectors before.

use mlx_core::fast::{Mask, Rope, rope, scaled_dot_product_attention};
use mlx_core::{Array, Dtype, Result as MlxResult, concatenate};
use mlx_nn::{LayerNorm, LayerNormOptions, Linear, Module, gelu};

use super::config::Config;
use crate::Result;
use crate::codec::part::reader::Reader;

/// The layers.
#[derive(Module)]
pub(super) struct Transformer {
    layers: Vec<Layer>,
    /// How many vectors one sees, itself among them.
    window: i32,
}

/// Attention, then two linear layers; each normalises what goes in, and scales what comes out.
#[derive(Module)]
struct Layer {
    before_attention: LayerNorm,
    qkv: [Linear; 3],
    output: Linear,
    attention_scale: Array,
    before_inner: LayerNorm,
    up: Linear,
    down: Linear,
    inner_scale: Array,
    head: i32,
    theta: f32,
}

/// What is kept of the vectors so far.
#[derive(Default)]
pub(super) struct Past {
    /// Keys and values of each layer.
    layers: Vec<Option<[Array; 2]>>,
    /// How many there were.
    count: i32,
}

/// Vectors that go through the layers together.
const BLOCK: i32 = 512;

impl Transformer {
    pub(super) fn load(r: &Reader, config: &Config) -> Result<Self> {
        let layer = |at| Layer::load(&r.at(format!("layers.{at}")), config);
        Ok(Self {
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
            window: config.sliding_window,
        })
    }

    /// `[1, time, width] -> [1, time, width]`, behind those that went through before.
    pub(super) fn forward(&self, x: &Array, past: &mut Past) -> MlxResult<Array> {
        let length = x.dim(1)?;
        past.layers.resize(self.layers.len(), None);
        let mut blocks = Vec::new();
        for first in (0..length).step_by(BLOCK as usize) {
            let block = x.index((.., first..length.min(first + BLOCK)))?;
            blocks.push(self.block(block, past)?);
        }
        concatenate(&blocks, 1)
    }

    fn block(&self, x: Array, past: &mut Past) -> MlxResult<Array> {
        let length = x.dim(1)?;
        let kept = past.count.min(self.window - 1);
        let queries = Array::arange(kept..kept + length)?.astype(Dtype::Int32)?.expand_dims(1)?;
        let keys = Array::arange(0..kept + length)?.astype(Dtype::Int32)?;
        let distance = (queries - keys)?;
        let mask = distance.greater_equal(0)?.logical_and(&distance.less(self.window)?)?;
        let place = past.count;
        let y = self.layers.iter().zip(&mut past.layers).try_fold(x, |x, (layer, seen)| {
            let y = layer.forward(&x, &mask, place, seen)?;
            if let Some([keys, values]) = seen {
                let first = (keys.dim(2)? - (self.window - 1)).max(0);
                *keys = keys.index((.., .., first..))?;
                *values = values.index((.., .., first..))?;
            }
            Ok::<_, mlx_core::Error>(y)
        })?;
        past.count = past.count.saturating_add(length);
        Ok(y)
    }
}

impl Layer {
    fn load(r: &Reader, config: &Config) -> Result<Self> {
        let (hidden, head) = (config.hidden_size, config.head());
        let options = LayerNormOptions { eps: config.norm_eps, ..LayerNormOptions::default() };
        let norm = |name: &str| LayerNorm::load(&r.w.at(name), hidden, options);
        let linear =
            |name: &str, shape| r.w.at("self_attn").linear_with_bias(name, shape, config.attention_bias);
        let (queries, keys) = (config.num_attention_heads * head, config.num_key_value_heads * head);
        Ok(Self {
            before_attention: norm("input_layernorm")?,
            qkv: [
                linear("q_proj", [queries, hidden])?,
                linear("k_proj", [keys, hidden])?,
                linear("v_proj", [keys, hidden])?,
            ],
            output: linear("o_proj", [hidden, queries])?,
            attention_scale: r.floats("self_attn_layer_scale.scale", [hidden])?,
            before_inner: norm("post_attention_layernorm")?,
            up: r.w.linear("mlp.fc1", [config.intermediate_size, hidden])?,
            down: r.w.linear("mlp.fc2", [hidden, config.intermediate_size])?,
            inner_scale: r.floats("mlp_layer_scale.scale", [hidden])?,
            head,
            theta: config.theta(),
        })
    }

    fn forward(
        &self,
        x: &Array,
        mask: &Array,
        place: i32,
        seen: &mut Option<[Array; 2]>,
    ) -> MlxResult<Array> {
        let length = x.dim(1)?;
        let normed = self.before_attention.forward(x)?;
        let heads =
            |linear: &Linear| linear.forward(&normed)?.reshape([1, length, -1, self.head])?.swapaxes(1, 2);
        let turn = Rope {
            dims: self.head,
            traditional: false,
            base: Some(self.theta),
            scale: 1.0,
            offset: place,
            freqs: None,
        };
        let [q, k, v] = &self.qkv;
        let (q, mut k, mut v) = (rope(&heads(q)?, turn)?, rope(&heads(k)?, turn)?, heads(v)?);
        if let Some([keys, values]) = seen {
            k = concatenate([&*keys, &k], 2)?;
            v = concatenate([&*values, &v], 2)?;
        }
        let scale = (self.head as f32).sqrt().recip();
        let found = scaled_dot_product_attention(&q, &k, &v, scale, Mask::Array(mask), None)?;
        *seen = Some([k, v]);
        let found = self.output.forward(&found.swapaxes(1, 2)?.reshape([1, length, -1])?)?;
        let x = (x + (&self.attention_scale * found)?)?;
        let inner = self.down.forward(&gelu(&self.up.forward(&self.before_inner.forward(&x)?)?)?)?;
        x + (&self.inner_scale * inner)?
    }
}
