//! Decoding in rounds: tokens are drafted at little cost, then the model judges all of them in one pass.

mod drafter;
mod lookup;
mod options;
mod rounds;

pub use options::{Drafts, Speculation};
pub(super) use rounds::Speculative;
