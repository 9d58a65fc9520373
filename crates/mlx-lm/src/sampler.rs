//! From scores to the next token.

use mlx_core::random::{self, Key};
use mlx_core::{Array, Result as MlxResult, select};

use crate::{Error, Result};

/// How the next token is chosen. The filters act in the order of mlx-lm: top-p, min-p, top-k, then the
/// temperature.
#[derive(Clone, Debug)]
pub struct Sampler {
    temperature: f32,
    top_p: f32,
    min_p: f32,
    top_k: usize,
    seed: u64,
}

/// The most likely token.
impl Default for Sampler {
    fn default() -> Self {
        Self { temperature: 0.0, top_p: 1.0, min_p: 0.0, top_k: 0, seed: 0 }
    }
}

impl Sampler {
    /// The most likely token, always.
    pub fn greedy() -> Self {
        Self::default()
    }

    /// Scores are divided by this before drawing; 0 means the most likely token.
    #[must_use]
    pub fn temperature(self, temperature: f32) -> Self {
        Self { temperature, ..self }
    }

    /// Draw from the most likely tokens that together have this probability; 1 means all.
    ///
    /// Holtzman et al., "The Curious Case of Neural Text Degeneration".
    #[must_use]
    pub fn top_p(self, top_p: f32) -> Self {
        Self { top_p, ..self }
    }

    /// Draw from tokens at least this fraction as likely as the most likely one; 0 means all.
    ///
    /// Nguyen et al., "Min-p Sampling".
    #[must_use]
    pub fn min_p(self, min_p: f32) -> Self {
        Self { min_p, ..self }
    }

    /// Draw from this many tokens, the most likely ones; 0 means all.
    #[must_use]
    pub fn top_k(self, top_k: usize) -> Self {
        Self { top_k, ..self }
    }

    /// The same seed gives the same tokens.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The chain of a whole text.
    pub(crate) fn start(&self) -> Result<Draws> {
        let within = |option, value: f32, ok: bool, range| {
            if ok { Ok(()) } else { Err(Error::Option { option, value: f64::from(value), range }) }
        };
        let Self { temperature, top_p, min_p, .. } = *self;
        within(
            "temperature",
            temperature,
            temperature >= 0.0 && temperature.is_finite(),
            "must be 0 or more",
        )?;
        within("top_p", top_p, (0.0..=1.0).contains(&top_p), "must be between 0 and 1")?;
        within("min_p", min_p, (0.0..=1.0).contains(&min_p), "must be between 0 and 1")?;
        Ok(Draws { sampler: self.clone(), key: Key::new(self.seed)? })
    }
}

/// A sampler with the state of its generator.
pub(crate) struct Draws {
    sampler: Sampler,
    key: Key,
}

impl Draws {
    /// Chooses from scores `[batch, vocabulary]`. Returns ids `[batch]`, not yet computed.
    pub(crate) fn draw(&mut self, scores: &Array) -> MlxResult<Array> {
        let Sampler { temperature, top_p, min_p, top_k, .. } = self.sampler;
        if temperature == 0.0 {
            return scores.argmax(-1);
        }
        let mut logprobs = (scores - scores.logsumexp(mlx_core::keep(-1))?)?;
        if top_p > 0.0 && top_p < 1.0 {
            logprobs = keep_mass(&logprobs, top_p)?;
        }
        if min_p > 0.0 {
            let least = (logprobs.max(mlx_core::keep(-1))? + min_p.ln())?;
            logprobs = keep_from(&logprobs, &least)?;
        }
        if top_k > 0 && top_k < logprobs.dim(-1)?.unsigned_abs() as usize {
            let least =
                logprobs.topk(i32::try_from(top_k).unwrap_or(i32::MAX), -1)?.min(mlx_core::keep(-1))?;
            logprobs = keep_from(&logprobs, &least)?;
        }
        random::categorical(&(logprobs / temperature)?, -1, &self.key.next()?)
    }
}

/// Keeps the most likely tokens until they have `mass` together; equally likely ones stay together.
fn keep_mass(logprobs: &Array, mass: f32) -> MlxResult<Array> {
    let ascending = logprobs.sort(-1)?;
    let up_to = ascending.exp()?.cumsum(-1)?;
    let above = (up_to.max(mlx_core::keep(-1))? - &up_to)?;
    let kept = select(&above.less(mass)?, &ascending, f32::INFINITY)?;
    keep_from(logprobs, &kept.min(mlx_core::keep(-1))?)
}

/// Keeps what is at least `least` `[batch, 1]`; the rest becomes impossible.
fn keep_from(logprobs: &Array, least: &Array) -> MlxResult<Array> {
    select(&logprobs.greater_equal(least)?, logprobs, f32::NEG_INFINITY)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The tokens that come up in many draws from these probabilities.
    fn drawn(sampler: Sampler, probabilities: &[f32]) -> BTreeSet<u32> {
        let scores: Vec<_> = probabilities.iter().map(|p| p.ln()).collect();
        let scores = Array::from_slice(&scores, [1, scores.len() as i32]).unwrap();
        let mut draws = sampler.temperature(1.0).start().unwrap();
        (0..200).map(|_| draws.draw(&scores).unwrap().item::<u32>().unwrap()).collect()
    }

    const PROBABILITIES: [f32; 5] = [0.05, 0.4, 0.1, 0.3, 0.15];

    #[test]
    fn without_filters_everything_can_come_up() {
        assert_eq!(drawn(Sampler::default(), &PROBABILITIES), BTreeSet::from([0, 1, 2, 3, 4]));
    }

    #[test]
    fn top_p_keeps_the_most_likely_until_their_mass_suffices() {
        assert_eq!(drawn(Sampler::default().top_p(0.75), &PROBABILITIES), BTreeSet::from([1, 3, 4]));
        assert_eq!(drawn(Sampler::default().top_p(0.65), &PROBABILITIES), BTreeSet::from([1, 3]));
    }

    #[test]
    fn min_p_keeps_what_is_likely_enough_beside_the_best() {
        assert_eq!(drawn(Sampler::default().min_p(0.5), &PROBABILITIES), BTreeSet::from([1, 3]));
    }

    #[test]
    fn top_k_keeps_the_best() {
        assert_eq!(drawn(Sampler::default().top_k(2), &PROBABILITIES), BTreeSet::from([1, 3]));
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let sequence = |seed| {
            let scores = Array::zeros([1, 1000], mlx_core::Dtype::Float32).unwrap();
            let mut draws = Sampler::default().temperature(1.0).seed(seed).start().unwrap();
            (0..8).map(|_| draws.draw(&scores).unwrap().item::<u32>().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(sequence(7), sequence(7));
        assert_ne!(sequence(7), sequence(8));
    }

    #[test]
    fn an_option_out_of_range_is_refused_by_name() {
        let error = Sampler::default().top_p(1.5).start().err().unwrap();
        assert_eq!(error.to_string(), "top_p is 1.5: must be between 0 and 1");
        assert!(Sampler::default().temperature(-1.0).start().is_err());
        assert!(Sampler::default().min_p(f32::NAN).start().is_err());
    }
}
