//! How tokens are chosen: by the request, else by the checkpoint.

use std::collections::BTreeMap;

use mlx_lm::sampling::{Processor, Xtc};
use mlx_lm::{LanguageModel, Penalty, Processors, Result, Sampler};
use serde::Deserialize;

/// What a request says of the choice of tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sampling {
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) top_k: Option<usize>,
    pub(crate) min_p: Option<f64>,
    pub(crate) seed: Option<u64>,
    pub(crate) repetition_penalty: Option<f64>,
    pub(crate) presence_penalty: Option<f64>,
    pub(crate) frequency_penalty: Option<f64>,
    pub(crate) xtc_probability: Option<f64>,
    pub(crate) xtc_threshold: Option<f64>,
    pub(crate) logit_bias: BTreeMap<u32, f64>,
}

/// What `generation_config.json` says.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Defaults {
    do_sample: Option<bool>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<usize>,
    min_p: Option<f64>,
    repetition_penalty: Option<f64>,
}

/// The most that a penalty looks back.
const CONTEXT: usize = 0;

impl Sampling {
    /// The sampler of one of several answers.
    pub(super) fn sampler(&self, defaults: &Defaults, model: &LanguageModel, choice: u64) -> Result<Sampler> {
        let greedy = defaults.do_sample == Some(false);
        let temperature = if greedy { Some(0.0) } else { defaults.temperature };
        let mut sampler = Sampler::default()
            .temperature(self.temperature.or(temperature).unwrap_or(1.0))
            .top_p(self.top_p.or(defaults.top_p).unwrap_or(1.0))
            .top_k(self.top_k.or(defaults.top_k).unwrap_or(0))
            .min_p(self.min_p.or(defaults.min_p).unwrap_or(0.0))
            .seed(self.seed.map_or_else(|| fastrand::u64(..), |seed| seed.wrapping_add(choice)));
        if let Some(probability) = self.xtc_probability.filter(|probability| *probability > 0.0) {
            let threshold = self.xtc_threshold.unwrap_or(0.1);
            sampler = sampler.xtc(Xtc { probability, threshold, special_tokens: ends(model)? });
        }
        Ok(sampler)
    }

    /// What is done to scores: by the request, and by the program.
    pub(super) fn processors(&self, defaults: &Defaults, custom: &[Processor]) -> Processors {
        let penalty = |amount: Option<f64>| Penalty { amount: amount.unwrap_or(0.0), context_size: CONTEXT };
        Processors {
            logit_bias: self.logit_bias.clone(),
            repetition_penalty: penalty(self.repetition_penalty.or(defaults.repetition_penalty)),
            presence_penalty: penalty(self.presence_penalty),
            frequency_penalty: penalty(self.frequency_penalty),
            custom: custom.to_vec(),
        }
    }
}

/// Tokens that end a line or a text.
fn ends(model: &LanguageModel) -> Result<Vec<u32>> {
    let tokenizer = model.tokenizer();
    let mut ends = [tokenizer.encode("\n", false)?.as_slice(), tokenizer.eos()].concat();
    ends.retain(|&token| (token as usize) < model.model().vocab_size());
    Ok(ends)
}
