//! Qwen3-Next, whose delta layers keep what belongs to a head of keys together.

use mlx_nn::Weights;

use super::{Mixed, Plan};
use crate::Result;
use crate::config::Config;
use crate::model::part::Dense;

pub(in crate::model) fn load(w: &Weights, config: &Config) -> Result<Dense<Mixed>> {
    let plan = Plan::read(w, config, true)?;
    Dense::load(w, &plan.frame, |w, layer| plan.block(w, layer))
}
