//! How Gemma 2 and 3 scale and cap scores.

use serde::Deserialize;

use crate::Result;
use crate::config::{Config, positive};

/// The scale of attention, and what scores stay below in it and at the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scores {
    pub(super) scale: f32,
    pub(super) attention_cap: Option<f32>,
    pub(super) final_cap: Option<f32>,
}

#[derive(Deserialize)]
struct Stored {
    query_pre_attn_scalar: f32,
    attn_logit_softcapping: Option<f32>,
    final_logit_softcapping: Option<f32>,
}

impl Scores {
    /// What `config` says.
    ///
    /// # Errors
    /// A number is not positive.
    pub(super) fn read(config: &Config) -> Result<Self> {
        let stored: Stored = config.parse()?;
        let cap = |field, value: Option<f32>| value.map(|value| positive(field, value)).transpose();
        Ok(Self {
            scale: positive("query_pre_attn_scalar", stored.query_pre_attn_scalar)?.powf(-0.5),
            attention_cap: cap("attn_logit_softcapping", stored.attn_logit_softcapping)?,
            final_cap: cap("final_logit_softcapping", stored.final_logit_softcapping)?,
        })
    }
}
