//! A mixture of experts as a layer.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Linear, Module, Weights};

use super::{ExpertOptions, Fused, Router, Routing, SwitchGlu};
use crate::Result;
use crate::model::part::{FeedForward, GatedMlp, GatedOptions, Gating, Sizes};

/// A router, its experts, and what every token passes beside them.
#[derive(Module)]
pub(crate) struct Moe {
    gate: Router,
    switch_mlp: SwitchGlu,
    #[module(flatten)]
    shared: Option<SharedExperts>,
}

/// What every token passes.
#[derive(Module)]
enum SharedExperts {
    Plain { shared_experts: GatedMlp },
    Gated { shared_expert: GatedMlp, shared_expert_gate: Linear },
}

/// How families differ in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MoeOptions {
    pub(crate) routing: Routing,
    /// What a token passes within one expert.
    pub(crate) inner: i32,
    /// The activation of all experts.
    pub(crate) mlp: GatedOptions,
    pub(crate) shared: Option<Shared>,
}

/// The experts that every token passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shared {
    /// `shared_experts` of this width.
    Plain(i32),
    /// `shared_expert` of this width, as far as `shared_expert_gate` lets it.
    Gated(i32),
}

impl Moe {
    /// The layer at the path of `w`.
    pub(crate) fn load(w: &Weights, sizes: &Sizes, options: &MoeOptions) -> Result<Self> {
        let MoeOptions { routing, inner, mlp, shared } = *options;
        let experts = ExpertOptions {
            count: routing.experts,
            hidden: sizes.hidden,
            inner,
            bias: mlp.bias,
            gating: Gating::By(mlp.activation),
            fused: Fused::Halves,
        };
        Ok(Self {
            gate: Router::load(&w.at("gate"), sizes.hidden, false, routing)?,
            switch_mlp: SwitchGlu::load(w, "switch_mlp", experts)?,
            shared: shared.map(|shared| SharedExperts::load(w, sizes, mlp, shared)).transpose()?,
        })
    }
}

impl FeedForward for Moe {
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let y = self.switch_mlp.mix(x, &self.gate.forward(x)?)?;
        match &self.shared {
            Some(shared) => y + shared.forward(x)?,
            None => Ok(y),
        }
    }
}

impl SharedExperts {
    fn load(w: &Weights, sizes: &Sizes, mlp: GatedOptions, shared: Shared) -> Result<Self> {
        let load = |name, inner| GatedMlp::load(&w.at(name), &Sizes { inner, ..*sizes }, mlp);
        Ok(match shared {
            Shared::Plain(inner) => Self::Plain { shared_experts: load("shared_experts", inner)? },
            Shared::Gated(inner) => Self::Gated {
                shared_expert: load("shared_expert", inner)?,
                shared_expert_gate: w.linear("shared_expert_gate", [1, sizes.hidden])?,
            },
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        match self {
            Self::Plain { shared_experts } => shared_experts.forward(x),
            Self::Gated { shared_expert, shared_expert_gate } => {
                shared_expert_gate.forward(x)?.sigmoid()? * shared_expert.forward(x)?
            }
        }
    }
}

/// The feed-forward layer of a decoder in which some are dense.
#[derive(Module)]
#[expect(clippy::large_enum_variant, reason = "one for each layer, made once")]
pub(crate) enum Feed {
    Dense(GatedMlp),
    Moe(Moe),
}

impl Feed {
    /// The layer at the path of `w`: dense where there are no options for a mixture.
    pub(crate) fn load(
        w: &Weights,
        sizes: &Sizes,
        mlp: GatedOptions,
        moe: Option<&MoeOptions>,
    ) -> Result<Self> {
        Ok(match moe {
            Some(options) => Self::Moe(Moe::load(w, sizes, options)?),
            None => Self::Dense(GatedMlp::load(w, sizes, mlp)?),
        })
    }
}

impl FeedForward for Feed {
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        match self {
            Self::Dense(mlp) => mlp.forward(x),
            Self::Moe(moe) => moe.forward(x),
        }
    }
}
