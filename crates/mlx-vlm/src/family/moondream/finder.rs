//! The heads that find places in an image: they read a number off a hidden state, and give one back to the decoder.
//!
//! The authors' code says what they compute; mlx-vlm leaves them out.

use std::f32::consts::TAU;

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Linear, Module, Weights};
use mlx_vision::Activation;

use super::config::Config;
use crate::Result;
use crate::family::tiled::{Connector, Projector};

/// What finds places. Lengths are shares of the width or of the height of an image.
#[derive(Module)]
#[module(no_tree)]
pub(crate) struct Finder {
    coord_encoder: Encoder,
    coord_decoder: Projector,
    size_encoder: Encoder,
    size_decoder: Projector,
    /// What is asked before and after what is looked for: for middles, and for boxes.
    #[module(skip)]
    requests: [Option<[String; 2]>; 2],
    /// What says that nothing more is found.
    #[module(skip)]
    pub(crate) end: u32,
}

/// Numbers to a hidden state.
#[derive(Module)]
#[module(no_tree)]
struct Encoder {
    linear: Linear,
    /// Frequencies, `[numbers, features / 2]`.
    features: Array,
}

/// Sizes are powers of two, from this exponent to 0.
const SMALLEST: f64 = -10.0;

impl Finder {
    /// The heads in the scope `w`, for a decoder of so wide states; none if there are none.
    pub(super) fn load(w: &Weights, config: &Config, hidden: i32) -> Result<Option<Self>> {
        if !w.contains("coord_decoder.fc1.weight") {
            w.ignore(|_| true);
            return Ok(None);
        }
        let region = config.region()?;
        let decoder = |name, output| {
            let activation = Activation::Fast(mlx_core::fast::Activation::GeluApprox);
            let connector = Connector { widths: [hidden, region.inner_dim, output], bias: true, activation };
            Projector::named(&w.at(name), ["fc1", "fc2"], connector)
        };
        Ok(Some(Self {
            coord_encoder: Encoder::load(w, "coord", [1, region.coord_feat_dim / 2], hidden)?,
            coord_decoder: decoder("coord_decoder", region.coord_out_dim)?,
            size_encoder: Encoder::load(w, "size", [2, region.size_feat_dim / 2], hidden)?,
            size_decoder: decoder("size_decoder", region.size_out_dim / 2 * 2)?,
            requests: [false, true].map(|sized| config.words().request(sized)),
            end: config.words().eos_id,
        }))
    }

    /// The text that asks for middles of things, or for boxes around them if `sized`; none if the model cannot be asked.
    pub(crate) fn request(&self, what: &str, sized: bool) -> Option<String> {
        let [middles, boxes] = &self.requests;
        let [before, after] = if sized { boxes } else { middles }.as_ref()?;
        Some(format!("{before}{what}{after}"))
    }

    /// Where a state `[1, 1, hidden]` says that something is, in a row or in a column.
    pub(crate) fn place(&self, state: &Array) -> MlxResult<f64> {
        let scores = self.coord_decoder.forward(state)?;
        Ok(f64::from(scores.argmax(..)?.item::<u32>()?) / f64::from(scores.dim(-1)?))
    }

    /// How wide and how high such a state says that something is.
    pub(crate) fn extent(&self, state: &Array) -> MlxResult<[f64; 2]> {
        let scores = self.size_decoder.forward(state)?.reshape([2, -1])?;
        let last = f64::from((scores.dim(-1)? - 1).max(1));
        let best = scores.argmax(-1)?;
        let length = |at: i32| {
            let share = f64::from(best.index(at)?.item::<u32>()?) / last;
            Ok::<_, mlx_core::Error>((SMALLEST - SMALLEST * share).exp2())
        };
        Ok([length(0)?, length(1)?])
    }

    /// A place as the decoder takes it, `[1, 1, hidden]`.
    pub(crate) fn of_place(&self, place: f64) -> MlxResult<Array> {
        self.coord_encoder.forward(&[place as f32])
    }

    /// A width and a height as the decoder takes them.
    pub(crate) fn of_extent(&self, extent: [f64; 2]) -> MlxResult<Array> {
        self.size_encoder.forward(&extent.map(|length| length as f32))
    }
}

impl Encoder {
    fn load(w: &Weights, name: &str, [numbers, features]: [i32; 2], hidden: i32) -> Result<Self> {
        Ok(Self {
            linear: w.linear_with_bias(&format!("{name}_encoder"), [hidden, 2 * features], true)?,
            features: w.array(&format!("{name}_features"), [numbers, features])?,
        })
    }

    /// Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains".
    fn forward(&self, numbers: &[f32]) -> MlxResult<Array> {
        let count = i32::try_from(numbers.len()).unwrap_or(i32::MAX);
        let turns = Array::from_slice(numbers, [1, 1, count])?.astype(self.features.dtype())?;
        let turns = (turns * TAU)?.matmul(&self.features)?;
        self.linear.forward(&concatenate([&turns.cos()?, &turns.sin()?], -1)?)
    }
}
