//! The names of PyTorch, whatever a checkpoint calls its arrays.

use std::collections::BTreeMap;

use mlx_core::Array;

use crate::Result;
use crate::codec::part::fold::fold;

/// The parts of the model.
pub(super) const PARTS: [&str; 5] = ["bert", "bert_encoder", "predictor", "text_encoder", "decoder"];

/// Weights whose length and direction are one, and without the `module.` of models that were trained on several devices.
pub(super) fn unify(arrays: BTreeMap<String, Array>) -> Result<BTreeMap<String, Array>> {
    let renamed = arrays.into_iter().map(|(name, array)| {
        let short = name.split_once('.').and_then(|(part, rest)| {
            let rest = rest.strip_prefix("module.")?;
            PARTS.contains(&part).then(|| format!("{part}.{rest}"))
        });
        (short.unwrap_or(name), array)
    });
    Ok(fold(renamed.collect())?)
}
