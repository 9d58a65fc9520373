//! Decoding in rounds: tokens are drafted at little cost, then the model judges all of them in one pass.

mod drafter;
mod lookup;
mod options;
mod rounds;
#[cfg(test)]
mod tests;

pub use options::{Drafts, Speculation};
pub(super) use rounds::Speculative;

/// The chapter of the guide, whose code is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../../../docs/guide/speculative.md")]
struct Guide;
