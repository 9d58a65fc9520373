//! A decoder of like blocks, between an embedding and a head.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Embedding, Head, Module, Weights};

use super::{Frame, Named, Norm, Windows};
use crate::Result;
use crate::cache::{KvCache, LayerCache, Mask};
use crate::model::Decoder;

/// One layer of a decoder.
pub(crate) trait Block: Module {
    /// `[batch, length, hidden] -> [batch, length, hidden]`, past the tokens in `cache`.
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array>;

    /// What the layer remembers before the first token, where `attention` is what a layer in its place does that
    /// attends.
    fn cache(&self, attention: LayerCache) -> LayerCache {
        attention
    }
}

/// A decoder of like blocks.
#[derive(Module)]
pub(crate) struct Dense<B> {
    model: Body<B>,
    lm_head: Head,
    embedding_scale: Option<f32>,
    softcap: Option<f32>,
}

#[derive(Module)]
struct Body<B> {
    embed_tokens: Embedding,
    layers: Vec<B>,
    #[module(flatten)]
    norm: Named<Norm>,
    #[module(skip)]
    windows: Windows,
    hidden: i32,
}

impl<B: Block> Dense<B> {
    /// The decoder in the scope `w`, whose layers are what `block` makes of their scopes and numbers.
    pub(crate) fn load(
        w: &Weights,
        frame: &Frame,
        block: impl Fn(&Weights, usize) -> Result<B>,
    ) -> Result<Self> {
        let Frame { sizes, norms, .. } = *frame;
        w.ignore(|key| key.ends_with("rotary_emb.inv_freq"));
        let m = w.at("model");
        let embed_tokens = m.embedding("embed_tokens", [sizes.vocab, sizes.hidden])?;
        let tied = frame.tied.unwrap_or_else(|| !w.contains("lm_head.weight"));
        let lm_head = w.head("lm_head", &embed_tokens, tied)?;
        let layers = m.each("layers", sizes.layers).enumerate();
        let layers = layers.map(|(at, w)| block(&w, at)).collect::<Result<_>>()?;
        let norm = Named::new(frame.last_norm, norms.load(&m, frame.last_norm, sizes.hidden)?);
        let model = Body { embed_tokens, layers, norm, windows: frame.windows.clone(), hidden: sizes.hidden };
        Ok(Self { model, lm_head, embedding_scale: frame.embedding_scale, softcap: frame.softcap })
    }
}

impl<B: Block> Body<B> {
    /// Behind hidden states may be what is added to them after the first layers, as wide for each.
    fn forward(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<Array> {
        let ([full, sliding], pace) = (self.windows.masks(), cache.pace());
        let (mut h, mut added) = self.apart(hidden)?;
        for ((at, layer), cache) in self.layers.iter().enumerate().zip(cache.layers()) {
            let mask = if self.windows.slides(at) { &sliding } else { &full };
            pace.before_layer(&h)?;
            h = layer.forward(&h, mask, cache)?;
            if let Some(more) = added.next() {
                h = (h + more)?;
            }
        }
        self.norm.part.forward(&h)
    }

    /// Hidden states, and what is behind them.
    fn apart(&self, hidden: Array) -> MlxResult<(Array, impl Iterator<Item = Array>)> {
        let parts = hidden.dim(-1)? / self.hidden.max(1);
        if parts <= 1 {
            return Ok((hidden, Vec::new().into_iter()));
        }
        let mut parts = hidden.split(parts, -1)?;
        let first = parts.remove(0);
        Ok((first, parts.into_iter()))
    }
}

impl<B: Block> Decoder for Dense<B> {
    fn embed(&self, tokens: &Array) -> MlxResult<Array> {
        let h = self.model.embed_tokens.forward(tokens)?;
        match self.embedding_scale {
            Some(scale) => h * scale,
            None => Ok(h),
        }
    }

    fn states(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<Array> {
        self.model.forward(hidden, cache)
    }

    fn scores(&self, states: &Array) -> MlxResult<Array> {
        let scores = self.lm_head.forward(states, &self.model.embed_tokens)?;
        match self.softcap {
            Some(cap) => (scores / cap)?.tanh()? * cap,
            None => Ok(scores),
        }
    }

    fn cache(&self) -> KvCache {
        let Body { layers, windows, .. } = &self.model;
        KvCache::new(layers.iter().enumerate().map(|(at, layer)| layer.cache(windows.cache(at))))
    }
}
