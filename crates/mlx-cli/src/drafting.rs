//! The options of speculative decoding, the first two under mlx-lm's names.

use clap::Args;
use mlx_lm::{LanguageModel, Speculation};

use crate::args::ModelArgs;
use crate::arithmetic::Arithmetic;

/// Who proposes tokens that the model judges in one pass.
#[derive(Debug, Args)]
#[command(next_help_heading = "Several tokens in one pass")]
pub(crate) struct Drafting {
    /// A smaller model of the same vocabulary that proposes tokens
    #[arg(long, value_name = "DIR|FILE.gguf|HUB_ID", conflicts_with_all = ["prompt_lookup", "image", "video"])]
    draft_model: Option<String>,
    /// The most tokens that it proposes at once
    #[arg(long, value_name = "N", default_value_t = 3, requires = "draft_model")]
    num_draft_tokens: usize,
    /// Propose up to this many tokens that followed the last ones where these stood before
    #[arg(long, value_name = "N")]
    prompt_lookup: Option<usize>,
}

impl Drafting {
    /// The model with its draft model, if there is one, loaded as `model` says and computing alike.
    pub(crate) fn equip(
        &self,
        target: LanguageModel,
        model: &ModelArgs,
        arithmetic: &Arithmetic,
    ) -> mlx_lm::Result<LanguageModel> {
        let Some(draft) = &self.draft_model else { return Ok(target) };
        let draft = ModelArgs { model: draft.clone(), offline: model.offline };
        target.with_draft(arithmetic.loader(&draft)?.load_model()?)
    }

    pub(crate) fn speculation(&self) -> Option<Speculation> {
        let lookup = self.prompt_lookup.map(|tokens| Speculation::PromptLookup { max_ngram: 3, tokens });
        lookup.or(self.draft_model.as_ref().map(|_| Speculation::Draft { tokens: self.num_draft_tokens }))
    }
}
