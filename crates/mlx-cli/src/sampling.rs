//! The options of sampling, under mlx-lm's names.

use std::collections::BTreeMap;

use clap::Args;
use mlx_lm::sampling::Xtc;
use mlx_lm::{LanguageModel, Penalty, Processors, Sampler};

/// How tokens are chosen.
#[derive(Debug, Args)]
pub(crate) struct Sampling {
    /// 0 takes the most likely token; higher is more varied
    #[arg(long, alias = "temp", value_name = "T", default_value_t = 0.0)]
    temperature: f64,
    /// Draw from the most likely tokens that together have this probability
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    top_p: f64,
    /// Draw from tokens at least this fraction as likely as the most likely one
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    min_p: f64,
    /// Tokens that --min-p leaves at least
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_tokens_to_keep: usize,
    /// How often the most likely tokens are left out, but for the least likely of them (XTC)
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    xtc_probability: f64,
    /// What is more likely than this is a most likely token to XTC
    #[arg(long, value_name = "P", default_value_t = 0.1)]
    xtc_threshold: f64,
    /// Draw from this many tokens; 0 means all
    #[arg(long, value_name = "K", default_value_t = 0)]
    top_k: usize,
    /// The same seed gives the same text
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    penalties: Penalties,
    /// Added to the scores of tokens, as JSON: '{"42": -100, "7": 1.5}'
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = bias, hide_default_value = true)]
    logit_bias: Bias,
}

/// What lowers the scores of tokens that were written, the prompt's too.
#[derive(Debug, Args)]
#[command(next_help_heading = "Penalties for tokens that were written, the prompt's too")]
struct Penalties {
    /// Scores are divided by this where positive, multiplied where negative; 0 means none
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    repetition_penalty: f64,
    /// Last tokens that it looks at; 0 means all
    #[arg(long, value_name = "N", default_value_t = 20)]
    repetition_context_size: usize,
    /// Subtracted from scores
    #[arg(long, value_name = "X", default_value_t = 0.0, allow_negative_numbers = true)]
    presence_penalty: f64,
    /// Last tokens that it looks at; 0 means all
    #[arg(long, value_name = "N", default_value_t = 20)]
    presence_context_size: usize,
    /// Subtracted from scores as often as the token was written
    #[arg(long, value_name = "X", default_value_t = 0.0, allow_negative_numbers = true)]
    frequency_penalty: f64,
    /// Last tokens that it looks at; 0 means all
    #[arg(long, value_name = "N", default_value_t = 20)]
    frequency_context_size: usize,
}

/// Tokens and what is added to their scores.
#[derive(Clone, Debug)]
struct Bias(BTreeMap<u32, f64>);

fn bias(json: &str) -> Result<Bias, String> {
    serde_json::from_str(json).map(Bias).map_err(|e| format!("not an object of token ids and numbers: {e}"))
}

impl Sampling {
    /// Whether the likeliest tokens are taken, by the scores as they are.
    pub(crate) fn is_greedy(&self) -> bool {
        let Penalties { repetition_penalty, presence_penalty, frequency_penalty, .. } = self.penalties;
        let changed = [self.temperature, repetition_penalty, presence_penalty, frequency_penalty];
        changed.iter().all(|amount| *amount == 0.0) && self.logit_bias.0.is_empty()
    }

    /// The sampler, to which line breaks and ends of text are no tokens to leave out.
    pub(crate) fn sampler(&self, model: &LanguageModel) -> mlx_lm::Result<Sampler> {
        let tokenizer = model.tokenizer();
        let mut special_tokens = [tokenizer.encode("\n", false)?.as_slice(), tokenizer.eos()].concat();
        special_tokens.retain(|&token| (token as usize) < model.model().vocab_size());
        let (probability, threshold) = (self.xtc_probability, self.xtc_threshold);
        Ok(Sampler::default()
            .temperature(self.temperature)
            .top_p(self.top_p)
            .min_p(self.min_p)
            .min_tokens_to_keep(self.min_tokens_to_keep)
            .xtc(Xtc { probability, threshold, special_tokens })
            .top_k(self.top_k)
            .seed(self.seed))
    }

    pub(crate) fn processors(&self) -> Processors {
        let penalties = &self.penalties;
        let penalty = |amount, context_size| Penalty { amount, context_size };
        Processors {
            logit_bias: self.logit_bias.0.clone(),
            repetition_penalty: penalty(penalties.repetition_penalty, penalties.repetition_context_size),
            presence_penalty: penalty(penalties.presence_penalty, penalties.presence_context_size),
            frequency_penalty: penalty(penalties.frequency_penalty, penalties.frequency_context_size),
            custom: Vec::new(),
        }
    }
}
