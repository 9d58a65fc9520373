//! The public surface of mlx-lm, against the Python reference, on damaged input and on a real model.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod batch;
#[cfg(test)]
mod batching;
#[cfg(test)]
mod batching_failure;
#[cfg(test)]
mod budget;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod choice;
#[cfg(test)]
mod convert;
#[cfg(test)]
mod gemma;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hybrid;
#[cfg(test)]
mod moe;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod perplexity;
#[cfg(test)]
mod prompt_cache;
#[cfg(test)]
mod quantized;
#[cfg(test)]
mod real_models;
#[cfg(test)]
mod sampling;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod smollm2;
#[cfg(test)]
mod speculative;
#[cfg(test)]
mod structured;
#[cfg(test)]
mod upcoming;
