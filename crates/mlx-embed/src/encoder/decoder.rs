//! Decoders of `mlx-lm` as models of texts: Qwen3-Embedding, EmbeddingGemma, LFM2 that reads in both directions, and any
//! other that a checkpoint pools.

use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_hub::Source;
use mlx_lm::{Decoder, Loader};
use mlx_nn::Module;
use serde_json::Value;

use super::Encoder;
use crate::{Packed, Result};

/// A decoder, of which the hidden states count.
#[derive(Module)]
#[module(no_tree)]
struct States {
    decoder: Box<dyn Decoder>,
    #[module(skip)]
    longest: Option<usize>,
}

/// Whether `config` is that of a decoder.
pub(crate) fn is_decoder(config: &Value) -> bool {
    let kind = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
    !super::KNOWN.contains(&kind) && (mlx_lm::model::KNOWN.contains(&kind) || BOTH_WAYS.contains(&kind))
}

/// Types of decoders that read in both directions only.
const BOTH_WAYS: [&str; 2] = ["llama_bidirec", "lfm2_bidirectional"];

/// The decoder of a checkpoint in any of the formats that `mlx-lm` reads.
pub(crate) fn of_decoder(source: Source, dtype: Option<Dtype>) -> Result<Box<dyn Encoder>> {
    let model = Loader::new(source).dtype(dtype).load_model()?;
    let longest = model.context();
    Ok(Box::new(States { decoder: model.into_decoder(), longest }))
}

/// What `take` makes of the hidden states `[count, length, hidden]` of the texts of each length.
pub(crate) fn states(
    decoder: &dyn Decoder,
    texts: &Packed,
    take: impl Fn(&Array) -> MlxResult<Array>,
) -> MlxResult<Array> {
    texts.each_group(&texts.tokens()?.expand_dims(1)?, |tokens| {
        let hidden = decoder.embed(&tokens.squeeze(2)?)?;
        take(&decoder.states(hidden, &mut decoder.cache())?)
    })
}

impl Encoder for States {
    fn forward(&self, texts: &Packed) -> MlxResult<Array> {
        states(self.decoder.as_ref(), texts, |states| states.flatten(0, 1))
    }

    fn longest(&self) -> Option<usize> {
        self.longest
    }

    fn hides_tokens(&self) -> bool {
        false
    }
}
