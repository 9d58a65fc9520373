//! Qwen 3.5, 3.6 and 3.8, dense and with experts.

use mlx_nn::Weights;

use super::{Mixed, Plan};
use crate::Result;
use crate::config::Config;
use crate::model::part::Dense;

pub(in crate::model) fn load(w: &Weights, config: &Config) -> Result<Dense<Mixed>> {
    let plan = Plan::read(w, config, false)?;
    Dense::load(w, &plan.frame, |w, layer| plan.block(w, layer))
}
