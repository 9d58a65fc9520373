//! How the next token is chosen.

use mlx_core::random::Key;
use mlx_core::{Array, Result as MlxResult};

use super::filter::{self, Filter, Xtc};
use super::{Draws, require, require_token};
use crate::Result;

/// How the next token is chosen. The filters act on log-probabilities in the order of mlx-lm: top-p, min-p, XTC,
/// top-k, then those of the program; the temperature comes last.
///
/// ```
/// use mlx_lm::Sampler;
///
/// let sampler = Sampler::default().temperature(0.8).min_p(0.05).seed(7);
/// assert!(sampler.start(50_000).is_ok());
/// let error = Sampler::default().top_p(1.5).start(50_000).err();
/// assert_eq!(error.map(|e| e.to_string()).as_deref(), Some("top_p is 1.5: must be between 0 and 1"));
/// # Ok::<(), mlx_lm::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sampler {
    chain: Chain,
    seed: u64,
}

/// All of a sampler but its seed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chain {
    pub(super) temperature: f64,
    pub(super) top_p: f64,
    pub(super) min_p: f64,
    pub(super) min_tokens_to_keep: usize,
    pub(super) xtc: Xtc,
    pub(super) top_k: usize,
    pub(super) filters: Vec<Filter>,
}

/// The most likely token.
impl Default for Sampler {
    fn default() -> Self {
        let chain = Chain {
            temperature: 0.0,
            top_p: 1.0,
            min_p: 0.0,
            min_tokens_to_keep: 1,
            xtc: Xtc::default(),
            top_k: 0,
            filters: Vec::new(),
        };
        Self { chain, seed: 0 }
    }
}

impl Sampler {
    /// The most likely token, always.
    pub fn greedy() -> Self {
        Self::default()
    }

    /// Log-probabilities are divided by this before drawing; 0 means the most likely token, without filters.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.chain.temperature = temperature;
        self
    }

    /// Draw from the most likely tokens that together have this probability; 0 and 1 mean all.
    ///
    /// Holtzman et al., "The Curious Case of Neural Text Degeneration".
    #[must_use]
    pub fn top_p(mut self, top_p: f64) -> Self {
        self.chain.top_p = top_p;
        self
    }

    /// Draw from tokens at least this fraction as likely as the most likely one; 0 means all.
    ///
    /// Nguyen et al., "Min-p Sampling".
    #[must_use]
    pub fn min_p(mut self, min_p: f64) -> Self {
        self.chain.min_p = min_p;
        self
    }

    /// The number of tokens that [`min_p`](Self::min_p) leaves at least; 1 if not set.
    #[must_use]
    pub fn min_tokens_to_keep(mut self, count: usize) -> Self {
        self.chain.min_tokens_to_keep = count;
        self
    }

    /// Now and then leave out the most likely tokens, for answers that are less usual.
    #[must_use]
    pub fn xtc(mut self, xtc: Xtc) -> Self {
        self.chain.xtc = xtc;
        self
    }

    /// Draw from this many tokens, the most likely ones; 0 means all.
    #[must_use]
    pub fn top_k(mut self, top_k: usize) -> Self {
        self.chain.top_k = top_k;
        self
    }

    /// A filter of the program's own, after the others and in the order in which they are added.
    ///
    /// It takes log-probabilities `[batch, vocabulary]` and returns them with what must not be drawn at minus
    /// infinity.
    ///
    /// ```
    /// use mlx_lm::Sampler;
    /// use mlx_lm::mlx_core::{Array, select};
    ///
    /// let likely = |logprobs: &Array| select(&logprobs.greater(-9.0)?, logprobs, f32::NEG_INFINITY);
    /// let sampler = Sampler::default().temperature(1.0).filter(likely);
    /// ```
    #[must_use]
    pub fn filter(mut self, filter: impl Fn(&Array) -> MlxResult<Array> + Send + Sync + 'static) -> Self {
        self.chain.filters.push(Filter::new(filter));
        self
    }

    /// The same seed gives the same tokens, whatever else runs.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The draws of one text over a vocabulary of this size.
    ///
    /// # Errors
    /// An option is outside its range; the error names both.
    pub fn start(&self, vocab_size: usize) -> Result<Draws> {
        self.chain.check(vocab_size)?;
        Ok(Draws::new(self.chain.clone(), self.chain.xtc.ordinary(vocab_size)?, Key::new(self.seed)?))
    }
}

