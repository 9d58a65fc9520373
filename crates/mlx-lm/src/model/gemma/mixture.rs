//! The experts of Gemma 4, which work beside its gated layer.

use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_nn::{Module, Weights};
use serde::Deserialize;

use crate::config::{Config, size};
use crate::model::part::{
    Choice, ExpertOptions, Frame, Fused, Gating, Norm, Router, Routing, Scores, SwitchGlu,
};
use crate::{Error, Result};

/// What a config says of them.
#[derive(Clone, Copy)]
pub(super) struct MixtureOptions {
    routing: Routing,
    inner: i32,
}

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    enable_moe_block: bool,
    num_experts: Option<i32>,
    top_k_experts: Option<i32>,
    moe_intermediate_size: Option<i32>,
}

impl MixtureOptions {
    /// None if there are no experts.
    pub(super) fn read(config: &Config) -> Result<Option<Self>> {
        let stored: Stored = config.parse()?;
        if !stored.enable_moe_block {
            return Ok(None);
        }
        let (Some(experts), Some(chosen), Some(inner)) =
            (stored.num_experts, stored.top_k_experts, stored.moe_intermediate_size)
        else {
            let message =
                "enable_moe_block needs num_experts, top_k_experts and moe_intermediate_size beside it";
            return Err(Error::Config(message.into()));
        };
        let chosen = size("top_k_experts", chosen)?;
        let routing = Routing { experts, chosen, scores: Scores::SoftmaxOfChosen }.checked()?;
        Ok(Some(Self { routing, inner: size("moe_intermediate_size", inner)? }))
    }
}

/// Experts with norms of their own, and that of the gated layer beside them.
#[derive(Module)]
pub(super) struct Mixture {
    router: ScaledRouter,
    experts: Experts,
    post_feedforward_layernorm_1: Norm,
    pre_feedforward_layernorm_2: Norm,
    post_feedforward_layernorm_2: Norm,
}

#[derive(Module)]
struct Experts {
    switch_glu: SwitchGlu,
}

impl Mixture {
    /// The experts in the scope `w` of a layer.
    pub(super) fn load(w: &Weights, frame: &Frame, options: MixtureOptions) -> Result<Self> {
        let experts = ExpertOptions {
            count: options.routing.experts,
            hidden: frame.sizes.hidden,
            inner: options.inner,
            bias: false,
            gating: Gating::By(frame.mlp().activation),
            fused: Fused::Halves,
        };
        Ok(Self {
            router: ScaledRouter::load(&w.at("router"), frame, options.routing)?,
            experts: Experts { switch_glu: SwitchGlu::load(w, "experts.switch_glu", experts)? },
            post_feedforward_layernorm_1: frame.norm(w, "post_feedforward_layernorm_1")?,
            pre_feedforward_layernorm_2: frame.norm(w, "pre_feedforward_layernorm_2")?,
            post_feedforward_layernorm_2: frame.norm(w, "post_feedforward_layernorm_2")?,
        })
    }

    /// What the experts make of hidden states `[batch, length, hidden]`, and `fed`, which the gated layer made.
    pub(super) fn forward(&self, h: &Array, fed: &Array) -> MlxResult<Array> {
        let choice = self.router.forward(h)?;
        let mixed = self.experts.switch_glu.mix(&self.pre_feedforward_layernorm_2.forward(h)?, &choice)?;
        self.post_feedforward_layernorm_1.forward(fed)? + self.post_feedforward_layernorm_2.forward(&mixed)?
    }
}

/// A router behind a norm, each of whose experts has a scale.
#[derive(Module)]
struct ScaledRouter {
    proj: Router,
    scale: Array,
    per_expert_scale: Array,
    norm: Norm,
    hidden: i32,
}

impl ScaledRouter {
    fn load(w: &Weights, frame: &Frame, routing: Routing) -> Result<Self> {
        let hidden = frame.sizes.hidden;
        let ones = |shape: &[i32], _: &_| Array::ones(shape, Dtype::Float32);
        Ok(Self {
            proj: Router::load(&w.at("proj"), hidden, false, routing)?,
            scale: w.parameter("scale", [hidden], ones)?,
            per_expert_scale: w.parameter("per_expert_scale", [routing.experts], ones)?,
            norm: frame.norms.unscaled(),
            hidden,
        })
    }

    fn forward(&self, h: &Array) -> MlxResult<Choice> {
        let scale = (&self.scale * (self.hidden as f32).powf(-0.5))?;
        let Choice { experts, shares } = self.proj.forward(&(self.norm.forward(h)? * scale)?)?;
        let shares = (shares * self.per_expert_scale.take(&experts, 0)?)?;
        Ok(Choice { experts, shares })
    }
}
