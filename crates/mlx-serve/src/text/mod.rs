//! Models that write: of language, and of language and images.
//!
//! `job` is what is asked of one, `model` the model with what it needs, `request` turns the one into what the other can run,
//! `desk` writes all texts at the same time, `prefixes` keeps the beginnings of prompts.

mod desk;
mod form;
mod job;
mod model;
mod prefixes;
mod reading;
mod request;
mod sampling;
mod stored;
mod stride;
mod writing;

pub(crate) use self::desk::TextWorker;
pub(crate) use self::form::Form;
pub(crate) use self::job::{Ask, Calls, Conversation, Part, Reply, TextEvent, TextJob, TokenScore, Write};
pub(crate) use self::sampling::Sampling;
