//! Parakeet: FastConformers of NVIDIA NeMo with heads for CTC, RNN-T and TDT.
//!
//! [`Parakeet::load`] takes checkpoints of MLX, whose `config.json` is NeMo's, and of transformers.

mod attention;
mod config;
mod encoder;
mod front;
mod names;
mod subsampling;
mod transducer;

use mlx_core::{Array, Dtype, eval};
use mlx_hub::{Directory, Source};
use mlx_nn::{Linear, Module, QuantizationConfig, Weights};
use serde::Deserialize;

use crate::codec::config::read;
use crate::recognizer::{Recognize, RecognizeOptions, Recognizer, TimedToken, segments};
use crate::transcript::Segment;
use crate::vad::audible;
use crate::{Error, Result, checkpoint, ctc};

use config::{CtcPlan, Plan};
use encoder::Encoder;
use front::Front;
use transducer::Transducer;

/// A model, with its tokens.
pub struct Parakeet {
    network: Network,
    front: Front,
    plan: Plan,
    dtype: Dtype,
}

#[derive(Module)]
struct Network {
    encoder: Encoder,
    transducer: Option<Transducer>,
    ctc: Option<Linear>,
}

#[derive(Default, Deserialize)]
struct Quantized {
    quantization: Option<QuantizationConfig>,
}

/// Sound that is heard at once, in samples: a minute.
const LONGEST: usize = 60 * Recognizer::RATE as usize;

impl Parakeet {
    /// Loads a checkpoint, to compute in `dtype`, or in the type of its weights.
    ///
    /// # Errors
    /// A file is missing or damaged, or the weights do not fit the config.
    pub fn load(source: &Source, dtype: Option<Dtype>) -> Result<Self> {
        Self::open(&checkpoint::directory(source)?, dtype)
    }

    pub(crate) fn open(directory: &Directory, dtype: Option<Dtype>) -> Result<Self> {
        let plan = Plan::read(directory)?;
        let Quantized { quantization } = read(&directory.config()?)?;
        let arrays = names::unify(checkpoint::arrays(directory)?)?;
        let bias = arrays.get("encoder.pre_encode.out.bias");
        let stored = bias.map_or(Dtype::Float32, Array::dtype);
        let weights = Weights::new(arrays, quantization).with_dtype(dtype);
        let network = weights.build(|w| Network::load(w, &plan))?;
        eval(network.parameters().values())?;
        Ok(Self { network, front: Front::new(&plan.front)?, plan, dtype: dtype.unwrap_or(stored) })
    }

    /// The tokens of mono samples at 16 kHz with their times, in seconds. A model of both kinds hears as transducer.
    ///
    /// # Errors
    /// The checkpoint has no tokenizer, or an op fails.
    pub fn spoken(&self, samples: &[f32]) -> Result<Vec<TimedToken>> {
        let Some(pieces) = &self.plan.pieces else {
            return Err(Error::config("tokenizer.json", "is missing: it has the texts of the tokens"));
        };
        if self.front.count(samples.len()) == 0 {
            return Ok(Vec::new());
        }
        let states = self.hidden(samples)?;
        let spoken = |token: u32, start: usize, end: usize, logprob| {
            let text = pieces.get(token as usize).map(|piece| text(piece)).filter(|text| !text.is_empty())?;
            let [start, end] = [start, end].map(|frame| frame as f64 * self.seconds());
            Some(TimedToken { token, text, start, end, logprob })
        };
        match (&self.network.transducer, &self.plan.transducer) {
            (Some(transducer), Some(plan)) => {
                let heard = transducer.decode(&states, plan, self.plan.blank)?;
                let one = |heard: transducer::Heard| {
                    spoken(heard.token, heard.frame, heard.frame + heard.frames, heard.logprob)
                };
                Ok(heard.into_iter().filter_map(one).collect())
            }
            _ => {
                let emissions = ctc::greedy(&self.scores_of(&states)?, self.plan.blank)?;
                let one = |heard: ctc::Emission| {
                    spoken(heard.token, heard.frames.start, heard.frames.end, heard.logprob)
                };
                Ok(emissions.into_iter().filter_map(one).collect())
            }
        }
    }

    fn scores_of(&self, states: &Array) -> Result<Array> {
        match &self.network.ctc {
            Some(head) => Ok(head.forward(states)?),
            None => Err(Error::option("model", self.name(), "it is a transducer, without a head for CTC")),
        }
    }

    /// Seconds of a state.
    fn seconds(&self) -> f64 {
        let samples = self.front.hop() << self.plan.encoder.halvings;
        samples as f64 / f64::from(Recognizer::RATE)
    }
}

impl Recognize for Parakeet {
    fn name(&self) -> &'static str {
        "parakeet"
    }

    fn options(&self) -> &'static [&'static str] {
        &["word_timestamps"]
    }

    fn longest(&self) -> usize {
        LONGEST
    }

    fn recognize(&self, samples: &[f32], options: &RecognizeOptions) -> Result<Vec<Segment>> {
        Ok(segments(&self.spoken(samples)?, options.word_timestamps))
    }

    fn hidden(&self, samples: &[f32]) -> Result<Array> {
        let samples: Vec<f32> = samples.iter().copied().map(audible).collect();
        let mels = self.plan.encoder.mels;
        let frames = self.front.frames(&samples);
        let count = i32::try_from(frames.len()).unwrap_or(i32::MAX) / mels;
        if count == 0 {
            return Err(Error::option("samples", samples.len(), "there are too few for a frame"));
        }
        let frames = Array::from_vec(frames, [count, mels])?.astype(self.dtype)?;
        Ok(self.network.encoder.forward(&frames)?)
    }

    fn scores(&self, samples: &[f32]) -> Result<Array> {
        self.scores_of(&self.hidden(samples)?)
    }
}

impl Network {
    fn load(w: &Weights, plan: &Plan) -> Result<Self> {
        // What is computed, not learned.
        w.ignore(|name| name.starts_with("preprocessor."));
        let width = plan.encoder.width;
        let ctc = |ctc: &CtcPlan| w.linear_with_bias(ctc.path, [ctc.tokens, width], true);
        let transducer = plan.transducer.as_ref();
        Ok(Self {
            encoder: Encoder::load(&w.at("encoder"), &plan.encoder)?,
            transducer: transducer.map(|plan| Transducer::load(w, plan, width)).transpose()?,
            ctc: plan.ctc.as_ref().map(ctc).transpose()?,
        })
    }
}

/// What a piece writes; nothing for those that stand for something else.
fn text(piece: &str) -> String {
    let stands = piece.starts_with("<|") && piece.ends_with("|>") || ["<unk>", "<pad>"].contains(&piece);
    if stands { String::new() } else { piece.replace('▁', " ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_write_spaces_and_signs_write_nothing() {
        assert_eq!(text("▁the"), " the");
        assert_eq!(text("▁"), " ");
        assert_eq!(["<|en|>", "<unk>", "<pad>"].map(text), [""; 3]);
    }
}
