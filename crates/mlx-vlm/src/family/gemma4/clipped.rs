//! Linear layers whose inputs and outputs stay within ranges.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Linear, Module, Weights};

use crate::Result;

/// A linear layer, and the ranges that were seen in training, if they are kept to.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Clipped {
    linear: Linear,
    #[module(flatten)]
    ranges: Option<Ranges>,
}

#[derive(Module)]
#[module(no_tree)]
struct Ranges {
    input_min: Array,
    input_max: Array,
    output_min: Array,
    output_max: Array,
}

impl Clipped {
    /// The layer at the path of `w`, of shape `[outputs, inputs]`.
    pub(super) fn load(w: &Weights, shape: [i32; 2], clips: bool) -> Result<Self> {
        let ranges = clips.then(|| Ranges::load(w)).transpose()?;
        if !clips {
            w.ignore(|key| {
                ["input_min", "input_max", "output_min", "output_max"].iter().any(|end| key.ends_with(end))
            });
        }
        Ok(Self { linear: w.linear("linear", shape)?, ranges })
    }

    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let Some(ranges) = &self.ranges else { return self.linear.forward(x) };
        let inner = x.clip(&ranges.input_min..=&ranges.input_max)?;
        self.linear.forward(&inner)?.clip(&ranges.output_min..=&ranges.output_max)
    }
}

impl Ranges {
    fn load(w: &Weights) -> Result<Self> {
        let end = |name| w.array(name, []);
        Ok(Self {
            input_min: end("input_min")?,
            input_max: end("input_max")?,
            output_min: end("output_min")?,
            output_max: end("output_max")?,
        })
    }
}
