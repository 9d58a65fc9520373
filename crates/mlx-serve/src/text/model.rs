//! A model that writes, with what it takes and what its checkpoint says.

use mlx_core::Precision;
use mlx_hub::{Checkpoint, Source};
use mlx_lm::{BatchOptions, BudgetOptions, LanguageModel, Loader};
use mlx_memory::{Bytes, Purpose, Ticket};
use mlx_text::ResponseFormat;
use mlx_vlm::VisionLanguageModel;

use super::sampling::Defaults;
use crate::engine::Memory;
use crate::fault::Fault;
use crate::options::{Limits, ModelOptions};

/// A model that writes.
pub(crate) struct TextModel {
    mind: Mind,
    pub(super) format: ResponseFormat,
    pub(super) defaults: Defaults,
    cost: Cost,
    /// The memory of its weights and of running prompts.
    _memory: Ticket,
}

/// With eyes or without.
enum Mind {
    Blind(Box<LanguageModel>),
    Seeing(Box<VisionLanguageModel>),
}

/// What a text takes: this, and so much for each of its tokens.
#[derive(Clone, Copy, Debug)]
struct Cost {
    text: Bytes,
    token: Bytes,
}

impl TextModel {
    /// Loads a model, if there is memory for it.
    pub(super) fn load(
        options: &ModelOptions,
        sees: bool,
        limits: &Limits,
        memory: &Memory,
    ) -> Result<Self, Fault> {
        let unloadable = |error: &dyn std::error::Error| options.unloadable(error);
        let checkpoint = options.source.resolve().map_err(|error| unloadable(&error))?;
        let source = Source::path(checkpoint.path());
        let (fixed, cost) = needs(&source, options, limits).map_err(|error| unloadable(&error))?;
        let ticket =
            memory.take(fixed + limits.prompt_cache).map_err(|fault| Fault::unavailable(fault.message))?;
        let Some(ticket) = ticket else {
            let message =
                format!("the model {} needs {fixed}, which other models hold: come again", options.name);
            return Err(Fault::unavailable(message));
        };
        let mind = if sees {
            let model = VisionLanguageModel::load(source, options.dtype, Precision::Exact);
            Mind::Seeing(Box::new(model.map_err(|error| unloadable(&error))?))
        } else {
            let model = Loader::new(source).dtype(options.dtype).load();
            Mind::Blind(Box::new(model.map_err(|error| unloadable(&error))?))
        };
        let defaults = defaults(&checkpoint).map_err(|error| unloadable(&error))?;
        let language = mind.language();
        let format = ResponseFormat::of(language.tokenizer(), language.model().model_type());
        Ok(Self {
            format: format.map_err(|error| unloadable(&error))?,
            mind,
            defaults,
            cost,
            _memory: ticket,
        })
    }

    pub(super) fn language(&self) -> &LanguageModel {
        self.mind.language()
    }

    /// The model that sees, if it does.
    pub(super) fn sight(&self) -> Option<&VisionLanguageModel> {
        match &self.mind {
            Mind::Blind(_) => None,
            Mind::Seeing(model) => Some(model),
        }
    }

    /// What a text of so many tokens takes at most, beside others.
    pub(super) fn cost(&self, tokens: usize) -> Bytes {
        let alone = self.cost.text + self.cost.token * BatchOptions::room(tokens) as u64;
        // Batches have room for a quarter more texts than there are.
        alone + alone.fraction(0.25)
    }
}

impl Mind {
    fn language(&self) -> &LanguageModel {
        match self {
            Self::Blind(model) => model,
            Self::Seeing(model) => model.language(),
        }
    }
}

/// Lengths between which a cache grows evenly.
const LENGTHS: [usize; 2] = [1024, 2048];

/// What the weights and the running of prompts take, and what texts do.
fn needs(source: &Source, options: &ModelOptions, limits: &Limits) -> mlx_lm::Result<(Bytes, Cost)> {
    let loader = Loader::new(source.clone()).dtype(options.dtype);
    let budget = |length| {
        loader.budget(&BudgetOptions {
            length: Some(length),
            batch: 1,
            prefill_step: limits.prefill_step,
            cache: options.cache.clone(),
        })
    };
    let [short, long] = LENGTHS;
    let (small, large) = (budget(short)?, budget(long)?);
    let part = |budget: &mlx_memory::Budget, purpose| -> Bytes {
        budget.parts().iter().filter(|part| part.purpose == purpose).map(|part| part.bytes).sum()
    };
    let [at_short, at_long] = [&small, &large].map(|budget| part(budget, Purpose::KvCache).get());
    let grown = at_long.saturating_sub(at_short);
    let token = grown.div_ceil((long - short) as u64);
    let text = at_long.saturating_sub(token * long as u64);
    let fixed = part(&large, Purpose::Weights) + part(&large, Purpose::Prefill);
    Ok((fixed, Cost { text: Bytes::new(text), token: Bytes::new(token) }))
}

fn defaults(checkpoint: &Checkpoint) -> Result<Defaults, mlx_hub::Error> {
    let Checkpoint::Directory(directory) = checkpoint else { return Ok(Defaults::default()) };
    let config = directory.generation_config()?.unwrap_or_default();
    // What it says of other things is not read; a field of another form says nothing.
    Ok(serde_json::from_value(config).unwrap_or_default())
}
