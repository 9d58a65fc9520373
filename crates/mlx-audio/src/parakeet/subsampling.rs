//! Convolutions that make two frames, and two mels, one.

use mlx_core::{Array, Device, Result as MlxResult, Slice};
use mlx_nn::{Linear, Module, Weights, relu};

use super::config::EncoderPlan;
use crate::Result;
use crate::checkpoint::floats;

/// A convolution, and some whose channels are apart, with a mix of the channels behind each. All halve both axes.
///
/// Rekesh et al., "Fast Conformer".
#[derive(Module)]
pub(super) struct Subsampling {
    first: Linear,
    stages: Vec<Stage>,
    out: Linear,
}

#[derive(Module)]
struct Stage {
    /// `[9, channels]`.
    weight: Array,
    bias: Array,
    mix: Linear,
}

/// Places that a convolution sees along each axis, one of them before.
const KERNEL: i32 = 3;

impl Subsampling {
    pub(super) fn load(w: &Weights, plan: &EncoderPlan) -> Result<Self> {
        let &EncoderPlan { mels, width, channels, halvings, .. } = plan;
        let conv = w.at("conv");
        let places = KERNEL * KERNEL;
        let stage = |at: u32| {
            let w = conv.at(2 + 3 * at);
            let weight = floats(&w, "weight", [channels, places])?.swapaxes(0, 1)?.contiguous(false)?;
            let mix = conv.linear_with_bias(&(3 + 3 * at).to_string(), [channels, channels], true)?;
            Ok(Stage { weight, bias: floats(&w, "bias", [channels])?, mix })
        };
        let kept = (0..halvings).fold(mels, |mels, _| halved(mels));
        Ok(Self {
            first: conv.linear_with_bias("0", [channels, places], true)?,
            stages: (0..halvings.saturating_sub(1)).map(stage).collect::<Result<_>>()?,
            out: w.linear_with_bias("out", [width, channels * kept], true)?,
        })
    }

    /// `[frames, mels] -> [⌈frames / 8⌉, width]`.
    pub(super) fn forward(&self, mels: &Array) -> MlxResult<Array> {
        let waits = Device::current().is_cpu();
        let mut x = relu(&self.first.forward(&patches(mels)?)?)?;
        for stage in &self.stages {
            if waits {
                x.eval()?;
            }
            x = relu(&stage.mix.forward(&stage.depthwise(&x)?)?)?;
        }
        let [frames, mels, channels] = x.dims()?;
        self.out.forward(&x.swapaxes(1, 2)?.reshape([frames, channels * mels])?)
    }
}

impl Stage {
    /// `[frames, mels, channels] -> [⌈frames / 2⌉, ⌈mels / 2⌉, channels]`.
    fn depthwise(&self, x: &Array) -> MlxResult<Array> {
        let [frames, mels, _] = x.dims()?;
        let x = x.pad([(0, 1, 1), (1, 1, 1)], 0)?;
        let mut sum = self.bias.clone();
        for at in 0..KERNEL * KERNEL {
            let (row, column) = (at / KERNEL, at % KERNEL);
            let rows = Slice::step_by(row..row + 2 * halved(frames) - 1, 2);
            let columns = Slice::step_by(column..column + 2 * halved(mels) - 1, 2);
            sum = (sum + (x.index((rows, columns))? * self.weight.index(at)?)?)?;
        }
        Ok(sum)
    }
}

/// What a convolution of one channel sees: `[frames, mels] -> [⌈frames / 2⌉, ⌈mels / 2⌉, 9]`.
fn patches(mels: &Array) -> MlxResult<Array> {
    let [frames, bins] = mels.dims()?;
    let padded = mels.pad([(0, 1, 1), (1, 1, 1)], 0)?;
    let row = i64::from(bins + 2);
    let shape = [halved(frames), halved(bins), KERNEL, KERNEL];
    let seen = padded.as_strided(shape, &[2 * row, 2, row, 1], 0)?;
    seen.reshape([halved(frames), halved(bins), KERNEL * KERNEL])
}

fn halved(length: i32) -> i32 {
    length / 2 + length % 2
}
