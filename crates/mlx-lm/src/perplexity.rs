//! How well a model foretells a text.

use mlx_core::{Array, Dtype, memory};
use mlx_nn::loss::{Reduction, cross_entropy};

use crate::{Error, Model, Result};

/// How a text is cut and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerplexityOptions {
    /// Tokens of a window, of which all but the first are foretold. What is left at the end of the text is not used.
    pub sequence_length: usize,
    /// Windows that run together.
    pub batch_size: usize,
    /// The most windows, from the start of the text; without it all of them.
    pub samples: Option<usize>,
}

impl Default for PerplexityOptions {
    fn default() -> Self {
        Self { sequence_length: 512, batch_size: 8, samples: None }
    }
}

/// A measured perplexity: e to the mean of `-ln p` over the tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Perplexity {
    /// The perplexity.
    pub value: f64,
    /// Its standard error, by that of the mean.
    pub standard_error: f64,
    /// The mean of `-ln p`, in nats a token.
    pub mean_loss: f64,
    /// Tokens that were foretold.
    pub tokens: usize,
    /// Windows of the text.
    pub windows: usize,
}

impl Perplexity {
    /// Runs `model` over windows of `tokens`, as mlx-lm does. `report` is called with the windows that are done, and
    /// with their number.
    ///
    /// # Errors
    /// The text is shorter than a window, has tokens outside the vocabulary, or an option makes no sense.
    pub fn measure(
        model: &Model,
        tokens: &[u32],
        options: &PerplexityOptions,
        mut report: impl FnMut(usize, usize),
    ) -> Result<Self> {
        let length = options.checked(model)?;
        let windows: Vec<_> =
            tokens.chunks_exact(length).take(options.samples.unwrap_or(usize::MAX)).collect();
        if windows.is_empty() {
            let found = tokens.len();
            return Err(Error::Prompt(format!(
                "the text has {found} tokens and a window {length}: give a longer text or a shorter window"
            )));
        }
        let mut losses = Losses::default();
        for batch in windows.chunks(options.batch_size) {
            batch.iter().try_for_each(|window| model.check(window, 0))?;
            losses.add(&foretold(model, batch, length)?);
            report(losses.count / (length - 1), windows.len());
            memory::clear_cache()?;
        }
        Ok(losses.perplexity(windows.len()))
    }
}

/// `-ln p` of all tokens but the first of each window.
fn foretold(model: &Model, windows: &[&[u32]], length: usize) -> Result<Vec<f32>> {
    let size = |n: usize| i32::try_from(n).map_err(|_| Error::Prompt("the windows are too long".into()));
    let tokens = Array::from_slice(&windows.concat(), [size(windows.len())?, size(length)?])?;
    let scores = model.step(&tokens.index((.., ..-1))?, &mut model.cache())?.astype(Dtype::Float32)?;
    let losses = cross_entropy(&scores, &tokens.index((.., 1..))?, Reduction::None)?;
    Ok(losses.flatten(0, -1)?.to_vec()?)
}

impl PerplexityOptions {
    /// The length of a window, if that and the size of a batch can be.
    fn checked(&self, model: &Model) -> Result<usize> {
        let Self { sequence_length: length, batch_size, .. } = *self;
        let most = model.context().unwrap_or(usize::MAX);
        let about = |option, value: usize, range| Error::Option { option, value: value as f64, range };
        if !(2..=most).contains(&length) {
            let range = format!("it must be between 2 and the model's context of {most}");
            return Err(about("sequence_length", length, range));
        }
        if batch_size == 0 {
            return Err(about("batch_size", batch_size, "it must be at least 1".to_owned()));
        }
        Ok(length)
    }
}

/// Sums over the tokens so far.
#[derive(Default)]
struct Losses {
    count: usize,
    sum: f64,
    squares: f64,
}

impl Losses {
    fn add(&mut self, losses: &[f32]) {
        self.count += losses.len();
        for loss in losses.iter().copied().map(f64::from) {
            self.sum += loss;
            self.squares += loss * loss;
        }
    }

    fn perplexity(&self, windows: usize) -> Perplexity {
        let count = self.count as f64;
        let mean = self.sum / count;
        let variance = (self.squares - mean * self.sum) / (count - 1.0).max(1.0);
        let value = mean.exp();
        Perplexity {
            value,
            standard_error: value * (variance.max(0.0) / count).sqrt(),
            mean_loss: mean,
            tokens: self.count,
            windows,
        }
    }
}
