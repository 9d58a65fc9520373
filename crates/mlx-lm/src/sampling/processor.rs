//! What changes scores by the tokens that were written before.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use mlx_core::{Array, Result as MlxResult, select};

use super::{History, require, require_token, same_shape};
use crate::Result;

/// What is done to the scores before a token is chosen, in the order of mlx-lm: bias, repetition, presence and
/// frequency penalty, then the processors of the program. Prompts count as written.
///
/// ```
/// use mlx_lm::{Penalty, Processors};
///
/// let processors = Processors {
///     logit_bias: [(42, -100.0)].into(),
///     repetition_penalty: Penalty { amount: 1.1, context_size: 64 },
///     frequency_penalty: 0.5.into(),
///     ..Processors::default()
/// };
/// assert!(processors.start(&[1, 2, 3], 50_000).is_ok());
/// # Ok::<(), mlx_lm::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Processors {
    /// What is added to the scores of these tokens; minus infinity forbids one.
    pub logit_bias: BTreeMap<u32, f64>,
    /// Scores of written tokens are divided by this where positive, multiplied where negative; 0 and 1 mean nothing.
    ///
    /// Keskar et al., "CTRL: A Conditional Transformer Language Model".
    pub repetition_penalty: Penalty,
    /// Subtracted from the scores of written tokens.
    pub presence_penalty: Penalty,
    /// Subtracted from the scores of written tokens as often as they were written.
    pub frequency_penalty: Penalty,
    /// Processors of the program.
    pub custom: Vec<Processor>,
}

/// A penalty for tokens that were written; a number alone is one over the last 20 tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Penalty {
    /// How much; 0 means none.
    pub amount: f64,
    /// How many of the last tokens count; 0 means all.
    pub context_size: usize,
}

impl Default for Penalty {
    fn default() -> Self {
        Self { amount: 0.0, context_size: 20 }
    }
}

impl From<f64> for Penalty {
    fn from(amount: f64) -> Self {
        Self { amount, ..Self::default() }
    }
}

impl Penalty {
    /// The tokens that count; `None` where there is no penalty.
    fn tokens(self, history: &History) -> MlxResult<Option<Array>> {
        if self.amount == 0.0 || history.is_empty() {
            return Ok(None);
        }
        let count = if self.context_size == 0 { history.len() } else { self.context_size };
        history.last(count).map(Some)
    }
}

type ProcessorFn = dyn Fn(&History, &Array) -> MlxResult<Array> + Send + Sync;

/// A processor of a program's own.
///
/// This one lets no text end before its tenth token, where 2 is the token that ends it:
///
/// ```
/// use mlx_lm::sampling::{History, Processor, Processors};
/// use mlx_lm::mlx_core::Array;
///
/// let at_least_ten = Processor::new(|history: &History, scores: &Array| {
///     if history.new_tokens() < 9 { scores.at((.., 2)).set(f32::NEG_INFINITY) } else { Ok(scores.clone()) }
/// });
/// let processors = Processors { custom: vec![at_least_ten], ..Processors::default() };
/// # let scores = processors.start(&[0], 3)?.process(&Array::from([[0.0, 1.0, 2.0]]))?;
/// # assert_eq!(scores.to_vec::<f32>()?, [0.0, 1.0, f32::NEG_INFINITY]);
/// # Ok::<(), mlx_lm::Error>(())
/// ```
#[derive(Clone)]
pub struct Processor(Arc<ProcessorFn>);

impl Processor {
    /// The processor that `process` computes: from the tokens so far and scores `[1, vocabulary]`, new scores.
    pub fn new(process: impl Fn(&History, &Array) -> MlxResult<Array> + Send + Sync + 'static) -> Self {
        Self(Arc::new(process))
    }
}

impl fmt::Debug for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Processor")
    }
}

impl Processors {
    /// The processors of one text, which begins with `prompt`, over a vocabulary of this size.
    ///
    /// # Errors
    /// An option is outside its range; the error names both.
    pub fn start(&self, prompt: &[u32], vocab_size: usize) -> Result<Processing> {
        self.check(vocab_size)?;
        let bias = if self.logit_bias.is_empty() { None } else { Some(self.bias()?) };
        Ok(Processing { processors: self.clone(), bias, history: History::new(prompt)? })
    }

    /// Whether nothing is done to the scores.
    pub(super) fn is_empty(&self) -> bool {
        let penalties = [self.repetition_penalty, self.presence_penalty, self.frequency_penalty];
        self.logit_bias.is_empty()
            && self.custom.is_empty()
            && penalties.iter().all(|penalty| penalty.amount == 0.0)
    }

