//! One file a command.

pub(crate) mod generate;
pub(crate) mod info;
pub(crate) mod logits;
pub(crate) mod memory;
