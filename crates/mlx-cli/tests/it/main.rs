//! The `mlx` program as a user runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

#[cfg(test)]
mod bench;
#[cfg(test)]
mod cache_prompt;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod codec;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod convert;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod embed;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod interrupt;
#[cfg(test)]
mod logits;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod program;
#[cfg(test)]
mod rerank;
#[cfg(test)]
mod speak;
#[cfg(test)]
mod transcribe;
#[cfg(test)]
mod vision;