impl Chain {
    fn check(&self, vocab_size: usize) -> Result<()> {
        let Self { temperature, top_p, min_p, min_tokens_to_keep, ref xtc, top_k, .. } = *self;
        let fraction =
            |option, value| require((0.0..=1.0).contains(&value), option, value, "must be between 0 and 1");
        let positive = temperature >= 0.0 && temperature.is_finite();
        require(positive, "temperature", temperature, "must be 0 or more")?;
        fraction("top_p", top_p)?;
        fraction("min_p", min_p)?;
        let range = format!("must be between 1 and the vocabulary of {vocab_size}");
        let ok = (1..=vocab_size).contains(&min_tokens_to_keep);
        require(ok, "min_tokens_to_keep", min_tokens_to_keep as f64, range)?;
        fraction("xtc_probability", xtc.probability)?;
        let ok = (0.0..=0.5).contains(&xtc.threshold);
        require(ok, "xtc_threshold", xtc.threshold, "must be between 0 and 0.5")?;
        xtc.special_tokens.iter().try_for_each(|&id| require_token("xtc_special_tokens", id, vocab_size))?;
        let range = format!("must be 0 or below the vocabulary of {vocab_size}");
        require(top_k == 0 || top_k < vocab_size, "top_k", top_k as f64, range)
    }

    /// Applies the filters to log-probabilities `[batch, vocabulary]`. `chance` `[batch, 1]` decides over XTC, and
    /// `ordinary` `[vocabulary]` says which tokens it may leave out.
    pub(super) fn filter(
        &self,
        logprobs: &Array,
        chance: Option<&Array>,
        ordinary: Option<&Array>,
    ) -> MlxResult<Array> {
        let mut logprobs = logprobs.clone();
        if self.top_p > 0.0 && self.top_p < 1.0 {
            logprobs = filter::top_p(&logprobs, self.top_p)?;
        }
        if self.min_p > 0.0 {
            logprobs = filter::min_p(&logprobs, self.min_p, self.min_tokens_to_keep)?;
        }
        if let Some(chance) = chance {
            logprobs = filter::xtc(&logprobs, &self.xtc, chance, ordinary)?;
        }
        if self.top_k > 0 {
            logprobs = filter::top_k(&logprobs, self.top_k)?;
        }
        self.filters.iter().try_fold(logprobs, |logprobs, filter| filter.apply(&logprobs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(sampler: Sampler) -> String {
        sampler.start(100).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_option_out_of_range_is_refused_with_its_name_and_range() {
        let xtc = |probability, threshold, special| {
            let special_tokens = Vec::from([special]);
            Sampler::default().xtc(Xtc { probability, threshold, special_tokens })
        };
        for (sampler, expected) in [
            (Sampler::default().temperature(-1.0), "temperature is -1: must be 0 or more"),
            (Sampler::default().temperature(f64::INFINITY), "temperature is inf: must be 0 or more"),
            (Sampler::default().top_p(1.5), "top_p is 1.5: must be between 0 and 1"),
            (Sampler::default().min_p(f64::NAN), "min_p is NaN: must be between 0 and 1"),
            (
                Sampler::default().min_tokens_to_keep(0),
                "min_tokens_to_keep is 0: must be between 1 and the vocabulary of 100",
            ),
            (
                Sampler::default().min_tokens_to_keep(101),
                "min_tokens_to_keep is 101: must be between 1 and the vocabulary of 100",
            ),
            (xtc(1.1, 0.1, 0), "xtc_probability is 1.1: must be between 0 and 1"),
            (xtc(0.1, 0.6, 0), "xtc_threshold is 0.6: must be between 0 and 0.5"),
            (xtc(0.1, 0.1, 100), "xtc_special_tokens is 100: must be a token of the vocabulary of 100"),
            (Sampler::default().top_k(100), "top_k is 100: must be 0 or below the vocabulary of 100"),
        ] {
            assert_eq!(refusal(sampler), expected);
        }
    }

    #[test]
    fn the_ends_of_the_ranges_are_allowed() {
        let xtc = Xtc { probability: 1.0, threshold: 0.5, special_tokens: vec![99] };
        let sampler = Sampler::default().xtc(xtc).top_k(99).min_p(1.0).min_tokens_to_keep(100);
        assert_eq!(refusal(sampler.top_p(0.0)), "");
    }
}
