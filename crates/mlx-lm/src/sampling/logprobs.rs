//! How likely tokens were.

use mlx_core::{Array, Dtype, Result as MlxResult, keep};

/// How likely the chosen token was, and which others were: natural logarithms of probabilities after the processors,
/// before the filters and the temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct Logprobs {
    /// That of the chosen token.
    pub chosen: f32,
    /// The most likely tokens, the first most of all. Impossible ones are left out.
    pub top: Vec<(u32, f32)>,
}

/// Log-probabilities of scores `[…, vocabulary]`, in float32.
pub fn logprobs(scores: &Array) -> MlxResult<Array> {
    let scores = scores.astype(Dtype::Float32)?;
    &scores - scores.logsumexp(keep(-1))?
}

/// [`Logprobs`] that are being computed.
#[derive(Clone, Debug)]
pub(super) struct PendingLogprobs {
    /// `[1]`.
    chosen: Array,
    /// Tokens and their log-probabilities, `[count]` each in no order.
    top: Option<(Array, Array)>,
}

impl PendingLogprobs {
    /// Those of `token` `[1]` and `count` alternatives, from all of them `[1, vocabulary]`.
    pub(super) fn new(logprobs: &Array, token: &Array, count: usize) -> MlxResult<Self> {
        let logprobs = logprobs.index(0)?;
        let chosen = logprobs.take(token, 0)?;
        let top = if count == 0 { None } else { Some(top(&logprobs, count)?) };
        Ok(Self { chosen, top })
    }

    pub(super) fn arrays(&self) -> impl Iterator<Item = &Array> {
        let top = self.top.iter().flat_map(|(tokens, values)| [tokens, values]);
        std::iter::once(&self.chosen).chain(top)
    }

    /// Waits for them.
    pub(super) fn read(&self) -> MlxResult<Logprobs> {
        let mut top = match &self.top {
            Some((tokens, values)) => {
                // A copy would wait for all that was started since.
                let (tokens, values) = (tokens.as_slice::<u32>()?, values.as_slice::<f32>()?);
                tokens.iter().copied().zip(values.iter().copied()).collect()
            }
            None => Vec::new(),
        };
        top.retain(|(_, value)| *value > f32::NEG_INFINITY);
        top.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        Ok(Logprobs { chosen: self.chosen.item()?, top })
    }
}

/// The `count` most likely tokens and their values, from log-probabilities `[vocabulary]`.
fn top(logprobs: &Array, count: usize) -> MlxResult<(Array, Array)> {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let tokens = logprobs.argpartition(-count, -1)?.index(-count..)?;
    let values = logprobs.take(&tokens, 0)?;
    Ok((tokens, values))
}
