//! Running a prompt for what it leaves in a cache.

use mlx_core::{eval, memory};

use crate::cache::KvCache;
use crate::{Model, Result};

/// Runs tokens in chunks of `step`, whose scores nobody asks for.
pub(crate) fn prefill(model: &Model, tokens: &[u32], cache: &mut KvCache, step: usize) -> Result<()> {
    for chunk in tokens.chunks(step.max(1)) {
        model.logits(chunk, cache)?;
        eval(cache.arrays())?;
        memory::clear_cache()?;
    }
    Ok(())
}
