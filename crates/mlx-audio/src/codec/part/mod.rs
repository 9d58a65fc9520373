//! What codecs are made of. Arrays are `[1, time, channels]`.

pub(crate) mod codebook;
pub(crate) mod factorized;
pub(crate) mod fold;
pub(crate) mod lstm;
pub(crate) mod padded;
pub(crate) mod reader;
pub(crate) mod seanet;
pub(crate) mod snake;
pub(crate) mod transposed;
