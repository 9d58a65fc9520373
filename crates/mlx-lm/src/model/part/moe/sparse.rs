//! What configs in the manner of Qwen say about experts.

use serde::Deserialize;

use super::{MoeOptions, Routing, Scores, Shared};
use crate::config::{Config, size};
use crate::model::part::GatedOptions;
use crate::{Error, Result};

/// Experts chosen by a softmax, in every so many-th layer but for some.
#[derive(Debug)]
pub(crate) struct SparseMoe {
    options: Option<MoeOptions>,
    step: usize,
    dense: Vec<usize>,
}

#[derive(Deserialize)]
struct Stored {
    num_experts: Option<i32>,
    num_local_experts: Option<i32>,
    num_experts_per_tok: Option<i32>,
    moe_intermediate_size: Option<i32>,
    shared_expert_intermediate_size: Option<i32>,
    norm_topk_prob: Option<bool>,
    decoder_sparse_step: Option<usize>,
    mlp_only_layers: Option<Vec<usize>>,
}

impl SparseMoe {
    /// What `config` says, with experts of these layers' activation. Where it does not say whether the shares of a
    /// token's experts become 1 together, the family does: `normalized`.
    ///
    /// # Errors
    /// The numbers do not go together.
    pub(crate) fn read(config: &Config, mlp: GatedOptions, normalized: bool) -> Result<Self> {
        let stored: Stored = config.parse()?;
        let experts = stored.num_experts.or(stored.num_local_experts).filter(|&count| count != 0);
        let options = experts.map(|experts| stored.options(experts, mlp, normalized)).transpose()?;
        let step = stored.decoder_sparse_step.unwrap_or(1);
        if step == 0 {
            return Err(Error::Config("decoder_sparse_step is 0: it must be at least 1".into()));
        }
        Ok(Self { options, step, dense: stored.mlp_only_layers.unwrap_or_default() })
    }

    /// The experts of a layer; none if it is dense.
    pub(crate) fn at(&self, layer: usize) -> Option<&MoeOptions> {
        let is_mixture = (layer + 1).is_multiple_of(self.step) && !self.dense.contains(&layer);
        self.options.as_ref().filter(|_| is_mixture)
    }
}

impl Stored {
    fn options(&self, experts: i32, mlp: GatedOptions, normalized: bool) -> Result<MoeOptions> {
        let (Some(chosen), Some(inner)) = (self.num_experts_per_tok, self.moe_intermediate_size) else {
            let message = "num_experts needs num_experts_per_tok and moe_intermediate_size beside it";
            return Err(Error::Config(message.into()));
        };
        let scores = Scores::Softmax { normalized: self.norm_topk_prob.unwrap_or(normalized) };
        let shared = self.shared_expert_intermediate_size.filter(|&width| width != 0);
        let shared = shared.map(|width| size("shared_expert_intermediate_size", width)).transpose()?;
        Ok(MoeOptions {
            routing: Routing { experts, chosen, scores }.checked()?,
            inner: size("moe_intermediate_size", inner)?,
            mlp,
            shared: shared.map(Shared::Gated),
        })
    }
}
