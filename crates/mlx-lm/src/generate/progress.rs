//! How far a prompt is run.

use std::fmt;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use crate::cache::KvCache;
use crate::{Error, GenerateOptions, Model, Result};

/// Is told how far a prompt is run, and says whether to go on.
#[derive(Clone)]
pub struct PromptProgress(Arc<Told>);

type Told = dyn Fn(usize, usize) -> ControlFlow<()> + Send + Sync;

impl PromptProgress {
    /// Calls `told` after each chunk of [`prefill_step`](GenerateOptions::prefill_step) tokens, with how many tokens
    /// of the prompt the model has run, and how many there are. The last one is run with the new ones.
    ///
    /// Where it breaks, the generation ends with [`Error::Cancelled`] before its first token.
    pub fn new(told: impl Fn(usize, usize) -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }
}

impl fmt::Debug for PromptProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PromptProgress")
    }
}

/// Runs the tokens of a prompt that stand at `places`, and tells how far it is.
pub(crate) fn run(
    model: &Model,
    prompt: &[u32],
    places: Range<usize>,
    cache: &mut KvCache,
    options: &GenerateOptions,
) -> Result<()> {
    let (mut done, step) = (places.start, options.prefill_step.max(1));
    for chunk in prompt.get(places).unwrap_or_default().chunks(step) {
        model.prefill(chunk, cache, step)?;
        done += chunk.len();
        let Some(PromptProgress(told)) = &options.prompt_progress else { continue };
        if told(done, prompt.len()).is_break() {
            return Err(Error::Cancelled);
        }
    }
    Ok(())
}
