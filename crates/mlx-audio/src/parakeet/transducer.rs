//! Tokens from the states of frames and the tokens before.
//!
//! Graves, "Sequence Transduction with Recurrent Neural Networks"; Xu et al., "Efficient Sequence Transduction by
//! Jointly Predicting Tokens and Durations".

use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_nn::{Embedding, Linear, Lstm, Module, Weights, relu};

use super::config::{Activation, TransducerPlan};
use crate::Result;

/// What predicts from the tokens before, and what joins that with the sound.
#[derive(Module)]
pub(super) struct Transducer {
    embedding: Embedding,
    memory: Vec<Lstm>,
    from_sound: Linear,
    from_text: Linear,
    head: Linear,
    #[module(skip)]
    activation: Activation,
}

/// A token that was heard.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard {
    pub(super) token: u32,
    /// The frame in which it begins.
    pub(super) frame: usize,
    /// How many frames it takes.
    pub(super) frames: usize,
    pub(super) logprob: f32,
}

/// What is known of the tokens so far.
struct Text {
    /// What is joined with the sound, `[1, joint]`.
    prediction: Array,
    /// Hidden state and cell of each layer.
    state: Vec<[Array; 2]>,
}

impl Transducer {
    pub(super) fn load(w: &Weights, plan: &TransducerPlan, width: i32) -> Result<Self> {
        let prediction = w.at("decoder.prediction");
        let joint = w.at("joint");
        let memory = prediction.at("dec_rnn").each("lstm", plan.layers).enumerate();
        let memory = memory.map(|(at, w)| {
            let inputs = if at == 0 { plan.embedding } else { plan.hidden };
            Ok(Lstm::load(&w, inputs, plan.hidden, true)?)
        });
        let outputs = plan.tokens.saturating_add(i32::try_from(plan.durations.len()).unwrap_or(i32::MAX));
        Ok(Self {
            embedding: prediction.embedding("embed", [plan.rows, plan.embedding])?,
            memory: memory.collect::<Result<_>>()?,
            from_sound: joint.linear_with_bias("enc", [plan.joint, width], true)?,
            from_text: joint.linear_with_bias("pred", [plan.joint, plan.hidden], true)?,
            head: joint.linear_with_bias("joint_net.2", [outputs, plan.joint], true)?,
            activation: plan.activation,
        })
    }

    /// The likeliest tokens of states `[frames, width]`, each taken as soon as it comes.
    pub(super) fn decode(&self, states: &Array, plan: &TransducerPlan, blank: u32) -> Result<Vec<Heard>> {
        let sound = self.from_sound.forward(states)?;
        sound.eval()?;
        let frames = sound.dim(0)?.unsigned_abs() as usize;
        let mut text = self.read(plan.start, &[])?;
        let (mut heard, mut frame, mut here) = (Vec::new(), 0, 0);
        while frame < frames {
            let scores = self.join(&sound, frame, &text)?;
            let split = scores.len().min(plan.tokens.unsigned_abs() as usize);
            let (tokens, durations) = scores.split_at(split);
            let (token, logprob) = likeliest(tokens);
            let is_blank = token == blank as usize;
            let taken = match plan.durations.get(likeliest(durations).0) {
                Some(&frames) => frames as usize,
                None => usize::from(is_blank),
            };
            let mut advance = taken;
            if is_blank {
                advance = advance.max(1);
            } else {
                let frames = if plan.durations.is_empty() { 1 } else { taken };
                heard.push(Heard { token: token as u32, frame, frames, logprob });
                text = self.read(Some(token as u32), &text.state)?;
                here += 1;
            }
            if advance == 0 && here >= plan.most {
                advance = 1;
            }
            here = if advance == 0 { here } else { 0 };
            frame += advance;
        }
        Ok(heard)
    }

    /// Goes on with a token, or zeros if there is none.
    fn read(&self, token: Option<u32>, state: &[[Array; 2]]) -> MlxResult<Text> {
        let mut x = match token {
            Some(token) => self.embedding.forward(&Array::from_slice(&[token], [1, 1])?)?,
            None => self.embedding.forward(&Array::from_slice(&[0], [1, 1])?)?.zeros_like()?,
        };
        let mut next = Vec::with_capacity(self.memory.len());
        for (at, layer) in self.memory.iter().enumerate() {
            let [hidden, cell] =
                state.get(at).map_or([None, None], |[hidden, cell]| [Some(hidden), Some(cell)]);
            let (hidden, cell) = layer.forward(&x, hidden, cell)?;
            next.push([hidden.index((.., -1))?, cell.index((.., -1))?]);
            x = hidden;
        }
        Ok(Text { prediction: self.from_text.forward(&x.index((.., -1))?)?, state: next })
    }

    /// The scores of tokens, then of durations, in a frame.
    fn join(&self, sound: &Array, frame: usize, text: &Text) -> MlxResult<Vec<f32>> {
        let frame = i32::try_from(frame).unwrap_or(i32::MAX);
        let sum = (sound.index(frame..frame + 1)? + &text.prediction)?;
        let bent = match self.activation {
            Activation::Relu => relu(&sum)?,
            Activation::Sigmoid => sum.sigmoid()?,
            Activation::Tanh => sum.tanh()?,
        };
        self.head.forward(&bent)?.astype(Dtype::Float32)?.to_vec()
    }
}

/// The place of the largest score, and the logarithm of its probability.
fn likeliest(scores: &[f32]) -> (usize, f32) {
    let best =
        |best: (usize, f32), (at, &score): (usize, &f32)| if score > best.1 { (at, score) } else { best };
    let (at, most) = scores.iter().enumerate().fold((0, f32::NEG_INFINITY), best);
    (at, -scores.iter().map(|score| (score - most).exp()).sum::<f32>().ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_largest_scores_wins() {
        let (at, logprob) = likeliest(&[0.0, 1.0, 1.0]);
        assert_eq!(at, 1);
        assert!((logprob + (2.0 + (-1.0_f32).exp()).ln()).abs() < 1e-6);
        assert_eq!(likeliest(&[f32::NAN, f32::NAN]).0, 0);
        assert_eq!(likeliest(&[]).0, 0);
    }
}
