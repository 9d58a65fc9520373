//! Models that make vectors of texts, or scores of pairs of texts.

mod embedding;
mod ranking;

pub(crate) use self::embedding::{EmbedJob, EmbedWorker};
pub(crate) use self::ranking::{RankJob, RankWorker};
