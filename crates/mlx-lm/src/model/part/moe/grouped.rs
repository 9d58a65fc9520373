//! What configs in the manner of DeepSeek V3 say about experts.

use serde::Deserialize;

use super::{MoeOptions, Routing, Scores, Shared, Sigmoid};
use crate::config::{Config, size};
use crate::model::part::GatedOptions;
use crate::{Error, Result};

/// Experts chosen by corrected sigmoids within groups, from some layer on.
#[derive(Debug)]
pub(crate) struct GroupedMoe {
    options: Option<MoeOptions>,
    first: usize,
    every: usize,
}

#[derive(Deserialize)]
struct Stored {
    n_routed_experts: Option<i32>,
    n_shared_experts: Option<i32>,
    num_experts_per_tok: Option<i32>,
    moe_intermediate_size: Option<i32>,
    n_group: Option<i32>,
    topk_group: Option<i32>,
    norm_topk_prob: Option<bool>,
    routed_scaling_factor: Option<f32>,
    scoring_func: Option<String>,
    topk_method: Option<String>,
    first_k_dense_replace: Option<usize>,
    moe_layer_freq: Option<usize>,
}

impl GroupedMoe {
    /// What `config` says, with experts of these layers' activation.
    ///
    /// # Errors
    /// Experts are chosen or scored in another way, or their numbers do not go together.
    pub(crate) fn read(config: &Config, mlp: GatedOptions) -> Result<Self> {
        let stored: Stored = config.parse()?;
        let every = stored.moe_layer_freq.unwrap_or(1);
        if every == 0 {
            return Err(Error::Config("moe_layer_freq is 0: it must be at least 1".into()));
        }
        let options = stored.n_routed_experts.map(|experts| stored.options(experts, mlp)).transpose()?;
        Ok(Self { options, first: stored.first_k_dense_replace.unwrap_or(0), every })
    }

    /// The experts of a layer; none if it is dense.
    pub(crate) fn at(&self, layer: usize) -> Option<&MoeOptions> {
        self.options.as_ref().filter(|_| layer >= self.first && layer.is_multiple_of(self.every))
    }
}

impl Stored {
    fn options(&self, experts: i32, mlp: GatedOptions) -> Result<MoeOptions> {
        known("scoring_func", self.scoring_func.as_deref(), "sigmoid")?;
        known("topk_method", self.topk_method.as_deref(), "noaux_tc")?;
        let Some(inner) = self.moe_intermediate_size else {
            return Err(Error::Config("missing field `moe_intermediate_size`".into()));
        };
        let inner = size("moe_intermediate_size", inner)?;
        let scores = Sigmoid {
            normalized: self.norm_topk_prob.unwrap_or(true),
            groups: self.n_group.unwrap_or(1),
            chosen_groups: self.topk_group.unwrap_or(1),
            factor: self.routed_scaling_factor.unwrap_or(1.0),
        };
        let chosen = self.num_experts_per_tok.unwrap_or(1);
        let routing = Routing { experts, chosen, scores: Scores::Sigmoid(scores) }.checked()?;
        let shared = self.n_shared_experts.filter(|&count| count != 0);
        let shared = shared.map(|count| size("n_shared_experts", count)).transpose()?;
        let shared = shared.map(|count| Shared::Plain(inner.saturating_mul(count)));
        Ok(MoeOptions { routing, inner, mlp, shared })
    }
}

fn known(field: &str, value: Option<&str>, known: &str) -> Result<()> {
    match value {
        Some(other) if other != known => {
            Err(Error::Config(format!("{field} `{other}` is not supported (known: {known})")))
        }
        _ => Ok(()),
    }
}
