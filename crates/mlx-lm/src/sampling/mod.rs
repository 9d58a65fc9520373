//! From scores to the next token.
//!
//! [`Processors`] change the scores by what was written before, a [`Constraint`] forbids tokens, and a [`Sampler`]
//! chooses one of those that are left. [`Sampler::start`] and [`Processors::start`] give the state of one text, for
//! loops that are not [`LanguageModel::generate`](crate::LanguageModel::generate).
//!
//! ```
//! use mlx_lm::mlx_core::Array;
//! use mlx_lm::sampling::{Processors, Sampler, logprobs};
//!
//! let processors = Processors { presence_penalty: 1.5.into(), ..Processors::default() };
//! let mut processing = processors.start(&[2, 0], 3)?;
//! let mut draws = Sampler::default().temperature(0.7).top_p(0.9).seed(7).start(3)?;
//! for _ in 0..5 {
//!     let scores = Array::from([[0.1, 0.2, 0.3]]);
//!     let token = draws.draw(&logprobs(&processing.process(&scores)?)?)?;
//!     processing.push(&token)?;
//! }
//! assert_eq!(processing.history().len(), 7);
//! # Ok::<(), mlx_lm::Error>(())
//! ```

mod after;
mod choices;
mod chooser;
mod constraint;
mod draft;
mod draws;
mod filter;
mod history;
mod logprobs;
mod processor;
mod sampler;
mod thinking;

pub(crate) use choices::{Choices, Outcome};
pub(crate) use chooser::{Choice, Chooser};
pub use constraint::{Allowed, Constraint, Grammar, TokenSet};
pub(crate) use draft::{Draft, Drafting, Verdict};
pub use draws::{Draws, draw_batch};
pub use filter::{Filter, Xtc};
pub use history::History;
pub use logprobs::{Logprobs, logprobs};
pub use processor::{Penalty, Processing, Processor, Processors};
pub use sampler::Sampler;
pub use thinking::ThinkingBudget;

use mlx_core::Array;

use crate::{Error, Result};

/// The chapter of the guide, whose code is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/guide/sampling.md")]
pub struct Guide;

/// Refuses an option unless it is within its range.
fn require(ok: bool, option: &'static str, value: impl Into<f64>, range: impl Into<String>) -> Result<()> {
    if ok { Ok(()) } else { Err(Error::Option { option, value: value.into(), range: range.into() }) }
}

/// Refuses a token that has no score.
fn require_token(option: &'static str, token: u32, vocab_size: usize) -> Result<()> {
    let range = || format!("must be a token of the vocabulary of {vocab_size}");
    require((token as usize) < vocab_size, option, token, range())
}

/// What a rule of the program gave for `given`, if it has the same shape.
fn same_shape(rule: &'static str, given: &Array, result: Array) -> mlx_core::Result<Array> {
    if given.shape() == result.shape() {
        return Ok(result);
    }
    let (given, result) = (given.shape(), result.shape());
    let message = format!("it gives {result:?} for {given:?}: a {rule} must keep the shape");
    Err(mlx_core::Error::custom(rule, message))
}
