//! What configs in the manner of DeepSeek V2 and V3 say about experts.

use serde::Deserialize;

use super::{MoeOptions, Routing, Scores, Shared, Sigmoid};
use crate::config::{Config, size};
use crate::model::part::GatedOptions;
use crate::{Error, Result};

/// Experts chosen by corrected sigmoids within groups, or by a softmax, from some layer on.
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
        Self::new(config, mlp, Stored::sigmoid)
    }

    /// As [`read`](Self::read), where those are chosen that are best by a softmax over all, as in DeepSeek V2.
    pub(crate) fn by_softmax(config: &Config, mlp: GatedOptions) -> Result<Self> {
        Self::new(config, mlp, Stored::softmax)
    }

    fn new(config: &Config, mlp: GatedOptions, scores: fn(&Stored) -> Result<Scores>) -> Result<Self> {
        let stored: Stored = config.parse()?;
        let every = stored.moe_layer_freq.unwrap_or(1);
        if every == 0 {
            return Err(Error::Config("moe_layer_freq is 0: it must be at least 1".into()));
        }
        let options = |experts| stored.options(experts, mlp, scores(&stored)?);
        let options = stored.n_routed_experts.map(options).transpose()?;
        Ok(Self { options, first: stored.first_k_dense_replace.unwrap_or(0), every })
    }

    /// The experts of a layer; none if it is dense.
    pub(crate) fn at(&self, layer: usize) -> Option<&MoeOptions> {
        self.options.as_ref().filter(|_| layer >= self.first && layer.is_multiple_of(self.every))
    }
}

impl Stored {
    fn sigmoid(&self) -> Result<Scores> {
        known("scoring_func", self.scoring_func.as_deref(), "sigmoid")?;
        known("topk_method", self.topk_method.as_deref(), "noaux_tc")?;
        Ok(Scores::Sigmoid(Sigmoid {
            normalized: self.norm_topk_prob.unwrap_or(true),
            groups: self.n_group.unwrap_or(1),
            chosen_groups: self.topk_group.unwrap_or(1),
            factor: self.routed_scaling_factor.unwrap_or(1.0),
        }))
    }

    fn softmax(&self) -> Result<Scores> {
        known("scoring_func", self.scoring_func.as_deref(), "softmax")?;
        known("topk_method", self.topk_method.as_deref(), "greedy")?;
        match self.routed_scaling_factor {
            Some(factor) if factor != 1.0 => Err(Error::Config(format!(
                "routed_scaling_factor {factor} of experts that a softmax scores is not supported: it must be 1"
            ))),
            _ => Ok(Scores::Softmax { normalized: self.norm_topk_prob.unwrap_or(false) }),
        }
    }

    fn options(&self, experts: i32, mlp: GatedOptions, scores: Scores) -> Result<MoeOptions> {
        let Some(inner) = self.moe_intermediate_size else {
            return Err(Error::Config("missing field `moe_intermediate_size`".into()));
        };
        let inner = size("moe_intermediate_size", inner)?;
        let chosen = self.num_experts_per_tok.unwrap_or(1);
        let routing = Routing { experts, chosen, scores }.checked()?;
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