    fn check(&self, vocab_size: usize) -> Result<()> {
        for (&token, &bias) in &self.logit_bias {
            require_token("logit_bias", token, vocab_size)?;
            require(bias < f64::INFINITY, "logit_bias", bias, "must be a number below infinity")?;
        }
        let amount = self.repetition_penalty.amount;
        let positive = amount >= 0.0 && amount.is_finite();
        require(positive, "repetition_penalty", amount, "must be 0 or more")?;
        let finite =
            |option, Penalty { amount, .. }| require(amount.is_finite(), option, amount, "must be finite");
        finite("presence_penalty", self.presence_penalty)?;
        finite("frequency_penalty", self.frequency_penalty)
    }

    /// The biased tokens and their biases, `[n]` each.
    fn bias(&self) -> MlxResult<(Array, Array)> {
        let (tokens, biases): (Vec<_>, Vec<_>) =
            self.logit_bias.iter().map(|(&token, &bias)| (token, bias as f32)).unzip();
        let length = i32::try_from(tokens.len()).unwrap_or(i32::MAX);
        Ok((Array::from_slice(&tokens, [length])?, Array::from_slice(&biases, [length])?))
    }
}

/// Processors with what one text has written so far.
#[derive(Clone, Debug)]
pub struct Processing {
    processors: Processors,
    bias: Option<(Array, Array)>,
    history: History,
}

impl Processing {
    /// What was written so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Takes up the token `[1]` that was chosen.
    pub fn push(&mut self, token: &Array) -> MlxResult<()> {
        self.history.push(token)
    }

    /// Goes back to where the text was `tokens`, of which the first `prompt` are the prompt.
    pub(super) fn go_back(&mut self, tokens: &[u32], prompt: usize) -> MlxResult<()> {
        self.history = History::of(tokens, prompt)?;
        Ok(())
    }

    /// New scores `[1, vocabulary]`.
    ///
    /// # Errors
    /// A processor of the program fails, or gives scores of another shape.
    pub fn process(&self, scores: &Array) -> MlxResult<Array> {
        let Processors { repetition_penalty, presence_penalty, frequency_penalty, custom, .. } =
            &self.processors;
        let mut scores = scores.clone();
        if let Some((tokens, biases)) = &self.bias {
            scores = scores.at((.., tokens)).add(biases)?;
        }
        if let Some(tokens) = repetition_penalty.tokens(&self.history)? {
            scores = less_repetition(&scores, &tokens, repetition_penalty.amount)?;
        }
        if let Some(tokens) = presence_penalty.tokens(&self.history)? {
            let lower = (scores.index((.., &tokens))? - presence_penalty.amount)?;
            scores = scores.at((.., &tokens)).set(lower)?;
        }
        if let Some(tokens) = frequency_penalty.tokens(&self.history)? {
            scores = scores.at((.., &tokens)).subtract(frequency_penalty.amount)?;
        }
        let process =
            |scores: Array, by: &Processor| same_shape("processor", &scores, (by.0)(&self.history, &scores)?);
        custom.iter().try_fold(scores, process)
    }
}

/// Makes the scores of `tokens` smaller, whatever their sign.
fn less_repetition(scores: &Array, tokens: &Array, amount: f64) -> MlxResult<Array> {
    let written = scores.index((.., tokens))?;
    let lower = select(&written.less(0.0)?, &(&written * amount)?, &written / amount)?;
    scores.at((.., tokens)).set(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(processors: Processors) -> String {
        processors.start(&[], 100).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_option_out_of_range_is_refused_with_its_name_and_range() {
        let none = Processors::default;
        for (processors, expected) in [
            (
                Processors { logit_bias: [(100, 1.0)].into(), ..none() },
                "logit_bias is 100: must be a token of the vocabulary of 100",
            ),
            (
                Processors { logit_bias: [(1, f64::NAN)].into(), ..none() },
                "logit_bias is NaN: must be a number below infinity",
            ),
            (
                Processors { repetition_penalty: (-1.0).into(), ..none() },
                "repetition_penalty is -1: must be 0 or more",
            ),
            (
                Processors { presence_penalty: f64::NAN.into(), ..none() },
                "presence_penalty is NaN: must be finite",
            ),
            (
                Processors { frequency_penalty: f64::INFINITY.into(), ..none() },
                "frequency_penalty is inf: must be finite",
            ),
        ] {
            assert_eq!(refusal(processors), expected);
        }
    }
}
