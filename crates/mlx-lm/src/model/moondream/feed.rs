//! The feed-forward layers of Moondream.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Linear, Module, Weights, gelu_approx};
use serde::Deserialize;

use crate::Result;
use crate::config::{Config, size};
use crate::model::part::{
    Activation, ExpertOptions, FeedForward, Frame, Fused, Gating, Router, Routing, Scores, SwitchGlu,
};

/// One that all tokens pass, or experts.
#[derive(Module)]
pub(super) enum Feed {
    Dense { fc1: Linear, fc2: Linear },
    Mixed { router: Router, experts: SwitchGlu },
}

/// The experts of the layers from the first on that has such.
#[derive(Clone, Copy, Debug)]
pub(super) struct Experts {
    pub(super) first: usize,
    routing: Routing,
    inner: i32,
}

#[derive(Deserialize)]
struct Stored {
    num_experts: i32,
    num_experts_per_tok: i32,
    moe_intermediate_size: i32,
    moe_start_layer: usize,
}

impl Experts {
    /// What `config` says; none if there are no experts.
    pub(super) fn read(config: &Config) -> Result<Option<Self>> {
        let stored: Stored = config.parse()?;
        if stored.num_experts == 0 {
            return Ok(None);
        }
        let (experts, chosen) = (stored.num_experts, stored.num_experts_per_tok);
        let routing = Routing { experts, chosen, scores: Scores::SoftmaxOfChosen }.checked()?;
        let inner = size("moe_intermediate_size", stored.moe_intermediate_size)?;
        Ok(Some(Self { first: stored.moe_start_layer, routing, inner }))
    }
}

impl Feed {
    pub(super) fn load(w: &Weights, frame: &Frame, experts: Option<Experts>) -> Result<Self> {
        let (hidden, inner) = (frame.sizes.hidden, frame.sizes.inner);
        let Some(Experts { routing, inner: within, .. }) = experts else {
            return Ok(Self::Dense {
                fc1: w.linear_with_bias("fc1", [inner, hidden], true)?,
                fc2: w.linear_with_bias("fc2", [hidden, inner], true)?,
            });
        };
        let options = ExpertOptions {
            count: routing.experts,
            hidden,
            inner: within,
            bias: false,
            gating: Gating::Raised(Activation::Gelu),
            fused: Fused::Halves,
        };
        Ok(Self::Mixed {
            router: Router::load(&w.at("router"), hidden, true, routing)?,
            // A converted checkpoint has them apart.
            experts: if w.contains("experts.gate_proj.weight") {
                SwitchGlu::load(w, "experts", options)?
            } else {
                SwitchGlu::halves(w, ["fc1", "fc2"], options)?
            },
        })
    }
}

impl FeedForward for Feed {
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        match self {
            Self::Dense { fc1, fc2 } => fc2.forward(&gelu_approx(&fc1.forward(x)?)?),
            Self::Mixed { router, experts } => experts.mix(x, &router.forward(x)?),
        }
    }
}
