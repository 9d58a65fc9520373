//! gpt-oss: attention with sinks, every other layer over a window, and experts behind clamped gates.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights};
use serde::Deserialize;

use super::part::{
    Attention, AttentionOptions, Dense, ExpertOptions, FeedForward, Frame, Fused, Gating, PreNorm, Router,
    Routing, Scores, SwitchGlu,
};
use crate::Result;
use crate::config::{Config, positive};

#[derive(Deserialize)]
struct Settings {
    attention_bias: bool,
    num_local_experts: i32,
    num_experts_per_tok: i32,
    swiglu_limit: f32,
}

#[derive(Module)]
pub(super) struct GptOssMoe {
    router: Router,
    experts: SwitchGlu,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm<GptOssMoe>>> {
    let settings: Settings = config.parse()?;
    let Settings { attention_bias: bias, num_local_experts: experts, .. } = settings;
    let frame = Frame::read(config, |layer| layer.is_multiple_of(2))?;
    let (chosen, scores) = (settings.num_experts_per_tok, Scores::SoftmaxOfChosen);
    let routing = Routing { experts, chosen, scores }.checked()?;
    let experts = ExpertOptions {
        count: experts,
        hidden: frame.sizes.hidden,
        inner: frame.sizes.inner,
        bias: true,
        gating: Gating::Clamped { limit: positive("swiglu_limit", settings.swiglu_limit)? },
        fused: Fused::Interleaved,
    };
    Dense::load(w, &frame, |w, layer| {
        let attention = AttentionOptions { bias, output_bias: bias, sinks: true, ..frame.attention(layer)? };
        let attention = Attention::load(&w.at("self_attn"), &frame.sizes, attention)?;
        let mlp = w.at("mlp");
        let mlp = GptOssMoe {
            router: Router::load(&mlp.at("router"), frame.sizes.hidden, true, routing)?,
            experts: SwitchGlu::load(&mlp, "experts", experts)?,
        };
        PreNorm::around(w, &frame, attention, mlp)
    })
}

impl FeedForward for GptOssMoe {
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        self.experts.mix(x, &self.router.forward(x)?)
    }
}
