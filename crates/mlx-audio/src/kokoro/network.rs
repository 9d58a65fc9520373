//! The network: from the numbers of phonemes to samples.

use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_nn::{Linear, Module, Weights};

use super::albert::Albert;
use super::config::Config;
use super::decoder::{Decoder, Heard};
use super::predictor::Predictor;
use super::prosody::Prosody;
use super::text::TextEncoder;
use super::weights::linear;
use crate::Result;

/// Li et al., "StyleTTS 2: Towards Human-Level Text-to-Speech through Style Diffusion and Adversarial Training with Large
/// Speech Language Models", without diffusion, and with the decoder of iSTFTNet: Kokoro.
#[derive(Module)]
pub(super) struct Network {
    bert: Albert,
    bert_encoder: Linear,
    predictor: Predictor,
    text_encoder: TextEncoder,
    decoder: Decoder,
}

impl Network {
    pub(super) fn load(w: &Weights, config: &Config) -> Result<Self> {
        let w = w.clone().with_dtype(Some(Dtype::Float32));
        Ok(Self {
            bert: Albert::load(&w.at("bert"), &config.plbert, config.n_token)?,
            bert_encoder: linear(&w, "bert_encoder", [config.hidden_dim, config.plbert.hidden_size])?,
            predictor: Predictor::load(&w.at("predictor"), config)?,
            text_encoder: TextEncoder::load(&w.at("text_encoder"), config)?,
            decoder: Decoder::load(&w.at("decoder"), config)?,
        })
    }

    /// How phonemes `[1, length]` are spoken in a style `[1, style]`.
    pub(super) fn prosody(&self, ids: &Array, style: &Array, speed: f32) -> MlxResult<Prosody> {
        let meaning = self.bert_encoder.forward(&self.bert.forward(ids)?)?;
        let encoded = self.predictor.encode(&meaning, style)?;
        let lengths = (self.predictor.durations(&encoded)? / speed)?;
        let durations = lengths.to_vec::<f32>()?.into_iter().map(frames).collect::<Vec<_>>();
        let [f0, energy] = self.predictor.curves(&in_time(&encoded, &durations)?, style)?;
        mlx_core::eval([&f0, &energy])?;
        Ok(Prosody { f0: f0.to_vec()?, energy: energy.to_vec()?, durations })
    }

    /// The shape of the noise for a prosody.
    pub(super) fn noise_shape(&self, prosody: &Prosody) -> [i32; 2] {
        self.decoder.noise_shape(prosody.f0.len())
    }

    /// The samples of phonemes `[1, length]` with a prosody of as many durations.
    pub(super) fn samples(
        &self,
        ids: &Array,
        prosody: &Prosody,
        style: &Array,
        noise: &Array,
    ) -> MlxResult<Vec<f32>> {
        let text = in_time(&self.text_encoder.forward(ids)?, &prosody.durations)?;
        let heard = Heard { text: &text, f0: &prosody.f0, energy: &prosody.energy, style };
        self.decoder.forward(&heard, noise)?.to_vec()
    }
}

/// The most frames of a phoneme.
const MOST_FRAMES: f32 = 100.0;

/// Whole frames: at least one, and the even neighbour of a half.
fn frames(length: f32) -> i32 {
    // A clamp leaves what is not a number; `max` does not.
    length.round_ties_even().clamp(1.0, MOST_FRAMES).max(1.0) as i32
}

/// Each element as often as it lasts: `[1, length, width] -> [1, frames, width]`.
fn in_time(x: &Array, durations: &[i32]) -> MlxResult<Array> {
    let places = (0..).zip(durations);
    let places: Vec<i32> =
        places.flat_map(|(at, &count)| std::iter::repeat_n(at, count.max(0) as usize)).collect();
    let count = places.len() as i32;
    x.take(&Array::from_vec(places, [count])?, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_and_never_none() {
        let found = [0.2, 1.5, 2.5, 3.4, 1e9, f32::NAN, -4.0].map(frames);
        assert_eq!(found, [1, 2, 2, 3, 100, 1, 1]);
    }
}
