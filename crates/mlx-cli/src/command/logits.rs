//! `mlx logits`: a model's raw scores, for comparison with another implementation.

use std::collections::BTreeMap;

use mlx_core::{Array, Dtype, concatenate, eval, io};
use mlx_lm::Loader;
use mlx_lm::cache::KvCache;

use crate::args::Logits;
use crate::download;
use crate::failure::Outcome;

/// Runs the tokens and writes the scores.
pub(crate) fn run(args: &Logits) -> Outcome {
    let model = Loader::new(download::source(&args.model)?).dtype(args.dtype).load_model()?;
    let mut cache = model.cache();
    let scores = |tokens: &[u32], cache: &mut KvCache| -> mlx_lm::Result<Array> {
        let scores = model.logits(tokens, cache)?.index(0)?.astype(Dtype::Float32)?;
        eval([&scores])?;
        Ok(scores)
    };
    let prefill = scores(&args.tokens, &mut cache)?;
    let steps: Vec<_> =
        args.continued.iter().map(|&token| scores(&[token], &mut cache)).collect::<Result<_, _>>()?;
    let mut arrays = vec![("prefill", prefill)];
    if !steps.is_empty() {
        arrays.push(("decode", concatenate(&steps, 0)?));
    }
    let named = arrays.iter().map(|(name, array)| (*name, array));
    Ok(io::save_safetensors(&args.output, named, &BTreeMap::new())?)
}
